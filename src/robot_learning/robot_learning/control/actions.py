"""Between dimensionless actions and commands in the robot's units, in both directions.

Effort and velocity modes: value = scale · action [N·m, rad/s]. Position and trajectory modes: the action is a step from the
*measured* position, value = position + scale · action [rad]. Nothing is clipped here: limits live in the safety gate.
"""

import numpy as np

from robot_learning.core.types import Array
from robot_learning.robots.description import Mode, Robot

RELATIVE: tuple[Mode, ...] = ("position", "trajectory")


def to_command(robot: Robot, mode: Mode, action: Array, positions: Array) -> Array:
    """The command's values (…, n) for an action (…, n) at measured joint positions (…, n) in rad."""
    values = np.asarray(action) * np.array(robot.modes[mode].action_scale)
    return positions + values if mode in RELATIVE else values


def to_action(robot: Robot, mode: Mode, values: Array, positions: Array) -> Array:
    """The action (…, n) behind a command's values (…, n): the inverse of `to_command`, to rounding."""
    change = np.asarray(values) - positions if mode in RELATIVE else np.asarray(values)
    return change / np.array(robot.modes[mode].action_scale)
