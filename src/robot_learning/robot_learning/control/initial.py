"""The first controller: a weak PD controller that holds the start and explores around it."""

import numpy as np

from robot_learning.core.types import Array, LinearGaussian
from robot_learning.robots.description import Mode, Robot


def hold(robot: Robot, mode: Mode, initial_positions: Array, state_dim: int, horizon: int) -> LinearGaussian:
    """The controller u = −stiffness (q − q_initial) − damping q̇ with the robot's exploration variance; the state begins with [q, q̇]."""
    config = robot.modes[mode]
    n = len(robot.joints)
    stiffness = np.array(config.stiffness)
    K = np.zeros((horizon, n, state_dim))
    K[:, range(n), range(n)] = -stiffness
    K[:, range(n), range(n, 2 * n)] = -np.array(config.damping)
    k = np.tile(stiffness * initial_positions, (horizon, 1))
    covariance = np.tile(config.variance * np.eye(n), (horizon, 1, 1))
    return LinearGaussian(K, k, covariance)
