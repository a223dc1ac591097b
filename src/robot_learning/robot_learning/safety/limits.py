"""The laws by which commands are kept within a robot's limits: per joint, elementwise, without state.

Units: rad, rad/s, rad/s², rad/s³, N·m, N·m/s. Arrays have shape (n,) in the robot's joint order; dt is the time [s] to the next output.
"""

from typing import NamedTuple

import numpy as np

from robot_learning.core.types import Array
from robot_learning.robots.description import Limits, Plant

LEAST_INERTIA = 0.05  # kg·m² about a joint's axis, where the robot's description has no rotor inertia


class JointLimits(NamedTuple):
    """The limits of a robot as arrays; positions are already drawn in by the margin."""

    lower: Array  # rad
    upper: Array  # rad
    hard_lower: Array  # rad, without the margin
    hard_upper: Array  # rad
    velocity: Array  # rad/s
    acceleration: Array  # rad/s²
    jerk: Array  # rad/s³
    effort: Array  # N·m
    effort_rate: Array  # N·m/s

    near_stops: tuple[Array, Array, Array, Array] | None  # lower and upper [rad], slope [rad/s²], offset [rad/s] of NearStops


class JointModel(NamedTuple):
    """A joint on its own: inertia · q̈ + damping · q̇ = effort."""

    inertia: Array  # kg·m², the least that can be felt about the joint's axis
    damping: Array  # N·m·s/rad


def joint_limits(limits: Limits, margin: float, speed: float = 1.0) -> JointLimits:
    """`limits` as arrays, the position limits drawn in by `margin` [rad], velocities multiplied by `speed`."""
    lower, upper = np.array(limits.position_lower), np.array(limits.position_upper)
    velocity = speed * np.array(limits.velocity)
    acceleration, jerk = np.array(limits.acceleration), np.array(limits.jerk)
    effort, effort_rate = np.array(limits.effort), np.array(limits.effort_rate)
    near = limits.near_stops
    stops = (np.array(near.lower), np.array(near.upper), np.array(near.slope), np.array(near.offset)) if near else None
    return JointLimits(lower + margin, upper - margin, lower, upper, velocity, acceleration, jerk, effort, effort_rate, stops)


def joint_model(plant: Plant, joints: int, simulated: bool) -> JointModel:
    """The simulated robot's rotors and damping; a real robot is taken to have no damping, which allows less."""
    inertia = np.full(joints, max(plant.rotor_inertia, LEAST_INERTIA))
    return JointModel(inertia, np.array(plant.joint_damping, dtype=float) if simulated else np.zeros(joints))


def bounded(values: Array, lower: Array, upper: Array) -> tuple[Array, bool]:
    """The values within their bounds, and whether that changed any of them. The values must be finite."""
    result = np.minimum(np.maximum(values, lower), upper)
    return result, result.tolist() != values.tolist()


def stopping_velocity(room: Array, acceleration: Array, dt: float) -> Array:
    """The largest velocity from which a stop within `room` [rad] is possible, if it is kept for dt and then braked with `acceleration`.

    v dt + v² / 2a = room, so v = √((a dt)² + 2 a room) − a dt; 0 where there is no room.
    """
    step = acceleration * dt
    result: Array = np.sqrt(step * step + 2.0 * acceleration * np.maximum(room, 0.0)) - step
    return result


def allowed_velocity(limits: JointLimits, position: Array, dt: float) -> tuple[Array, Array]:
    """The lowest and the highest velocity at `position`: the velocity limit, shrinking to 0 towards the position limits."""
    upper = np.minimum(limits.velocity, stopping_velocity(limits.upper - position, limits.acceleration, dt))
    lower = -np.minimum(limits.velocity, stopping_velocity(position - limits.lower, limits.acceleration, dt))
    if limits.near_stops is not None:
        first, last, slope, offset = limits.near_stops
        upper = np.minimum(upper, _near(last - position, slope, offset))
        lower = np.maximum(lower, -_near(position - first, slope, offset))
    return lower, upper


def _near(room: Array, slope: Array, offset: Array) -> Array:
    result: Array = np.maximum(np.sqrt(slope * np.maximum(room, 0.0)) - offset, 0.0)
    return result


def barrier_gain(model: JointModel, dt: float) -> Array:
    """The slope g of `effort_bounds` [N·m·s/rad]: d / (exp(d dt / I) − 1), which is I / dt without damping."""
    d, inertia = model.damping, model.inertia
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(d > 0.0, d / np.expm1(d * dt / inertia), inertia / dt)


def effort_bounds(limits: JointLimits, model: JointModel, gain: Array, position: Array, velocity: Array, dt: float) -> tuple[Array, Array]:
    """The efforts that take a joint from `velocity` to just the lowest and the highest allowed one within dt.

    The joint is I q̈ + d q̇ = τ with constant τ, so the bound is τ = d v + g (v − q̇) with v the allowed velocity. Beyond v the bound
    turns into braking. Both lie within the effort limits. Coupling between the joints is not modelled: the next output corrects it.
    """
    slowest, fastest = allowed_velocity(limits, position, dt)
    upper = model.damping * fastest + gain * (fastest - velocity)
    lower = model.damping * slowest + gain * (slowest - velocity)
    effort = limits.effort
    return np.minimum(np.maximum(lower, -effort), effort), np.maximum(np.minimum(upper, effort), -effort)
