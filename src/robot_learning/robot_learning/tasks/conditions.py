"""Starts and goals of a task, drawn by seed: condition i of a split is the same whatever else is drawn.

Each target alone is uniform in its region, and together they cover it evenly: they are the Kronecker sequence of the generalized
golden ratio (Roberts 2018), shifted by a random vector that depends on seed and split. Few training targets thus leave no large
hole, and the held-out ones are independent of them.
"""

from typing import Literal

import numpy as np

from robot_learning.core.canonical import canonical_pose
from robot_learning.core.errors import UsageError
from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array
from robot_learning.robots.description import Robot
from robot_learning.tasks.description import Blade, Condition, TaskConfig
from robot_learning.tasks.state import points_at

Split = Literal["train", "heldout"]
SPLITS: dict[Split, int] = {"train": 0, "heldout": 1}
GOLDEN = 1.2207440846057596 ** -np.arange(1.0, 4.0)  # the root of g⁴ = g + 1
OBJECTS = 1  # their starts are drawn apart from the rest
ATTEMPTS = 100
MARGIN = 0.05  # rad, from the joints' limits
TOLERANCE = 1e-6  # m and rad


def draw(task: TaskConfig, robot: Robot, chain: Chain, split: Split, count: int, seed: int) -> list[Condition]:
    """`count` conditions named train-0, train-1, … or heldout-0, …; UsageError if the arm cannot reach the region of targets."""
    home = np.array(robot.home)
    middle = _offset(chain.pose(home), np.array(task.start_offset))
    if task.blade is not None:
        middle = _above_the_table(middle, task.blade)
    start = _solve(chain, robot, home, middle)
    if start is None:
        raise UsageError(f"task {task.name}: start_offset {task.start_offset}: {robot.name} cannot go there from home")
    return [_condition(task, robot, chain, start, split, i, seed) for i in range(count)]


def _condition(task: TaskConfig, robot: Robot, chain: Chain, start: Array, split: Split, index: int, seed: int) -> Condition:
    tool = chain.pose(start)
    lower, upper = np.array(task.target_lower), np.array(task.target_upper)
    shift = np.random.default_rng([seed, SPLITS[split]]).random(3)
    rng = np.random.default_rng([seed, SPLITS[split], index])
    place = (shift + index * GOLDEN) % 1.0
    for _ in range(ATTEMPTS):
        initial = start + rng.uniform(-task.start_jitter, task.start_jitter, len(start))
        target = canonical_pose(_offset(tool, lower + place * (upper - lower)))  # as messages carry it
        if _inside(robot, initial) and _solve(chain, robot, initial, target) is not None:
            tip = points_at(chain.pose(initial), np.array(task.tool_points))[0]
            return Condition(
                f"{split}-{index}", initial, target, _parameters(task) | _starts(task, tip, [seed, SPLITS[split], index, OBJECTS])
            )
        place = rng.random(3)
    raise UsageError(f"task {task.name}: target_lower, target_upper: {robot.name} reached none of {ATTEMPTS} targets in that region")


def _parameters(task: TaskConfig) -> dict[str, float]:
    block = task.block
    return {} if block is None else {"clearance": block.clearance, "chamfer": block.chamfer, "friction": block.friction}


def _starts(task: TaskConfig, tip: Array, seed: list[int]) -> dict[str, float]:
    """Where each object starts, uniform in its region about the tool's tip (3,)."""
    rng = np.random.default_rng(seed)
    found: dict[str, float] = {}
    for one in task.objects:
        x, y = tip[:2] + rng.uniform(one.start_lower, one.start_upper)
        found |= {f"{one.name}.x": float(x), f"{one.name}.y": float(y)}
    return found


def _above_the_table(pose: Array, blade: Blade) -> Array:
    """The same pose (4, 4), raised or lowered until the blade's lower end is as far above the table as it says."""
    end = points_at(pose, np.array([[0.0, 0.0, blade.length]]))[0]
    return _offset(pose, np.array([0.0, 0.0, blade.gap - end[2]]))


def _offset(pose: Array, offset: Array) -> Array:
    moved = pose.copy()
    moved[:3, 3] += offset
    return moved


def _inside(robot: Robot, positions: Array) -> bool:
    lower, upper = np.array(robot.limits.position_lower), np.array(robot.limits.position_upper)
    return bool(np.all(positions > lower + MARGIN) and np.all(positions < upper - MARGIN))


def _solve(chain: Chain, robot: Robot, positions: Array, target: Array) -> Array | None:
    """Joint positions within the limits that put the tool at `target` (4, 4), near `positions`; None if the search ends elsewhere.

    Damped least squares (Wampler 1986) on the error of position and rotation vector, in steps of at most 0.2 rad.
    """
    q = positions.copy()
    for _ in range(100):
        pose, J = chain.pose_and_jacobian(q)
        error = np.concatenate([target[:3, 3] - pose[:3, 3], _rotation_vector(target[:3, :3] @ pose[:3, :3].T)])
        if np.max(np.abs(error)) < TOLERANCE:
            return q if _inside(robot, q) else None
        step = J.T @ np.linalg.solve(J @ J.T + 1e-6 * np.eye(6), error)
        q = q + step * min(1.0, 0.2 / max(np.max(np.abs(step)), 1e-12))
    return None


def _rotation_vector(R: Array) -> Array:
    """Axis times angle (3,) of a rotation (3, 3), for angles well below π."""
    vector = 0.5 * np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    sine = np.linalg.norm(vector)
    angle = np.arctan2(sine, 0.5 * (np.trace(R) - 1.0))
    result: Array = vector * (angle / sine if sine > 1e-12 else 1.0)
    return result
