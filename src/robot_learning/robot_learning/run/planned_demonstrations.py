"""Planned motions as teachers: an episode that follows a plan, from which controllers can start as from a recorded demonstration.

    shown = {index: [planned(setting, condition, plan)] for …}     # by the number of the training condition
    first = demonstrations.following(setting, shown, variance)

Nothing has moved yet: the states are those of a robot that follows its plan exactly. In position and trajectory mode the commands are
the plan's own next positions, in velocity mode its velocities. In effort mode they overcome the joints' damping, which
carries slow motions; what acceleration takes on top is left to the controllers' feedback and to learning.
"""

import numpy as np

from robot_learning.control.actions import RELATIVE
from robot_learning.core.errors import UsageError
from robot_learning.core.types import Array, Recording
from robot_learning.planning.planner import Plan
from robot_learning.robots.description import Mode, Robot
from robot_learning.run.episodes import Episode, episode
from robot_learning.run.setting import Setting
from robot_learning.tasks.description import Condition

ENDING, SOURCE = "time", "plan"


def planned(setting: Setting, condition: Condition, plan: Plan) -> Episode:
    """The episode of `condition` that follows `plan` from its start, and then stays at its goal.

    Raises:
        UsageError: the task has objects to move, which no plan does; the plan starts elsewhere; or it takes longer than an episode.
    """
    task, robot = setting.task, setting.robot
    if task.objects:
        raise UsageError(f"task {task.name}: objects: a plan moves none of them; demonstrations of this task have to be recorded")
    if not np.allclose(plan.path[0], condition.initial_positions, atol=1e-9):
        raise UsageError(f"condition {condition.name}: the plan starts elsewhere; one from initial_positions is expected")
    lasts, longest = float(plan.motion.times[-1]), task.horizon / task.rate_hz
    if lasts > longest:
        raise UsageError(
            f"task {task.name}: the plan takes {lasts:.2f} s, an episode {longest:g} s; a faster one is expected (velocity_scale)"
        )
    times = np.arange(task.horizon + 1) / task.rate_hz
    positions, velocities = (
        np.stack([np.interp(times, plan.motion.times, column) for column in part.T], axis=1)
        for part in (plan.motion.positions, plan.motion.velocities)
    )
    stamps = np.round(times * 1e9).astype(np.int64)
    frames = Recording(stamps, positions, velocities, setting.mode, _commands(robot, setting.mode, positions, task.rate_hz))
    return episode(robot, setting.chain, task, condition, frames, ENDING, SOURCE, {})


def _commands(robot: Robot, mode: Mode, positions: Array, rate_hz: float) -> Array:
    """What takes the robot from each position (T + 1, n) to the next, (T, n) in the mode's unit."""
    if mode in RELATIVE:
        return positions[1:]
    speeds = np.diff(positions, axis=0) * rate_hz
    return speeds * np.array(robot.plant.joint_damping) if mode == "effort" else speeds
