"""From the last accepted command to the next output, one class for each kind of command mode.

Each remembers only its own last output. `step` returns the output and the names of the limits that changed it; target None means
hold. Outputs are finite and within the limits whatever the (finite) target and state are.
"""

from typing import Protocol

import numpy as np

from robot_learning.core.types import Array, JointState
from robot_learning.robots.description import ModeConfig
from robot_learning.safety.barrier import Barrier
from robot_learning.safety.effort_filter import EffortFilter
from robot_learning.safety.limits import (
    JointLimits,
    JointModel,
    allowed_velocity,
    barrier_gain,
    bounded,
    effort_bounds,
    stopping_velocity,
)
from robot_learning.safety.velocity_filter import VelocityFilter

Shaped = tuple[Array, list[str]]
LEAD_S = 0.0125  # a position runs ahead of the measured one by at most so long at the velocity limit (0.04 rad on a UR5e)
TRACKING = 0.25  # a velocity is off the measured one by at most this share of its limit, plus one step of acceleration
NEAR = "near {}"  # the kind of intervention that keeps parts apart
TRAJECTORY_PERIODS = 2.0  # the point of a short-horizon trajectory lies so many periods ahead; there the motion ends by itself


class Shaper(Protocol):
    """What the gate needs of each command mode."""

    def reset(self, state: JointState, moving: bool) -> None:
        """Start from the measured state; `moving`: an earlier output is still in force."""

    def step(self, target: Array | None, state: JointState, fresh: bool, time_left: float) -> Shaped:
        """The next output. `fresh`: the state is recent; `time_left`: until the target should be reached [s]."""


class EffortShaper:
    """Effort limits, then the velocity and position barrier, then the torque rate at the gate's own output rate."""

    def __init__(self, limits: JointLimits, model: JointModel, config: ModeConfig, dt: float, barrier: Barrier | None) -> None:
        """The hold damps with the gains of the mode's first controller, which is known to be stable."""
        self._filter = EffortFilter(barrier, limits, model, barrier.deceleration, dt) if barrier is not None else None
        self._limits, self._model, self._dt = limits, model, dt
        self._gain = barrier_gain(model, dt)
        self._damping = np.array(config.damping) * np.array(config.action_scale)
        self._rate = limits.effort_rate * dt
        self._last = np.zeros_like(limits.effort)

    def reset(self, state: JointState, moving: bool) -> None:
        """Zero effort unless an earlier output is still in force."""
        if not moving:
            self._last = np.zeros_like(self._last)

    def step(self, target: Array | None, state: JointState, fresh: bool, time_left: float) -> Shaped:
        """Without a target: damping if the velocity is known, otherwise zero effort (the robot carries its own weight)."""
        limits, kinds = self._limits, []
        if target is None:
            target = -self._damping * state.velocity if fresh else np.zeros_like(self._last)
        values, changed = bounded(target, -limits.effort, limits.effort)
        if changed:
            kinds.append("effort")
        if fresh:
            lower, upper = effort_bounds(limits, self._model, self._gain, state.position, state.velocity, self._dt)
            values, changed = bounded(values, lower, upper)
            if changed:
                kinds.append("barrier")
            if self._filter is not None:
                values, near = self._filter.filtered(state.position, state.velocity, values)
                kinds += map(NEAR.format, near)
        values, changed = bounded(values, self._last - self._rate, self._last + self._rate)
        if changed:
            kinds.append("effort_rate")
        self._last = values
        return values, kinds


class _Ramp:
    """Velocity, acceleration and jerk limits of a velocity that changes from output to output."""

    def __init__(self, limits: JointLimits, dt: float, barrier: Barrier | None, kept_s: float) -> None:
        """`kept_s`: for how long the robot may keep a velocity before it gets the next one."""
        self._limits, self._dt = limits, dt
        self._filter = VelocityFilter(barrier, limits.velocity, barrier.deceleration, kept_s) if barrier is not None else None
        self._jerk = limits.jerk * dt * dt
        self._step = limits.acceleration * dt
        self._change = np.zeros_like(limits.velocity)  # of the velocity in the last step

    def reset(self) -> None:
        self._change = np.zeros_like(self._change)

    def step(self, wanted: Array, last: Array, position: Array, kinds: list[str]) -> Array:
        values, changed = bounded(wanted, -self._limits.velocity, self._limits.velocity)
        if changed:
            kinds.append("velocity")
        lower, upper = allowed_velocity(self._limits, position, self._dt)
        values, changed = bounded(values, lower, upper)
        if changed:
            kinds.append("position")
        change, changed = bounded(values - last, -self._step, self._step)
        if changed:
            kinds.append("acceleration")
        change, changed = bounded(change, self._change - self._jerk, self._change + self._jerk)
        if changed:
            kinds.append("jerk")
        slewed = last + change if kinds else values
        result: Array = np.minimum(np.maximum(slewed, lower), upper)  # the position limits come before comfort
        if self._filter is not None:
            result, near = self._filter.filtered(position, result)
            kinds += map(NEAR.format, near)
        self._change = result - last
        return result


