"""Keeps joint velocities such that nothing meets anything: safety/barrier.py with safety/allowed_motion.py, once per output.

The velocity is kept for dt. Then, with room h and deceleration a of the cell,

    every approach is slow enough to stop within its room:      −ḣ ≤ √((a dt)² + 2 a h) − a dt
    after dt no room is negative that was not, and none that was is smaller.

Only units near enough for the wanted speed are looked at. This leaves out nothing: with |q̇ / v| = s no row approaches faster than
B s and bends by more than ½ κ dt² s², and what the filter makes of q̇ is never longer than q̇.
"""

from typing import NamedTuple

import numpy as np

from robot_learning.core.types import Array
from robot_learning.safety.allowed_motion import Rows, excesses, nearest
from robot_learning.safety.barrier import Barrier
from robot_learning.safety.limits import stopping_velocity
from robot_learning.safety.self_distance import Indices

LEAST_BEND = 1e-6  # m; a ball of infinite radius would not be one


class Filtered(NamedTuple):
    """What is left of a command."""

    values: Array  # (n,), the very array that came in if it is allowed
    near: tuple[str, ...]  # what the robot came too near to; empty if nothing was changed


class VelocityFilter:
    """For one robot, cell and time dt [s] between outputs. `velocity` (n,): the joints' limits in rad/s, the measure of what is near."""

    def __init__(self, barrier: Barrier, velocity: Array, deceleration: float, dt: float) -> None:
        """`deceleration` in m/s²."""
        self._barrier, self._velocity, self._deceleration, self._dt = barrier, np.array(velocity), deceleration, dt
        speed = np.linalg.norm(barrier.reach * velocity, axis=1)  # (U,), m/s: B
        self._bend = np.maximum(0.5 * dt * dt * curvature(barrier.reach, self._velocity), LEAST_BEND)
        self._linear = speed * dt
        self._quadratic = np.maximum(self._bend, speed * speed / (2.0 * deceleration))
        self._looked: tuple[Array, Array] | None = None  # where the robot was when it was last looked at, and the room (U,) there

    def filtered(self, positions: Array, wanted: Array) -> Filtered:
        """The velocity near `wanted` (n,) [rad/s] that is allowed at `positions` (n,) [rad]; both finite."""
        motion = wanted / self._velocity
        squared = float(motion @ motion)
        needed = self._needed(wanted, squared)
        if self._looked is not None and self._is_far(needed, positions, *self._looked):
            return Filtered(wanted, ())
        around = self._barrier.around(positions)
        self._looked = positions.copy(), around.room
        if (around.room > needed).all():
            return Filtered(wanted, ())
        units = np.flatnonzero(around.room < self._linear * squared**0.5 + self._quadratic * squared)
        if not units.size:
            return Filtered(wanted, ())
        doubled = np.repeat(units, 2)
        rows = self._rows(*self._barrier.rows(around, units), doubled)
        result = nearest(rows, motion)
        if result is motion:
            return Filtered(wanted, ())
        broken = doubled[excesses(rows, motion) > 0.0].tolist()
        return Filtered(result * self._velocity, tuple(dict.fromkeys(self._barrier.names[unit] for unit in broken)))

    def _needed(self, wanted: Array, squared: float) -> Array:
        """The room (U,) from which on no unit forbids just this velocity: it approaches no faster than ρ · |q̇|."""
        approach = self._barrier.reach @ np.abs(wanted)
        return approach * self._dt + np.maximum(self._bend * squared, approach * approach / (2.0 * self._deceleration))

    def _is_far(self, needed: Array, positions: Array, looked: Array, room: Array) -> bool:
        """Whether there is more room than `needed` (U,) without looking again: since then it has shrunk by at most ρ · |q − q_looked|."""
        return bool((room - self._barrier.reach @ np.abs(positions - looked) > needed).all())

    def _rows(self, room: Array, gradient: Array, units: Indices) -> Rows:
        approach = stopping_velocity(room, np.array(self._deceleration), self._dt)
        counts = self._barrier.between[units]
        return Rows(gradient * self._velocity, approach, np.maximum(room, 0.0), self._bend[units], counts, self._dt)


def curvature(reach: Array, velocity: Array) -> Array:
    """κ (U,) in m/s² with Σ ρ_max(i,j) |q̇_i q̇_j| <= κ |q̇ / v|²; reach ρ (U, n) in m, 0 for joints that do not count; v (n,)."""
    joint = np.arange(len(velocity))
    later = np.maximum(joint[:, None], joint)
    moved = (reach > 0.0).astype(float)
    form = reach[:, later] * moved[:, :, None] * moved[:, None, :] * np.outer(velocity, velocity)
    return np.linalg.eigvalsh(form)[:, -1]
