"""Derivatives of dynamics that can only be evaluated, such as a simulator's: central differences for all points in one call.

Central differences err by h²/6 times the third derivative, plus rounding over h; the width h = ε^⅓ · max(|z|, typical) makes the
two about equal (Nocedal and Wright 2006, 8.1). A simulator with contacts is rough below its solver's tolerance: give it a larger
`width`.
"""

from typing import Protocol

import numpy as np

from robot_learning.core.types import Array

WIDTH = float(np.cbrt(np.finfo(float).eps))  # relative


class Step(Protocol):
    """Discrete dynamics, the same at every step: x' = f(x, u) for N states and actions that have nothing to do with each other."""

    def __call__(self, states: Array, actions: Array, /) -> Array:
        """The next states (N, dx) after actions (N, du) in states (N, dx)."""
        ...


class Derivatives(Protocol):
    """The derivative of a `Step`."""

    def __call__(self, states: Array, actions: Array, /) -> Array:
        """∂x'/∂[x; u] (N, dx, dx + du) at states (N, dx) and actions (N, du)."""
        ...


def linearize(step: Step, states: Array, actions: Array, typical: Array | float = 1.0, width: Array | float = WIDTH) -> Array:
    """∂x'/∂[x; u] (N, dx, dx + du) at states (N, dx) and actions (N, du), by one call of `step` with 2 N (dx + du) rows.

    What `step` returns may have another length than its states; then so do the derivatives.
    typical: below this size of a coordinate its width stops shrinking; a number, or one per coordinate of [x; u], positive, in its
    unit. width: relative width, likewise.
    """
    z = np.concatenate([states, actions], axis=-1)
    count, dz = z.shape
    dx = states.shape[-1]
    h = np.asarray(width) * np.maximum(np.abs(z), typical)
    shift = h[:, :, None] * np.eye(dz)  # (N, dz, dz): one coordinate a row
    above, below = z[:, None] + shift, z[:, None] - shift
    points = np.stack([above, below]).reshape(-1, dz)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        after = np.asarray(step(points[:, :dx], points[:, dx:]), dtype=float)
        ahead, behind = after.reshape(2, count, dz, after.shape[-1])  # not -1: there may be no states
        spread = np.diagonal(above - below, axis1=-2, axis2=-1)  # as represented, not as asked for
        return np.swapaxes((ahead - behind) / spread[..., None], -1, -2)


def differences(step: Step, typical: Array | float = 1.0, width: Array | float = WIDTH) -> Derivatives:
    """`linearize` of one `step` as a function of states and actions."""

    def derivatives(states: Array, actions: Array) -> Array:
        return linearize(step, states, actions, typical, width)

    return derivatives
