"""Trajectories, and running controllers under known dynamics."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.control.finite_differences import Step
from robot_learning.core.matrices import apply
from robot_learning.core.types import Array, LinearGaussian


class Trajectory(NamedTuple):
    """States and the actions between them."""

    states: Array  # (…, T + 1, dx)
    actions: Array  # (…, T, du)


def open_loop(actions: Array, state_dim: int, variance: float = 1.0) -> LinearGaussian:
    """The controller (…, T, …) without feedback that takes `actions` (…, T, du)."""
    du = actions.shape[-1]
    K = np.zeros((*actions.shape, state_dim))
    return LinearGaussian(K, np.array(actions, dtype=float), np.broadcast_to(variance * np.eye(du), (*actions.shape, du)).copy())


def run(step: Step, start: Array, around: Trajectory, K: Array, k: Array) -> tuple[Trajectory, NDArray[np.bool_]]:
    """N runs of u = û + k + K (x − x̂) from `start` (N, dx), and which (N,) stayed finite. A run that did not goes on from its start."""
    horizon = k.shape[-2]
    states, actions = np.empty((*start.shape[:1], horizon + 1, start.shape[-1])), np.empty(k.shape)
    alive = np.all(np.isfinite(start), axis=-1)
    safe = np.where(alive[:, None], start, 0.0)
    states[:, 0] = safe
    with np.errstate(all="ignore"):
        for t in range(horizon):
            u = around.actions[:, t] + k[:, t] + apply(K[:, t], states[:, t] - around.states[:, t])
            alive &= np.all(np.isfinite(u), axis=-1)
            actions[:, t] = np.where(alive[:, None], u, 0.0)
            x = np.asarray(step(states[:, t], actions[:, t]), dtype=float)
            alive &= np.all(np.isfinite(x), axis=-1)
            states[:, t + 1] = np.where(alive[:, None], x, safe)
    return Trajectory(states, actions), alive
