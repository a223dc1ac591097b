"""Random problems for one local update, half of them as bad as data can be.

The rollouts come from a controller: without feedback and with equal variances as before the first update, or with feedback, an offset
and correlated variances as after some. The spectral radius is that of the system under its controller.

    well-posed   radius up to 1.02 over 5 to 100 steps, at least 4 rollouts more than [x; u] has dimensions, units from 0.1 to 10,
                 variances of an action that differ by up to 100
    ill-posed    radius up to 1.5 over 100 steps or 3 over 10, 1 to 40 rollouts, units from 1e-6 to 1e6, for all states and actions
                 alike or each with its own, variances that differ by up to 1e6, costs of deficient rank; states that are constant,
                 nearly so, duplicated, nearly so, frozen or all zero; actions that are all zero
"""

from typing import NamedTuple

import numpy as np

from robot_learning.core.types import Array, Dynamics, LinearGaussian, QuadraticCost, Rollouts, StateGaussian

EXPLORATION = 0.1  # largest variance of the actions, in their unit
NOISE = 0.01  # standard deviation of the process noise, in the states' unit
SPREAD = 0.1  # standard deviation of the start, in the states' unit
NEARLY = 1e-9  # how much, in the states' unit, a nearly constant state varies
DEGRADATIONS = ("plain", "constant", "nearly constant", "duplicated", "nearly duplicated", "frozen", "zero", "no action")
NATS = (0.1, 1.0, 3.0)  # limits per time step


class Problem(NamedTuple):
    """One condition (C = 1)."""

    rollouts: Rollouts
    truth: Dynamics  # what made them; means nothing where they were degraded afterwards
    initial: StateGaussian  # where they begin
    cost: QuadraticCost
    controller: LinearGaussian  # that made them
    limit: float  # nats over the whole trajectory
    with_prior: bool


class _Size(NamedTuple):
    dx: int
    du: int
    horizon: int
    rollouts: int


class _Plant(NamedTuple):
    """x' = A x + B u + drift + noise under u ~ N(K x + k, C), in units of one."""

    A: Array
    B: Array
    drift: Array
    K: Array
    k: Array
    C: Array
    start: Array


def draw(rng: np.random.Generator, well_posed: bool) -> Problem:
    """A problem."""
    size = _size(rng, well_posed)
    plant = _plant(rng, size, well_posed)
    x_units, u_units, cost_unit = _units(rng, size, well_posed)
    states, actions = _simulate(rng, plant, size)
    if not well_posed:
        states, actions = degraded(states, actions, str(rng.choice(DEGRADATIONS)), rng)
    horizon, each = size.horizon, (1, size.horizon)
    F = np.hstack([plant.A / x_units, plant.B / u_units]) * x_units[:, None]
    noise = np.diag((NOISE * x_units) ** 2)
    truth = Dynamics(*(np.broadcast_to(part, (*each, *part.shape)) for part in (F, x_units * plant.drift, noise)))
    gain, covariance = u_units[:, None] * plant.K / x_units, u_units[:, None] * plant.C * u_units
    controller = LinearGaussian(*(np.broadcast_to(part, (*each, *part.shape)) for part in (gain, u_units * plant.k, covariance)))
    initial = StateGaussian((x_units * plant.start)[None], np.diag((SPREAD * x_units) ** 2)[None])
    cost = _cost(rng, horizon, np.concatenate([x_units, u_units]), cost_unit, size, well_posed)
    limit = horizon * float(rng.choice(NATS))
    return Problem(Rollouts(x_units * states, u_units * actions), truth, initial, cost, controller, limit, bool(rng.integers(2)))


