"""The regulator against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from robot_learning.control import lqr
from robot_learning.core.types import Dynamics, LinearGaussian, QuadraticCost, StateGaussian


def double_integrator(horizon, dt=0.1):
    A, B = np.array([[1.0, dt], [0.0, 1.0]]), np.array([[0.5 * dt**2], [dt]])
    F = np.broadcast_to(np.hstack([A, B]), (horizon, 2, 3))
    return A, B, Dynamics(F, np.zeros((horizon, 2)), np.zeros((horizon, 2, 2)))


def quadratic(Q, R, final, horizon):
    dx, du = len(Q), len(R)
    H = np.zeros((horizon + 1, dx + du, dx + du))
    H[:, :dx, :dx], H[:-1, dx:, dx:] = Q, R
    H[-1, :dx, :dx] = final
    return QuadraticCost(H, np.zeros((horizon + 1, dx + du)), np.zeros(horizon + 1))


def random_problem(rng, dx, du, horizon, radius, batch=()):
    A = rng.standard_normal((*batch, horizon, dx, dx))
    A *= radius / np.max(np.abs(np.linalg.eigvals(A)), axis=-1)[..., None, None]
    B = rng.standard_normal((*batch, horizon, dx, du))
    N = rng.standard_normal((*batch, horizon, dx, dx))
    dynamics = Dynamics(np.concatenate([A, B], axis=-1), rng.standard_normal((*batch, horizon, dx)), N @ np.swapaxes(N, -1, -2))
    M = rng.standard_normal((*batch, horizon + 1, dx + du, dx + du))
    H = M @ np.swapaxes(M, -1, -2)
    g = rng.standard_normal((*batch, horizon + 1, dx + du))
    H[..., -1, dx:, :], H[..., -1, :, dx:], g[..., -1, dx:] = 0.0, 0.0, 0.0
    return dynamics, QuadraticCost(H, g, rng.standard_normal((*batch, horizon + 1)))


def total_cost(dynamics, cost, start, actions):
    x, total = start, 0.0
    for t, u in enumerate([*actions, np.zeros(actions.shape[-1])]):
        z = np.concatenate([x, u])
        total += 0.5 * z @ cost.H[t] @ z + cost.g[t] @ z + cost.c[t]
        if t < len(actions):
            x = dynamics.F[t] @ z + dynamics.f[t]
    return total


def test_the_gain_of_a_long_horizon_solves_the_algebraic_riccati_equation():
    A, B, dynamics = double_integrator(600)
    Q, R = np.diag([1.0, 0.1]), np.array([[0.05]])
    # the stable invariant subspace of the symplectic matrix: no recursion in it
    inverse = np.linalg.inv(A).T
    G = B @ np.linalg.inv(R) @ B.T
    values, vectors = np.linalg.eig(np.block([[A + G @ inverse @ Q, -G @ inverse], [-inverse @ Q, inverse]]))
    stable = vectors[:, np.abs(values) < 1]
    P = np.real(stable[2:] @ np.linalg.inv(stable[:2]))
    K = -np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A)
    found = lqr.backward(dynamics, quadratic(Q, R, Q, 600)).controller
    assert_allclose(found.K[0], K, rtol=1e-9)
    assert_allclose(found.covariance[0], np.linalg.inv(R + B.T @ P @ B), rtol=1e-9)


def test_the_controller_is_the_solution_of_one_large_least_squares_problem():
    rng = np.random.default_rng(0)
    dx, du, horizon = 4, 2, 6
    dynamics, cost = random_problem(rng, dx, du, horizon, 1.2)
    start = rng.standard_normal(dx)
    found = lqr.backward(dynamics, cost).controller
    x, actions = start, []
    for t in range(horizon):
        actions.append(found.K[t] @ x + found.k[t])
        x = dynamics.F[t] @ np.concatenate([x, actions[-1]]) + dynamics.f[t]
    # the cost is quadratic in all actions together: its exact gradient and Hessian come from evaluating it at unit steps
    n = du * horizon
    value = lambda u: total_cost(dynamics, cost, start, u.reshape(horizon, du))  # noqa: E731
    I = np.eye(n)  # noqa: E741
    zero = value(np.zeros(n))
    gradient = np.array([(value(I[i]) - value(-I[i])) / 2 for i in range(n)])
    hessian = np.array([[value(I[i] + I[j]) - value(I[i]) - value(I[j]) + zero for j in range(n)] for i in range(n)])
    assert_allclose(np.concatenate(actions), -np.linalg.solve(hessian, gradient), rtol=1e-6, atol=1e-8)


def test_a_batch_is_solved_as_its_parts_are():
    rng = np.random.default_rng(1)
    dynamics, cost = random_problem(rng, 5, 2, 8, 1.1, (2, 3))
    together = lqr.backward(dynamics, cost)
    alone = lqr.backward(Dynamics(*(part[1, 2] for part in dynamics)), QuadraticCost(*(part[1, 2] for part in cost)))
    for a, b in zip(together.controller, alone.controller, strict=True):
        assert_allclose(a[1, 2], b, rtol=1e-10, atol=1e-12)


def test_maximum_entropy_rollouts_have_the_predicted_moments():
    rng = np.random.default_rng(2)
    dynamics, cost = random_problem(rng, 3, 2, 4, 0.9)
    controller = lqr.backward(dynamics, cost).controller
    initial = StateGaussian(rng.standard_normal(3), 0.1 * np.eye(3))
    predicted = lqr.forward(dynamics, controller, initial)
    count = 200_000
    x = rng.multivariate_normal(*initial, count)
    for t in range(4):
        u = x @ controller.K[t].T + controller.k[t] + rng.multivariate_normal(np.zeros(2), controller.covariance[t], count)
        x = np.hstack([x, u]) @ dynamics.F[t].T + dynamics.f[t] + rng.multivariate_normal(np.zeros(3), dynamics.noise[t], count)
    scale = np.sqrt(np.max(predicted.covariance[-1]))
    assert_allclose(x.mean(axis=0), predicted.mean[-1], atol=0.01 * scale)
    assert_allclose(np.cov(x.T), predicted.covariance[-1], atol=0.02 * scale**2)


def test_the_expected_cost_is_the_mean_cost():
    rng = np.random.default_rng(3)
    dynamics, cost = random_problem(rng, 3, 1, 3, 0.9)
    controller = LinearGaussian(0.1 * rng.standard_normal((3, 1, 3)), rng.standard_normal((3, 1)), np.full((3, 1, 1), 0.2))
    initial = StateGaussian(np.ones(3), 0.01 * np.eye(3))
    expected = lqr.expected_cost(cost, lqr.joint(lqr.forward(dynamics, controller, initial), controller))
    count = 100_000
    x = rng.multivariate_normal(*initial, count)
    for t in range(4):
        u = np.zeros((count, 1))
        if t < 3:
            u = x @ controller.K[t].T + controller.k[t] + np.sqrt(0.2) * rng.standard_normal((count, 1))
        z = np.hstack([x, u])
        costs = 0.5 * np.sum((z @ cost.H[t]) * z, axis=1) + z @ cost.g[t] + cost.c[t]
        assert abs(np.mean(costs) - expected[t]) < 5 * np.std(costs) / np.sqrt(count)
        if t < 3:
            x = z @ dynamics.F[t].T + dynamics.f[t] + rng.multivariate_normal(np.zeros(3), dynamics.noise[t], count)


def test_an_indefinite_problem_is_repaired_and_reported():
    _, _, dynamics = double_integrator(5)
    cost = quadratic(np.eye(2), np.array([[-1.0]]), np.eye(2), 5)
    solution = lqr.backward(dynamics, cost, least=0.1)
    assert solution.repairs > 0
    assert all(np.all(np.isfinite(part)) for part in solution.controller)
    assert np.all(np.linalg.eigvalsh(solution.controller.covariance) > 0)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dx=st.integers(1, 12),
    du=st.integers(1, 4),
    radius=st.floats(0.1, 2.0),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_covariances_are_symmetric_and_positive(seed, dx, du, radius, scale):
    dynamics, cost = random_problem(np.random.default_rng(seed), dx, du, 20, radius)
    cost = QuadraticCost(*(scale * part for part in cost))
    C = lqr.backward(dynamics, cost).controller.covariance
    assert np.array_equal(C, np.swapaxes(C, -1, -2)) or np.max(np.abs(C - np.swapaxes(C, -1, -2))) <= 1e-15 * np.max(np.abs(C))
    assert np.all(np.linalg.eigvalsh(C) > -1e-12 * np.max(np.abs(C)))


def test_unequal_shapes_do_not_pass_silently():
    _, _, dynamics = double_integrator(5)
    with pytest.raises((ValueError, IndexError)):
        lqr.backward(dynamics, quadratic(np.eye(3), np.eye(1), np.eye(3), 5))
