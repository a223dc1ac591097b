"""Random problems for one local update, half of them as bad as data can be.

A well-posed one has a stable or marginal linear system, more rollouts than unknowns and units near one. An ill-posed one has a
spectral radius up to 1.5 over 100 steps or 3 over 10, 1 to 40 rollouts, units from 1e-6 to 1e6, and states that are constant,
duplicated, frozen or all zero.
"""

from typing import NamedTuple

import numpy as np

from robot_learning.core.types import Array, Dynamics, LinearGaussian, QuadraticCost, Rollouts

EXPLORATION = 0.1  # variance of the actions, in their unit
NOISE = 0.01  # standard deviation of the process noise, in the states' unit
DEGRADATIONS = ("plain", "constant", "duplicated", "still", "zero")
NATS = (0.1, 1.0, 3.0)  # limits per time step


class Problem(NamedTuple):
    """One condition (C = 1)."""

    rollouts: Rollouts
    truth: Dynamics  # what made them; means nothing where the states were degraded afterwards
    cost: QuadraticCost
    controller: LinearGaussian  # that made them
    limit: float  # nats over the whole trajectory
    with_prior: bool


def draw(rng: np.random.Generator, well_posed: bool) -> Problem:
    """A problem."""
    dx, du = int(rng.integers(1, 13)), int(rng.integers(1, 5))
    horizon = int(rng.integers(5, 40)) if well_posed else int(rng.choice([10, 100]))
    radius = rng.uniform(0.2, 1.02 if well_posed else {10: 3.0, 100: 1.5}[horizon])
    count = int(rng.integers(dx + du + 4, 60)) if well_posed else int(rng.integers(1, 41))
    x_unit, u_unit, cost_unit = (1.0, 1.0, 1.0) if well_posed else (float(unit) for unit in 10.0 ** rng.uniform(-6, 6, 3))
    A, B = rng.standard_normal((dx, dx)), rng.standard_normal((dx, du))
    A *= radius / np.max(np.abs(np.linalg.eigvals(A)))
    states, actions = _simulate(rng, A, B, count, horizon)
    rollouts = Rollouts(x_unit * (states if well_posed else degraded(states, str(rng.choice(DEGRADATIONS)))), u_unit * actions)
    F = np.broadcast_to(np.hstack([A, B * x_unit / u_unit]), (1, horizon, dx, dx + du))
    noise = np.broadcast_to((NOISE * x_unit) ** 2 * np.eye(dx), (1, horizon, dx, dx))
    truth = Dynamics(F, np.zeros((1, horizon, dx)), noise)
    covariance = np.broadcast_to(EXPLORATION * u_unit**2 * np.eye(du), (1, horizon, du, du))
    controller = LinearGaussian(np.zeros((1, horizon, du, dx)), np.zeros((1, horizon, du)), covariance)
    cost = _cost(rng, horizon, np.concatenate([np.full(dx, 1 / x_unit), np.full(du, 1 / u_unit)]), cost_unit, du)
    return Problem(rollouts, truth, cost, controller, horizon * float(rng.choice(NATS)), bool(rng.integers(2)))


def degraded(states: Array, kind: str) -> Array:
    """States (1, N, T + 1, dx) that teach less than they should."""
    states = states.copy()
    if kind == "constant":
        states[..., 0] = 3.0
    elif kind == "duplicated":
        states[..., -1] = states[..., 0]
    elif kind == "still":
        states[:] = states[:, :, :1]
    elif kind == "zero":
        states[:] = 0.0
    return states


def _simulate(rng: np.random.Generator, A: Array, B: Array, count: int, horizon: int) -> tuple[Array, Array]:
    dx, du = B.shape
    states = [rng.standard_normal(dx) + 0.1 * rng.standard_normal((1, count, dx))]
    actions = np.sqrt(EXPLORATION) * rng.standard_normal((1, count, horizon, du))
    for t in range(horizon):
        states.append(states[-1] @ A.T + actions[:, :, t] @ B.T + NOISE * rng.standard_normal((1, count, dx)))
    return np.stack(states, axis=2), actions


def _cost(rng: np.random.Generator, horizon: int, units: Array, scale: float, du: int) -> QuadraticCost:
    """A convex quadratic in the units of states and actions; the last step costs no action."""
    dim = len(units)
    M = rng.standard_normal((1, horizon + 1, dim, dim))
    H = scale * (M @ np.swapaxes(M, -1, -2)) * units[:, None] * units
    H[:, -1, dim - du :], H[:, -1, :, dim - du :] = 0.0, 0.0
    return QuadraticCost(H, np.zeros(H.shape[:-1]), np.zeros(H.shape[:-2]))