class VelocityShaper:
    """Velocities near the measured one, slewed, and shrinking towards the position limits; hold ramps to zero."""

    def __init__(self, limits: JointLimits, dt: float, barrier: Barrier | None) -> None:
        """Limits of the robot, the time between outputs [s], and what it must not come near to."""
        self._ramp = _Ramp(limits, dt, barrier, dt)
        self._band = TRACKING * limits.velocity + limits.acceleration * dt
        self._last = np.zeros_like(limits.velocity)

    def reset(self, state: JointState, moving: bool) -> None:
        """Start from the measured velocity."""
        self._ramp.reset()
        self._last = state.velocity.copy()

    def step(self, target: Array | None, state: JointState, fresh: bool, time_left: float) -> Shaped:
        """The next velocity."""
        kinds: list[str] = []
        wanted = np.zeros_like(self._last) if target is None else target
        last = self._last
        if fresh:
            last, changed = bounded(last, state.velocity - self._band, state.velocity + self._band)
            if changed:
                kinds.append("step")
        self._last = self._ramp.step(wanted, last, state.position, kinds)
        return self._last, kinds


class PositionShaper:
    """Positions that start at the measured one, move towards the target within all limits and never run far ahead.

    `ahead`: 1 gives the position at the next output; more gives the end of a motion with the same velocity that lasts so many
    periods (the single point of a short-horizon trajectory).
    """

    def __init__(self, limits: JointLimits, dt: float, barrier: Barrier | None, ahead: float = 1.0) -> None:
        """Limits of the robot, the time between outputs [s], and what it must not come near to."""
        self._limits, self._dt, self._ahead = limits, dt, ahead
        self._ramp = _Ramp(limits, dt, barrier, dt * ahead)
        self._lead = limits.velocity * max(dt, LEAD_S)
        self._last = np.zeros_like(limits.velocity)
        self._velocity = np.zeros_like(limits.velocity)
        self._rest: Array | None = None  # where a hold comes to rest

    def reset(self, state: JointState, moving: bool) -> None:
        """Start from the measured state."""
        self._ramp.reset()
        self._last, self._velocity, self._rest = state.position.copy(), state.velocity.copy(), None

    def step(self, target: Array | None, state: JointState, fresh: bool, time_left: float) -> Shaped:
        """The next position."""
        limits, dt, kinds = self._limits, self._dt, []
        last = self._last
        if fresh:
            last, changed = bounded(last, state.position - self._lead, state.position + self._lead)
            if changed:
                kinds.append("step")
                self._rest = None
        wanted = self._resting(last) if target is None else target
        # Outside of the margin the way back is open.
        lower, upper = np.minimum(limits.lower, last), np.maximum(limits.upper, last)
        lower, upper = np.maximum(lower, limits.hard_lower), np.minimum(upper, limits.hard_upper)
        wanted, changed = bounded(wanted, lower, upper)
        if changed:
            kinds.append("position")
        error = wanted - last
        velocity = error / max(dt, time_left)
        # One step of acceleration more than what stops at the target: it may be the first of many in the same direction.
        reach = stopping_velocity(np.abs(error), limits.acceleration, dt) + limits.acceleration * dt
        slowed, changed = bounded(velocity, -reach, reach)
        if changed:
            kinds.append("acceleration")
        speed = self._ramp.step(slowed, self._velocity, last, kinds)
        exact = not kinds and time_left <= dt  # then no rounding either
        self._last = wanted if exact else self._inside(last + speed * dt)
        self._velocity = (self._last - last) / dt
        return (self._last if self._ahead == 1.0 else self._inside(last + speed * (dt * self._ahead))), kinds

    def _inside(self, position: Array) -> Array:
        return np.minimum(np.maximum(position, self._limits.hard_lower), self._limits.hard_upper)

    def _resting(self, last: Array) -> Array:
        """The measured pose plus what it takes to brake, fixed once."""
        if self._rest is None:
            self._rest = last + self._velocity * np.abs(self._velocity) / (2.0 * self._limits.acceleration)
        return self._rest
