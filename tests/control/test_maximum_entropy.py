"""The regulator's covariance makes it the controller of least expected cost minus entropy."""

import numpy as np
from numpy.testing import assert_allclose
from test_lqr import random_problem

from robot_learning.control import kl_lqr, lqr
from robot_learning.core.types import LinearGaussian, QuadraticCost, StateGaussian


def free_energy(dynamics, cost, controller, initial, temperature=1.0):
    """Σ_t E[ℓ(x_t, u_t)] − temperature · Σ_t H(p(u_t | x_t)), in units of the cost."""
    expected = np.sum(lqr.expected_cost(cost, lqr.joint(lqr.forward(dynamics, controller, initial), controller)), axis=-1)
    du = controller.k.shape[-1]
    entropy = 0.5 * (np.linalg.slogdet(controller.covariance)[1] + du * np.log(2 * np.pi * np.e))
    return expected - temperature * np.sum(entropy, axis=-1)


def initial_of(dx):
    return StateGaussian(np.ones(dx), 0.5 * np.eye(dx))


def test_no_other_linear_gaussian_controller_has_less_cost_minus_entropy():
    rng = np.random.default_rng(0)
    dynamics, cost = random_problem(rng, 4, 2, 6, 0.9)
    best = lqr.backward(dynamics, cost).controller
    least = free_energy(dynamics, cost, best, initial_of(4))
    for scale in (1e-3, 1e-2, 1e-1, 1.0):
        for _ in range(20):
            K, k = (part + scale * rng.standard_normal(part.shape) for part in best[:2])
            G = scale * rng.standard_normal(best.covariance.shape)
            tilt = np.eye(2) + G
            others = (
                best._replace(K=K),
                best._replace(k=k),
                best._replace(covariance=tilt @ best.covariance @ np.swapaxes(tilt, -1, -2)),
                LinearGaussian(K, k, best.covariance * np.exp(scale * rng.standard_normal())),
            )
            assert all(free_energy(dynamics, cost, other, initial_of(4)) > least for other in others)


def test_one_step_has_the_closed_form_of_the_boltzmann_distribution():
    """With one action, p(u | x) ∝ exp(−ℓ(x, u) − E ℓ(x')), and cost minus entropy is −log of its integral, here over a grid."""
    rng = np.random.default_rng(1)
    dynamics, cost = random_problem(rng, 2, 1, 1, 0.9)
    controller = lqr.backward(dynamics, cost).controller
    start = np.array([0.3, -0.2])
    u = np.linspace(-30, 30, 200_001)[:, None]
    z = np.hstack([np.broadcast_to(start, (len(u), 2)), u])
    after = z @ dynamics.F[0].T + dynamics.f[0]
    value = 0.5 * np.sum((z @ cost.H[0]) * z, axis=1) + z @ cost.g[0] + cost.c[0]
    value += 0.5 * np.sum((after @ cost.H[1, :2, :2]) * after, axis=1) + after @ cost.g[1, :2] + cost.c[1]
    value += 0.5 * np.trace(cost.H[1, :2, :2] @ dynamics.noise[0])
    weight = np.exp(-(value - np.min(value)))
    width = u[1, 0] - u[0, 0]
    mean = np.sum(weight * u[:, 0]) / np.sum(weight)
    assert_allclose(controller.K[0] @ start + controller.k[0], mean, atol=1e-6)
    assert_allclose(controller.covariance[0, 0, 0], np.sum(weight * (u[:, 0] - mean) ** 2) / np.sum(weight), rtol=1e-6)
    found = free_energy(dynamics, cost, controller, StateGaussian(start, np.zeros((2, 2))))
    assert_allclose(found, np.min(value) - np.log(np.sum(weight) * width), rtol=1e-6)


def test_a_temperature_scales_the_covariance_and_nothing_else():
    rng = np.random.default_rng(2)
    dynamics, cost = random_problem(rng, 3, 2, 5, 1.1)
    plain = lqr.backward(dynamics, cost).controller
    hot = lqr.backward(dynamics, QuadraticCost(*(part / 7.0 for part in cost))).controller
    assert_allclose(hot.K, plain.K, rtol=1e-8, atol=1e-10)
    assert_allclose(hot.k, plain.k, rtol=1e-8, atol=1e-10)
    assert_allclose(hot.covariance, 7.0 * plain.covariance, rtol=1e-8)
    warmer = hot._replace(covariance=1.3 * hot.covariance)
    assert free_energy(dynamics, cost, warmer, initial_of(3), 7.0) > free_energy(dynamics, cost, hot, initial_of(3), 7.0)


def test_without_a_binding_limit_the_constrained_step_is_the_maximum_entropy_controller_of_cost_and_multiplier():
    """At its multiplier η the constrained controller is that of maximum entropy for ℓ/η − log p̄ (Levine and Abbeel 2014)."""
    rng = np.random.default_rng(3)
    dynamics, cost = (type(p)(*(part[None] for part in p)) for p in random_problem(rng, 3, 1, 5, 0.9))
    K, k = 0.1 * rng.standard_normal((1, 5, 1, 3)), rng.standard_normal((1, 5, 1))
    previous = LinearGaussian(K, k, np.full((1, 5, 1, 1), 0.3))
    initial = StateGaussian(np.ones((1, 3)), 0.1 * np.eye(3)[None])
    step = kl_lqr.update(dynamics, cost, previous, initial, np.array([1.0]))
    precision = 1 / 0.3
    H, g = cost.H / step.eta[0], cost.g / step.eta[0]
    to_action = np.concatenate([-K, np.ones((1, 5, 1, 1))], axis=-1)  # u − K x
    H[:, :-1] += precision * np.swapaxes(to_action, -1, -2) @ to_action
    g[:, :-1] -= precision * to_action[..., 0, :] * k
    expected = lqr.backward(dynamics, QuadraticCost(H, g, cost.c)).controller
    for found, wanted in zip(step.controller, expected, strict=True):
        assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)
