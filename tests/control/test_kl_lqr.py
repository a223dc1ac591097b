"""The KL-constrained step: its divergence is one, its limit is met, and nothing it is given makes it fail silently."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from robot_learning.control import kl_lqr, lqr
from robot_learning.core.types import Dynamics, LinearGaussian, QuadraticCost, StateGaussian


def problem(seed, conditions=2, horizon=20, dx=6, du=2, radius=0.95):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((conditions, horizon, dx, dx))
    A *= radius / np.max(np.abs(np.linalg.eigvals(A)), axis=-1)[..., None, None]
    B = rng.standard_normal((conditions, horizon, dx, du))
    noise = np.broadcast_to(1e-3 * np.eye(dx), A.shape)
    dynamics = Dynamics(np.concatenate([A, B], axis=-1), 0.1 * rng.standard_normal((conditions, horizon, dx)), noise)
    M = rng.standard_normal((conditions, horizon + 1, dx + du, dx + du))
    H = M @ np.swapaxes(M, -1, -2)
    g = rng.standard_normal((conditions, horizon + 1, dx + du))
    H[:, -1, dx:], H[:, -1, :, dx:], g[:, -1, dx:] = 0.0, 0.0, 0.0
    spread = rng.standard_normal((conditions, horizon, du, du))
    previous = LinearGaussian(
        0.1 * rng.standard_normal((conditions, horizon, du, dx)),
        rng.standard_normal((conditions, horizon, du)),
        0.1 * np.eye(du) + 0.1 * spread @ np.swapaxes(spread, -1, -2),
    )
    initial = StateGaussian(rng.standard_normal((conditions, dx)), np.broadcast_to(1e-3 * np.eye(dx), (conditions, dx, dx)))
    return dynamics, QuadraticCost(H, g, np.zeros((conditions, horizon + 1))), previous, initial


def expected(dynamics, cost, controller, initial):
    return np.sum(lqr.expected_cost(cost, lqr.joint(lqr.forward(dynamics, controller, initial), controller)), axis=-1)


def test_the_divergence_from_oneself_is_exactly_zero():
    dynamics, _, controller, initial = problem(0, radius=2.0)
    nats = kl_lqr.divergence(controller, controller, lqr.forward(dynamics, controller, initial))
    assert np.all((nats >= 0.0) & (nats < 1e-12))


def test_the_divergence_is_the_mean_log_ratio_of_the_densities():
    dynamics, _, old, initial = problem(1, conditions=1, horizon=3)
    rng = np.random.default_rng(2)
    new = LinearGaussian(old.K + 0.2 * rng.standard_normal(old.K.shape), old.k + 0.2, 0.7 * old.covariance)
    states = lqr.forward(dynamics, new, initial)
    found = kl_lqr.divergence(new, old, states)[0]
    count = 200_000
    for t in range(3):
        x = rng.multivariate_normal(states.mean[0, t], states.covariance[0, t], count)
        u = x @ new.K[0, t].T + new.k[0, t] + rng.multivariate_normal(np.zeros(2), new.covariance[0, t], count)
        ratio = _log_density(u, x, new, t) - _log_density(u, x, old, t)
        assert abs(np.mean(ratio) - found[t]) < 5 * np.std(ratio) / np.sqrt(count)


def _log_density(u, x, controller, t):
    C = controller.covariance[0, t]
    error = u - x @ controller.K[0, t].T - controller.k[0, t]
    return -0.5 * np.sum(error @ np.linalg.inv(C) * error, axis=1) - 0.5 * np.linalg.slogdet(2 * np.pi * C)[1]


@pytest.mark.parametrize("nats", [1e-3, 1.0, 100.0])
def test_the_limit_is_met_and_the_cost_falls(nats):
    dynamics, cost, previous, initial = problem(3)
    step = kl_lqr.update(dynamics, cost, previous, initial, np.full(2, nats))
    assert step.outcome == ("met", "met")
    assert_allclose(step.kl, nats, rtol=0.1)
    again = np.sum(kl_lqr.divergence(step.controller, previous, lqr.forward(dynamics, step.controller, initial)), axis=-1)
    assert_allclose(again, step.kl, rtol=1e-6)
    fall = expected(dynamics, cost, previous, initial) - expected(dynamics, cost, step.controller, initial)
    assert_allclose(fall, step.improvement, rtol=1e-6)
    assert np.all(fall > 0)


def test_no_controller_with_the_same_divergence_is_better():
    dynamics, cost, previous, initial = problem(4, conditions=1, horizon=5)
    step = kl_lqr.update(dynamics, cost, previous, initial, np.array([2.0]))
    best = expected(dynamics, cost, step.controller, initial) + step.eta * step.kl
    rng = np.random.default_rng(0)
    for scale in (1e-3, 1e-2, 1e-1) * 10:
        K = step.controller.K + scale * rng.standard_normal(step.controller.K.shape)
        k = step.controller.k + scale * rng.standard_normal(step.controller.k.shape)
        other = LinearGaussian(K, k, step.controller.covariance * np.exp(scale * rng.standard_normal()))
        kl = np.sum(kl_lqr.divergence(other, previous, lqr.forward(dynamics, other, initial)), axis=-1)
        assert np.all(expected(dynamics, cost, other, initial) + step.eta * kl > best)


def test_each_condition_has_its_own_multiplier_and_the_others_do_not_matter():
    dynamics, cost, previous, initial = problem(5, conditions=3)
    limit = np.array([0.1, 1.0, 10.0])
    together = kl_lqr.update(dynamics, cost, previous, initial, limit)
    assert together.eta[0] > together.eta[1] > together.eta[2]
    pick = [part[1:2] for group in (dynamics, cost, previous, initial) for part in group]
    alone = kl_lqr.update(Dynamics(*pick[:3]), QuadraticCost(*pick[3:6]), LinearGaussian(*pick[6:9]), StateGaussian(*pick[9:]), limit[1:2])
    assert_allclose(alone.controller.K, together.controller.K[1:2], rtol=1e-8, atol=1e-10)


def test_a_warm_start_saves_evaluations():
    dynamics, cost, previous, initial = problem(6)
    cold = kl_lqr.update(dynamics, cost, previous, initial, np.full(2, 3.0))
    warm = kl_lqr.update(dynamics, cost, previous, initial, np.full(2, 3.0), cold.eta)
    assert np.all(warm.evaluations == 1)


def test_the_covariance_has_a_floor():
    dynamics, cost, previous, initial = problem(7)
    step = kl_lqr.update(dynamics, cost, previous, initial, np.full(2, 100.0), floor=0.05)
    assert np.min(np.linalg.eigvalsh(step.controller.covariance)) > 0.05 * (1 - 1e-9)
    assert_allclose(step.kl, 100.0, rtol=0.1)


def test_without_a_cost_nothing_changes():
    dynamics, cost, previous, initial = problem(8)
    nothing = QuadraticCost(*(np.zeros_like(part) for part in cost))
    step = kl_lqr.update(dynamics, nothing, previous, initial, np.ones(2))
    assert step.outcome == ("inactive", "inactive")
    assert_allclose(step.kl, 0.0, atol=1e-12)
    assert_allclose(step.controller.covariance, previous.covariance, rtol=1e-9)


def test_a_hopeless_condition_keeps_its_controller_and_says_why():
    dynamics, cost, previous, initial = problem(9)
    dynamics.F[0, 3] = np.nan
    step = kl_lqr.update(dynamics, cost, previous, initial, np.ones(2))
    assert step.outcome[0].startswith("rejected: ")
    assert step.outcome[1] == "met"
    assert np.array_equal(step.controller.K[0], previous.K[0])
    assert np.all(np.isfinite(step.controller.K))
    assert step.kl[0] == 0.0


@pytest.mark.parametrize(("size", "rejected"), [(1.0, False), (1e6, False), (1e18, True)])
def test_a_controller_that_rounding_would_spoil_is_not_used(size, rejected):
    """Far from the origin with feedback, u = K x + k is a small difference of large numbers."""
    dynamics, cost, previous, initial = problem(10)
    there = np.full(6, size)
    moved = dynamics._replace(f=dynamics.f + there - dynamics.F[..., :6] @ there)
    same = previous._replace(k=previous.k - previous.K @ there)
    start = initial._replace(mean=initial.mean + there)
    step = kl_lqr.update(moved, cost._replace(g=cost.g - cost.H[..., :6] @ there), same, start, np.ones(2))
    assert all(("rounding" in outcome) == rejected for outcome in step.outcome)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    horizon=st.integers(1, 30),
    dx=st.integers(1, 10),
    du=st.integers(1, 4),
    radius=st.floats(0.1, 2.0),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    nats=st.sampled_from([1e-3, 1.0, 30.0]),
)
def test_divergences_are_never_negative_and_never_above_the_limit(seed, horizon, dx, du, radius, scale, nats):
    dynamics, cost, previous, initial = problem(seed, 2, horizon, dx, du, radius)
    cost = QuadraticCost(*(scale * part for part in cost))
    step = kl_lqr.update(dynamics, cost, previous, initial, np.full(2, nats))
    assert all(np.all(np.isfinite(part)) for part in step.controller)
    assert np.all(step.kl >= 0)
    assert np.all(step.kl <= 1.1 * nats)
    assert all(outcome == "met" for outcome in step.outcome)
    assert np.all(step.improvement > 0)


def bond(seed, conditions=2, horizon=20, dx=6, du=2, weight=1.0, entropy=None):
    """A bond with a random policy; its weights differ from step to step."""
    rng = np.random.default_rng(seed)
    spread = rng.standard_normal((conditions, horizon, du, du))
    policy = LinearGaussian(
        0.3 * rng.standard_normal((conditions, horizon, du, dx)),
        rng.standard_normal((conditions, horizon, du)),
        0.05 * np.eye(du) + 0.1 * spread @ np.swapaxes(spread, -1, -2),
    )
    weights = weight * rng.uniform(0.5, 2.0, (conditions, horizon))
    linear = weight * rng.standard_normal((conditions, horizon, dx + du))
    return kl_lqr.Bond(policy, weights, linear, weights if entropy is None else np.full_like(weights, entropy))


def objective(dynamics, cost, controller, initial, ties):
    """Cost and ν KL(p ‖ π) + bᵀz with plain formulas; ρ = ν."""
    states = lqr.forward(dynamics, controller, initial)
    nats = kl_lqr.divergence(controller, ties.policy, states)
    linear = np.sum(ties.linear * lqr.joint(states, controller).mean[:, :-1], axis=-1)
    return expected(dynamics, cost, controller, initial) + np.sum(ties.weight * nats + linear, axis=-1)


@pytest.mark.parametrize("floor", [0.0, 0.05])
def test_a_bond_without_weight_changes_no_bit(floor):
    dynamics, cost, previous, initial = problem(10)
    plain = kl_lqr.update(dynamics, cost, previous, initial, np.full(2, 3.0), floor=floor)
    tied = kl_lqr.update(dynamics, cost, previous, initial, np.full(2, 3.0), floor=floor, bond=bond(0, weight=0.0))
    assert plain.outcome == tied.outcome
    for field in plain._fields[1:-1]:
        assert np.array_equal(getattr(plain, field), getattr(tied, field))
    assert all(np.array_equal(a, b) for a, b in zip(plain.controller, tied.controller, strict=True))
    assert np.array_equal(plain.gain, plain.improvement)


def moved(controller, direction, distance):
    K, k, spread = direction
    return LinearGaussian(controller.K + distance * K, controller.k + distance * k, controller.covariance * np.exp(distance * spread))


@pytest.mark.parametrize("weight", [0.1, 10.0])
def test_with_a_bond_the_slope_of_what_is_minimised_is_zero_in_every_direction(weight):
    dynamics, cost, previous, initial = problem(11, conditions=1, horizon=5)
    ties = bond(1, conditions=1, horizon=5, weight=weight)
    step = kl_lqr.update(dynamics, cost, previous, initial, np.array([2.0]), bond=ties)
    assert step.outcome == ("met",)

    def value(controller):
        kl = np.sum(kl_lqr.divergence(controller, previous, lqr.forward(dynamics, controller, initial)), axis=-1)
        return (objective(dynamics, cost, controller, initial, ties) + step.eta * kl)[0]

    rng = np.random.default_rng(0)
    for _ in range(20):
        direction = rng.standard_normal(previous.K.shape), rng.standard_normal(previous.k.shape), rng.standard_normal()
        h = 1e-4
        at, up, down = value(step.controller), value(moved(step.controller, direction, h)), value(moved(step.controller, direction, -h))
        assert min(up, down) > at
        assert abs(up - down) < 1e-3 * (up + down - 2 * at)  # the slope vanishes beside the curvature


def test_the_gain_is_the_fall_of_cost_and_bond():
    dynamics, cost, previous, initial = problem(12)
    ties = bond(2)
    step = kl_lqr.update(dynamics, cost, previous, initial, np.full(2, 5.0), bond=ties)
    fall = objective(dynamics, cost, previous, initial, ties) - objective(dynamics, cost, step.controller, initial, ties)
    assert_allclose(step.gain, fall, rtol=1e-6)
    costs = expected(dynamics, cost, previous, initial) - expected(dynamics, cost, step.controller, initial)
    assert_allclose(step.improvement, costs, rtol=1e-6, atol=1e-9)


def test_with_nothing_but_a_bond_the_controller_becomes_the_policy():
    dynamics, cost, previous, initial = problem(13)
    free = QuadraticCost(*(np.zeros_like(part) for part in cost))
    ties = bond(3)
    ties = ties._replace(linear=np.zeros_like(ties.linear))
    step = kl_lqr.update(dynamics, free, previous, initial, np.full(2, 1e6), bond=ties)
    assert step.outcome == ("inactive", "inactive")
    for found, wanted in zip(step.controller, ties.policy, strict=True):
        assert_allclose(found, wanted, atol=1e-4)
    square = kl_lqr.update(dynamics, free, previous, initial, np.full(2, 100.0), bond=ties._replace(entropy=np.zeros_like(ties.entropy)))
    assert np.all(np.linalg.eigvalsh(previous.covariance - square.controller.covariance) > 0)  # a square alone says nothing for variance


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dx=st.integers(1, 8),
    du=st.integers(1, 4),
    radius=st.floats(0.1, 1.5),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    nats=st.sampled_from([1e-3, 1.0, 30.0]),
    weight=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_with_any_bond_divergences_keep_their_bounds(seed, dx, du, radius, scale, nats, weight):
    dynamics, cost, previous, initial = problem(seed, 2, 12, dx, du, radius)
    cost = QuadraticCost(*(scale * part for part in cost))
    ties = bond(seed, 2, 12, dx, du, weight)
    step = kl_lqr.update(dynamics, cost, previous, initial, np.full(2, nats), bond=ties)
    assert all(np.all(np.isfinite(part)) for part in step.controller)
    assert np.all(step.kl >= 0)
    assert np.all(step.kl <= 1.1 * nats)
    assert all(outcome in ("met", "inactive") for outcome in step.outcome)
    assert np.all(step.gain >= 0)
