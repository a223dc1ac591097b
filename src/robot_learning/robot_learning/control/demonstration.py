"""A recorded demonstration as the start of trajectory optimization: its path, and a controller that stays near it.

A bag or a live recording becomes states and actions as everywhere else (run/episodes.py), at the task's rate. Then

    path = demonstration.path(rollouts, horizon)                       # states (…, N, T' + 1, dx): one or several of each condition
    first = demonstration.tracking(path, gains, variance)              # the robot's own initial gains, or
    first = demonstration.regulating(path, fitted, cost, variance)     # gains from dynamics fitted to the demonstrations

gives the controllers (…, T, …) from which both ilqr.solve and local GPS start, instead of exploring from rest (Kumar, Gupta,
Todorov and Levine 2016, "Learning dexterous manipulation policies from experience and imitation").
"""

from dataclasses import dataclass

import numpy as np

from robot_learning.control import lqr
from robot_learning.control.trajectory import Trajectory
from robot_learning.core.errors import WorkFailed
from robot_learning.core.matrices import apply
from robot_learning.core.types import Array, Dynamics, LinearGaussian, QuadraticCost, Rollouts


@dataclass(frozen=True)
class DemonstrationRules:
    """Settings of an experiment that starts from demonstrations."""

    __pydantic_config__ = {"extra": "forbid"}

    bags: tuple[str, ...] = ()  # folders of recorded episodes; none: the first controllers hold the start
    variance: float = 0.03  # of the first controllers' actions around the path, squared action units


def path(demonstrations: Rollouts, horizon: int) -> Trajectory:
    """The path (…, T, …) to start from, of N demonstrations: states (…, N, T' + 1, dx), actions (…, N, T', du).

    It is the demonstration that lies nearest to the mean of all, in standardized states: unlike the mean itself, which may pass
    through a wall, it is known to be possible. A longer one is cut after T steps; a shorter one stays in its last state without an
    action. WorkFailed: a demonstration is empty or not finite.
    """
    states, actions = (np.asarray(part, dtype=float) for part in demonstrations)
    if actions.shape[-2] == 0 or not (np.all(np.isfinite(states)) and np.all(np.isfinite(actions))):
        raise WorkFailed(f"demonstrations: {actions.shape[-2]} steps; at least one, and finite numbers only, are expected")
    scale = np.std(states.reshape(-1, states.shape[-1]), axis=0)
    apart = (states - np.mean(states, axis=-3, keepdims=True)) / np.where(scale > 0, scale, 1.0)
    nearest = np.argmin(np.sum(apart**2, axis=(-1, -2)), axis=-1)[..., None, None, None]
    states, actions = (np.take_along_axis(part, nearest, axis=-3)[..., 0, :, :] for part in (states, actions))
    missing = max(horizon - actions.shape[-2], 0)
    longer = np.concatenate([states, np.repeat(states[..., -1:, :], missing, axis=-2)], axis=-2)
    idle = np.zeros((*actions.shape[:-2], missing, actions.shape[-1]))
    return Trajectory(longer[..., : horizon + 1, :], np.concatenate([actions, idle], axis=-2)[..., :horizon, :])


def tracking(path: Trajectory, gains: Array, variance: Array | float) -> LinearGaussian:
    """The controller u = û + K (x − x̂) with exploration `variance`, a number or one per action (du,), in squared action units.

    gains: K (du, dx), (T, du, dx) or (…, T, du, dx); those of initial.py's `hold` are the robot's own.
    """
    horizon, du = path.actions.shape[-2:]
    K = np.broadcast_to(gains, (*path.actions.shape, path.states.shape[-1])).astype(float)
    k = path.actions - apply(K, path.states[..., :-1, :])
    covariance = np.broadcast_to(variance, du)[:, None] * np.eye(du)
    return LinearGaussian(K, k, np.broadcast_to(covariance, (*path.actions.shape, du)).copy())


def regulating(path: Trajectory, dynamics: Dynamics, cost: QuadraticCost, variance: Array | float | None) -> LinearGaussian:
    """Like `tracking`, with the gains that are optimal for deviations under fitted `dynamics` and a `cost` expanded on the path.

    variance None: Q_uu⁻¹, as random as the cost lets it be. WorkFailed: these dynamics give gains that are not finite.
    """
    found = lqr.backward(dynamics, cost).controller
    finite = np.all([np.all(np.isfinite(part)) for part in found])
    if not finite:
        raise WorkFailed("demonstrations: the dynamics that were fitted to them give gains that are not finite; more of them may help")
    tracker = tracking(path, found.K, 1.0 if variance is None else variance)
    return tracker if variance is not None else tracker._replace(covariance=found.covariance)
