"""What policies and controllers see: the state of one control step.

Layout, with n joints and P tool points: [q (n, rad), q̇ (n, rad/s), p − p_target (3P, m), ṗ (3P, m/s)], point by point, along the
base frame's axes. The live graph, the in-process runner and the reader of bags all call `observe`, so they agree bit for bit: each
row is computed by elementwise arithmetic and sums in a fixed order, whatever batch it is in.
"""

import numpy as np

from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array
from robot_learning.tasks.description import Condition, TaskConfig

NEXT, AFTER = np.array([1, 2, 0]), np.array([2, 0, 1])  # (a × b)_i = a_{i+1} b_{i+2} − a_{i+2} b_{i+1}


def state_dim(task: TaskConfig, joints: int) -> int:
    """The length dx of the state for a robot of so many joints: 32 for seven joints and three tool points."""
    return 2 * joints + 6 * len(task.tool_points)


def layout(task: TaskConfig, joints: int) -> list[str]:
    """A name for each of the dx numbers, for manifests and reports."""
    points = [f"{i}.{axis}" for i in range(len(task.tool_points)) for axis in "xyz"]
    names = [f"q{j}" for j in range(joints)] + [f"dq{j}" for j in range(joints)]
    return names + [f"error{point}" for point in points] + [f"velocity{point}" for point in points]


def observe(chain: Chain, task: TaskConfig, condition: Condition, positions: Array, velocities: Array) -> Array:
    """The state (…, dx) at joint positions (…, n) in rad and velocities (…, n) in rad/s."""
    q = np.ascontiguousarray(positions, dtype=float)
    dq = np.ascontiguousarray(velocities, dtype=float)
    points = np.array(task.tool_points)
    pose, jacobian = chain.pose_and_jacobian(q)
    twist = np.add.reduce(np.ascontiguousarray(jacobian * dq[..., None, :]), axis=-1)  # (…, 6)
    arms = _rotate(pose, points)  # from the tool frame's origin to the points
    error = (arms + pose[..., None, :3, 3]) - points_at(condition.target, points)
    omega = twist[..., None, 3:]
    turning = omega.take(NEXT, -1) * arms.take(AFTER, -1) - omega.take(AFTER, -1) * arms.take(NEXT, -1)
    speed = twist[..., None, :3] + turning
    flat = (*q.shape[:-1], 3 * len(points))
    return np.concatenate([q, dq, error.reshape(flat), speed.reshape(flat)], axis=-1)


def points_at(pose: Array, points: Array) -> Array:
    """Points (P, 3) of the tool frame in the base frame, (…, P, 3) in m, when the tool is at `pose` (…, 4, 4)."""
    return _rotate(pose, points) + pose[..., None, :3, 3]


def _rotate(pose: Array, points: Array) -> Array:
    R = pose[..., None, :3, :3]
    x, y, z = points[:, 0, None], points[:, 1, None], points[:, 2, None]
    rotated: Array = R[..., 0] * x + R[..., 1] * y + R[..., 2] * z
    return rotated
