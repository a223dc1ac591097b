"""A scripted demonstrator for a task with a hole: along a line above it, then straight down.

It knows the arm's kinematics and where the hole is, and moves the arm by its initial gains, as a weak spring that is pulled along.
"""

from typing import NamedTuple

import numpy as np

from robot_learning.control.initial import hold
from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array, LinearGaussian
from robot_learning.run.setting import Setting
from robot_learning.tasks.description import Condition
from robot_learning.tasks.state import state_dim

STEPS, TOLERANCE = 20, 1e-6  # of the search for joint positions; m and rad


class Script(NamedTuple):
    """When the tool is to be where."""

    above: float = 0.1  # m, over the target, where the way down begins
    arrival: float = 0.4  # of the episode: there
    end: float = 0.8  # of the episode: at the end of the way down
    short: float = 0.0  # m, over the target, where it ends


def controller(setting: Setting, condition: Condition, script: Script, aim: Array) -> LinearGaussian:
    """The robot's initial controller (T, …) whose spring is pulled along the script's path, to `aim` (3,) instead of the target, m."""
    robot, horizon = setting.robot, setting.task.horizon
    held = hold(robot, setting.mode, condition.initial_positions, state_dim(setting.task, len(robot.joints)), horizon)
    stiffness = np.array(robot.modes[setting.mode].stiffness)
    return held._replace(k=stiffness * joint_path(setting.chain, condition.initial_positions, script, aim, horizon))


def joint_path(chain: Chain, positions: Array, script: Script, aim: Array, horizon: int) -> Array:
    """Joint positions (T, n) from `positions` (n,) along the script's path; the tool keeps the orientation that it starts with."""
    start = chain.pose(positions)
    above, end = (aim + [0.0, 0.0, height] for height in (script.above, script.short))
    place, q, found = start.copy(), positions, []
    for time in np.arange(horizon) / horizon:
        over = _smooth(time / script.arrival) * (above - start[:3, 3])
        place[:3, 3] = start[:3, 3] + over + _smooth((time - script.arrival) / (script.end - script.arrival)) * (end - above)
        q = _towards(chain, q, place)
        found.append(q)
    return np.array(found)


def _smooth(share: float) -> float:
    """From 0 to 1 with the least jerk (Flash and Hogan 1985)."""
    s = min(max(share, 0.0), 1.0)
    return s**3 * (10.0 - 15.0 * s + 6.0 * s * s)


def _towards(chain: Chain, positions: Array, place: Array) -> Array:
    """Joint positions (n,) near `positions` with the tool at `place` (4, 4), by Newton's method with the shortest steps."""
    q = positions
    for _ in range(STEPS):
        pose, J = chain.pose_and_jacobian(q)
        turn = 0.5 * np.sum(np.cross(pose[:3, :3].T, place[:3, :3].T), axis=0)
        error = np.concatenate([place[:3, 3] - pose[:3, 3], turn])
        if np.max(np.abs(error)) < TOLERANCE:
            break
        q = q + np.linalg.pinv(J) @ error
    return q
