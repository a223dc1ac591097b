"""Whole local updates on random problems, half of them ill-posed: never an exception, a NaN, or a divergence out of its bounds."""

import numpy as np
import pytest

from robot_learning.algorithms import dynamics
from robot_learning.control import kl_lqr, lqr
from robot_learning.core import gmm
from robot_learning.core.types import Dynamics, LinearGaussian, QuadraticCost, Rollouts


def problem(rng, well_posed):
    """Rollouts of a random linear system, its matrices, a cost, and the controller that made the rollouts."""
    dx, du = int(rng.integers(1, 13)), int(rng.integers(1, 5))
    horizon = int(rng.integers(5, 40)) if well_posed else int(rng.choice([10, 100]))
    radius = rng.uniform(0.2, 1.02 if well_posed else {10: 3.0, 100: 1.5}[horizon])
    count = int(rng.integers(dx + du + 4, 60)) if well_posed else int(rng.integers(1, 41))
    x_unit, u_unit, cost_unit = (1.0, 1.0, 1.0) if well_posed else 10.0 ** rng.uniform(-6, 6, 3)
    A, B = rng.standard_normal((dx, dx)), rng.standard_normal((dx, du))
    A *= radius / np.max(np.abs(np.linalg.eigvals(A)))
    states = [rng.standard_normal(dx) + 0.1 * rng.standard_normal((1, count, dx))]
    actions = np.sqrt(0.1) * rng.standard_normal((1, count, horizon, du))
    for t in range(horizon):
        states.append(states[-1] @ A.T + actions[:, :, t] @ B.T + 0.01 * rng.standard_normal((1, count, dx)))
    rollouts = Rollouts(x_unit * degraded(np.stack(states, axis=2), rng, well_posed), u_unit * actions)
    units = np.concatenate([np.full(dx, 1 / x_unit), np.full(du, 1 / u_unit)])
    M = rng.standard_normal((1, horizon + 1, dx + du, dx + du))
    H = cost_unit * (M @ np.swapaxes(M, -1, -2)) * units[:, None] * units
    H[:, -1, dx:], H[:, -1, :, dx:] = 0.0, 0.0
    cost = QuadraticCost(H, np.zeros(H.shape[:-1]), np.zeros(H.shape[:-2]))
    covariance = np.broadcast_to(0.1 * u_unit**2 * np.eye(du), (1, horizon, du, du))
    controller = LinearGaussian(np.zeros((1, horizon, du, dx)), np.zeros((1, horizon, du)), covariance)
    F = np.broadcast_to(np.hstack([A, B]), (1, horizon, dx, dx + du))
    truth = Dynamics(F, np.zeros((1, horizon, dx)), np.broadcast_to(1e-4 * np.eye(dx), (1, horizon, dx, dx)))
    return rollouts, truth, cost, controller


def degraded(states, rng, well_posed):
    kind = "plain" if well_posed else rng.choice(["plain", "constant", "duplicated", "still", "zero"])
    if kind == "constant":
        states[..., 0] = 3.0
    elif kind == "duplicated":
        states[..., -1] = states[..., 0]
    elif kind == "still":
        states[:] = states[:, :, :1]
    elif kind == "zero":
        states[:] = 0.0
    return states


@pytest.mark.parametrize("seed", range(30))
def test_an_update_is_finite_and_within_its_bounds(seed):
    rng = np.random.default_rng(seed)
    well_posed = seed % 2 == 0
    rollouts, truth, cost, controller = problem(rng, well_posed)
    prior = None
    if rng.integers(2):
        points = dynamics.transitions(rollouts).reshape(-1, rollouts.states.shape[-1] * 2 + rollouts.actions.shape[-1])
        prior = gmm.fit(points, max(1, min(4, len(points) // 40)), seed).mixture
    initial = dynamics.initial_state(rollouts)
    nats = rollouts.actions.shape[2] * rng.choice([0.1, 1.0, 3.0])
    step = kl_lqr.update(dynamics.fit(rollouts, prior), cost, controller, initial, np.array([nats]))
    assert all(np.all(np.isfinite(part)) for part in step.controller)
    assert 0.0 <= step.kl[0] <= 1.1 * nats
    if step.outcome == ("met",):
        assert step.kl[0] >= 0.9 * nats
    if well_posed:
        assert step.outcome == ("met",)
        before, after = (
            np.sum(lqr.expected_cost(cost, lqr.joint(lqr.forward(truth, each, initial), each))) for each in (controller, step.controller)
        )
        assert after < before
