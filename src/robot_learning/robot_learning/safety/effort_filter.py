"""Keeps joint efforts such that nothing meets anything: what an effort does to the velocity, filtered as a velocity, and back to an effort.

Each joint is taken on its own, I q̈ + d q̇ = τ with constant τ, as in safety/limits.py. After dt that leads to v = (τ + g q̇) / (d + g), and
from q̇ to v leads τ = d v + g (v − q̇), with g of `barrier_gain`. What the joints do to each other, and loads, are not in it.
"""

import numpy as np

from robot_learning.core.types import Array
from robot_learning.safety.barrier import Barrier
from robot_learning.safety.limits import JointLimits, JointModel, barrier_gain
from robot_learning.safety.velocity_filter import Filtered, VelocityFilter

STEPS = 2.0  # a velocity that an effort leads to is reached after one step and kept for another


class EffortFilter:
    """For one robot, cell and time dt [s] between outputs."""

    def __init__(self, barrier: Barrier, limits: JointLimits, model: JointModel, deceleration: float, dt: float) -> None:
        """`deceleration` in m/s²."""
        self._velocities = VelocityFilter(barrier, limits.velocity, deceleration, STEPS * dt)
        self._damping, self._gain, self._most = model.damping, barrier_gain(model, dt), limits.effort

    def filtered(self, positions: Array, velocity: Array, wanted: Array) -> Filtered:
        """The effort near `wanted` (n,) [N·m] at `positions` [rad] and `velocity` [rad/s], all (n,) and finite; within the effort limits.

        `wanted` itself if the velocity that it leads to is allowed: then nothing is limited.
        """
        gain, damping = self._gain, self._damping
        allowed = self._velocities.filtered(positions, (wanted + gain * velocity) / (damping + gain))
        if not allowed.near:
            return Filtered(wanted, ())
        effort = damping * allowed.values + gain * (allowed.values - velocity)
        return Filtered(np.minimum(np.maximum(effort, -self._most), self._most), allowed.near)
