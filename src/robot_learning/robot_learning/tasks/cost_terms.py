"""The terms of the cost beyond distance, action and velocity: what each of them prices, and the parabola above it.

Each term prices some numbers y = J z + b with z = [x; u], in one of two ways:
  square   ½ w y²
  ramp     ½ w (y + √(y² + width²)), which is near 0 well below y = 0 and near w y above: from some w on, no gain elsewhere pays for
           going beyond. The root is concave in y²; its tangent in y² lies above it, touches it at the present y, and is a parabola in y
           of curvature ½ w / √(y² + width²).

smooth   square: the action less the one that would keep the joints' velocity. A difference of consecutive actions is no function of
         [x; u]; what makes motion jerky is acceleration, and that is (effort mode: without gravity, Coriolis forces and what is touched).
limits   ramp: joint positions beyond their limits.
contact  ramp: how far the first tool point is below its place at the target (the table, seen by kinematics before it is touched).
turn     square: how far the other tool points are from where they belong beside the first.
height   square: the first tool point's height less the one at its target.
aside    square: from the first tool point to the vertical through its target, as for a peg that has to be above its hole first.
tip      square: from the first tool point to the first object, seen from above.
moves    square: the first object's velocity less the one that takes it to its target.
"""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.types import Array
from robot_learning.robots.description import Mode, Robot
from robot_learning.tasks.description import Arm, TaskConfig
from robot_learning.tasks.state import parts

APPROACH = 2.0  # 1/s: the velocity of `moves` per distance to the target


class Rows(NamedTuple):
    """What is priced, number by number: y = J z + b."""

    J: Array  # (m, dx + du)
    b: Array  # (m,)
    weight: Array  # (m,)
    width: Array  # (m,), of ramps
    ramp: NDArray[np.bool_]  # (m,); the others are squares
    acts: NDArray[np.bool_]  # (m,), whether it is about an action, of which there is none at the last step


class Touch(NamedTuple):
    """The parabolas ½ curvature y² + slope y, plus a constant, that touch the terms from above; (…, T + 1, m)."""

    curvature: Array
    slope: Array


def with_robot(task: TaskConfig, robot: Robot, mode: Mode) -> TaskConfig:
    """The task with what its cost has to know of a robot; the very same task if that is nothing."""
    if not (task.cost.smooth or task.cost.limits):
        return task
    scale = np.array(robot.modes[mode].action_scale)
    per_speed = {"effort": np.array(robot.plant.joint_damping), "velocity": np.ones(len(scale))}
    steady = per_speed.get(mode, np.full(len(scale), 1.0 / task.rate_hz)) / scale
    return replace(task, arm=Arm(robot.limits.position_lower, robot.limits.position_upper, tuple(steady.tolist())))


@lru_cache(maxsize=64)
def rows(task: TaskConfig, dx: int, du: int) -> Rows | None:
    """The terms of a task whose weights are not 0; None if there are none."""
    w, at, eye = task.cost, parts(task, dx), np.eye(dx + du)
    first = eye[at.errors.start : at.errors.start + 3]  # of the first tool point
    found: list[Rows] = []
    if w.smooth:
        arm = _arm(task)
        found.append(_squares(w.smooth, eye[dx:] - np.array(arm.steady)[:, None] * eye[at.joints : 2 * at.joints], acts=True))
    if w.limits:
        arm, q = _arm(task), eye[: at.joints]
        found.append(_ramps(w.limits, w.limits_width, np.concatenate([q, -q]), np.concatenate([-np.array(arm.upper), np.array(arm.lower)])))
    if w.contact:
        found.append(_ramps(w.contact, w.contact_width, -first[2:], np.zeros(1)))
    if w.turn:
        others = eye[at.errors.start + 3 : at.errors.stop]
        found.append(_squares(w.turn, others - np.tile(first, (len(task.tool_points) - 1, 1))))
    if w.height:
        found.append(_squares(w.height, first[2:]))
    if w.aside:
        found.append(_squares(w.aside, first[:2]))
    if w.tip:
        found.append(_squares(w.tip, first[:2] - eye[at.places][:2]))
    if w.moves:
        found.append(_squares(w.moves, eye[at.motions][:2] + APPROACH * eye[at.places][:2]))
    return Rows(*(np.concatenate(columns) for columns in zip(*found, strict=True))) if found else None


def priced(terms: Rows, states: Array, actions: Array) -> Array:
    """The numbers y (…, T + 1, m); states (…, T + 1, dx), actions (…, T, du). What is about an action is 0 at the last step."""
    z = np.zeros((*states.shape[:-1], states.shape[-1] + actions.shape[-1]))
    z[..., : states.shape[-1]] = states
    z[..., :-1, states.shape[-1] :] = actions
    y: Array = np.add.reduce(np.ascontiguousarray(terms.J * z[..., None, :]), axis=-1) + terms.b
    y[..., -1, terms.acts] = 0.0
    return y


def value(terms: Rows, y: Array) -> Array:
    """What y (…, m) costs, (…)."""
    each = 0.5 * terms.weight * np.where(terms.ramp, y + np.sqrt(y * y + terms.width * terms.width), y * y)
    total: Array = np.add.reduce(np.ascontiguousarray(each), axis=-1)
    return total


def touch(terms: Rows, y: Array) -> Touch:
    """The parabolas that touch the terms at y (…, T + 1, m)."""
    curvature = terms.weight * np.where(terms.ramp, 0.5 / np.sqrt(y * y + terms.width * terms.width), 1.0)
    curvature[..., -1, terms.acts] = 0.0
    return Touch(curvature, np.broadcast_to(np.where(terms.ramp, 0.5 * terms.weight, 0.0), y.shape))


def _arm(task: TaskConfig) -> Arm:
    if task.arm is None:
        raise ValueError(f"task {task.name}: cost.smooth and cost.limits need the robot: with_robot has to be called first")
    return task.arm


def _squares(weight: float, J: Array, acts: bool = False) -> Rows:
    m = len(J)
    return Rows(J, np.zeros(m), np.full(m, weight), np.ones(m), np.zeros(m, bool), np.full(m, acts))


def _ramps(weight: float, width: float, J: Array, b: Array) -> Rows:
    m = len(J)
    return Rows(J, b, np.full(m, weight), np.full(m, width), np.ones(m, bool), np.zeros(m, bool))