def degraded(states: Array, actions: Array, kind: str, rng: np.random.Generator) -> tuple[Array, Array]:
    """States (1, N, T + 1, dx) and actions (1, N, T, du) that teach less than they should."""
    states, actions = states.copy(), actions.copy()
    little = NEARLY * rng.standard_normal(states.shape[:-1])
    if kind in ("constant", "nearly constant"):
        states[..., 0] = 3.0 + (little if kind.startswith("nearly") else 0.0)
    elif kind in ("duplicated", "nearly duplicated"):
        states[..., -1] = states[..., 0] + (little if kind.startswith("nearly") else 0.0)
    elif kind == "frozen":
        states[:] = states[:, :, :1]
    elif kind == "zero":
        states[:] = 0.0
    elif kind == "no action":
        actions[:] = 0.0
    return states, actions


def _size(rng: np.random.Generator, well_posed: bool) -> _Size:
    dx, du = int(rng.integers(1, 13)), int(rng.integers(1, 5))
    horizon = int(rng.integers(5, 101)) if well_posed else int(rng.choice([10, 100]))
    return _Size(dx, du, horizon, int(rng.integers(dx + du + 4 if well_posed else 1, 41)))


def _plant(rng: np.random.Generator, size: _Size, well_posed: bool) -> _Plant:
    dx, du = size.dx, size.du
    radius = rng.uniform(0.2, 1.02 if well_posed else {10: 3.0, 100: 1.5}[size.horizon])
    led, B = rng.standard_normal((dx, dx)), rng.standard_normal((dx, du))
    led *= radius / np.max(np.abs(np.linalg.eigvals(led)))
    drift, start = 0.1 * rng.standard_normal(dx), rng.standard_normal(dx)
    if rng.integers(2):
        return _Plant(led, B, drift, np.zeros((du, dx)), np.zeros(du), EXPLORATION * np.eye(du), start)
    K, k = rng.standard_normal((du, dx)) / np.sqrt(dx), rng.standard_normal(du)
    axes, _ = np.linalg.qr(rng.standard_normal((du, du)))
    variances = EXPLORATION * 10.0 ** rng.uniform(-2 if well_posed else -6, 0, du)
    return _Plant(led - B @ K, B, drift, K, k, (axes * variances) @ axes.T, start)


def _units(rng: np.random.Generator, size: _Size, well_posed: bool) -> tuple[Array, Array, float]:
    most = 1.0 if well_posed else 6.0
    alike = bool(rng.integers(2))
    x, u = (rng.uniform(-most, most, 1 if alike else n) for n in (size.dx, size.du))
    cost = float(10.0 ** rng.uniform(-most, most))
    return 10.0 ** np.broadcast_to(x, size.dx), 10.0 ** np.broadcast_to(u, size.du), cost


def _simulate(rng: np.random.Generator, plant: _Plant, size: _Size) -> tuple[Array, Array]:
    count, dx, du = size.rollouts, size.dx, size.du
    states, actions = [plant.start + SPREAD * rng.standard_normal((1, count, dx))], []
    noise = np.linalg.cholesky(plant.C) @ rng.standard_normal((1, count, size.horizon, du, 1))
    for t in range(size.horizon):
        actions.append(states[-1] @ plant.K.T + plant.k + noise[:, :, t, :, 0])
        moved = states[-1] @ plant.A.T + actions[-1] @ plant.B.T + plant.drift
        states.append(moved + NOISE * rng.standard_normal((1, count, dx)))
    return np.stack(states, axis=2), np.stack(actions, axis=2)


def _cost(rng: np.random.Generator, horizon: int, units: Array, scale: float, size: _Size, well_posed: bool) -> QuadraticCost:
    """A convex quadratic in the units of states and actions, around a target; the last step costs no action."""
    dim = len(units)
    M = rng.standard_normal((1, horizon + 1, dim if well_posed else int(rng.integers(1, dim + 1)), dim)) / units
    M[:, -1, :, size.dx :] = 0.0
    H = scale * (np.swapaxes(M, -1, -2) @ M)
    target = units * rng.standard_normal(dim)
    target[size.dx :] = 0.0
    g = -(H @ target)
    return QuadraticCost(H, g, -0.5 * (g @ target))
