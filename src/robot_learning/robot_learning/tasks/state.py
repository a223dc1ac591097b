"""What policies and controllers see: the state of one control step.

Layout, with n joints, P tool points and k objects on the table: [q (n, rad), q̇ (n, rad/s), p − p_target (3P, m), ṗ (3P, m/s)], point
by point, along the base frame's axes; then [o − o_target (2k, m), ȯ (2k, m/s)], object by object, along the base's x and y. The target
of the objects is that of the first tool point.

The live graph, the in-process runner and the reader of bags all call `observe`, so they agree bit for bit: each row is computed by
elementwise arithmetic and sums in a fixed order, whatever batch it is in.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array
from robot_learning.tasks.description import Condition, TaskConfig, start_of

NEXT, AFTER = np.array([1, 2, 0]), np.array([2, 0, 1])  # (a × b)_i = a_{i+1} b_{i+2} − a_{i+2} b_{i+1}


class Parts(NamedTuple):
    """Where things stand in the state."""

    joints: int  # n: q comes first, then q̇
    errors: slice  # of the tool points
    places: slice  # errors of the objects
    motions: slice  # velocities of the objects

    @property
    def goal(self) -> slice:
        """The errors that are to vanish: the objects' where there are some, otherwise the tool points'."""
        return self.places if self.places.stop > self.places.start else self.errors


def parts(task: TaskConfig, dx: int) -> Parts:
    """Where things stand in a state of length `dx`."""
    points, places = 3 * len(task.tool_points), 2 * len(task.objects)
    joints = (dx - 2 * points - 2 * places) // 2
    first = 2 * joints + 2 * points
    errors = slice(2 * joints, 2 * joints + points)
    return Parts(joints, errors, slice(first, first + places), slice(first + places, first + 2 * places))


def state_dim(task: TaskConfig, joints: int) -> int:
    """The length dx of the state for a robot of so many joints: 32 for seven joints and three tool points."""
    return 2 * joints + 6 * len(task.tool_points) + 4 * len(task.objects)


def layout(task: TaskConfig, joints: int) -> list[str]:
    """A name for each of the dx numbers, for manifests and reports."""
    points = [f"{i}.{axis}" for i in range(len(task.tool_points)) for axis in "xyz"]
    names = [f"q{j}" for j in range(joints)] + [f"dq{j}" for j in range(joints)]
    names += [f"error{point}" for point in points] + [f"velocity{point}" for point in points]
    objects = [f"{one.name}.{axis}" for one in task.objects for axis in "xy"]
    return names + [f"error {name}" for name in objects] + [f"velocity {name}" for name in objects]


def observe(
    chain: Chain, task: TaskConfig, condition: Condition, positions: Array, velocities: Array, objects: Array | None = None
) -> Array:
    """The state (…, dx) at joint positions (…, n) in rad and velocities (…, n) in rad/s.

    objects (…, k, 4): x and y of each object and their velocities, base frame, m and m/s; None: at rest where the condition puts them.
    """
    q = np.ascontiguousarray(positions, dtype=float)
    dq = np.ascontiguousarray(velocities, dtype=float)
    points = np.array(task.tool_points)
    pose, jacobian = chain.pose_and_jacobian(q)
    twist = np.add.reduce(np.ascontiguousarray(jacobian * dq[..., None, :]), axis=-1)  # (…, 6)
    arms = _rotate(pose, points)  # from the tool frame's origin to the points
    goals = points_at(condition.target, points)
    error = (arms + pose[..., None, :3, 3]) - goals
    omega = twist[..., None, 3:]
    turning = omega.take(NEXT, -1) * arms.take(AFTER, -1) - omega.take(AFTER, -1) * arms.take(NEXT, -1)
    speed = twist[..., None, :3] + turning
    flat = (*q.shape[:-1], 3 * len(points))
    seen = [q, dq, error.reshape(flat), speed.reshape(flat)]
    if task.objects:
        there = at_rest(task, condition) if objects is None else objects
        there = np.broadcast_to(there, (*q.shape[:-1], len(task.objects), 4))
        flat = (*q.shape[:-1], 2 * len(task.objects))
        seen += [(there[..., :2] - goals[0, :2]).reshape(flat), there[..., 2:].reshape(flat)]
    return np.concatenate(seen, axis=-1)


def at_rest(task: TaskConfig, condition: Condition) -> Array:
    """The objects (k, 4) where the condition puts them: x, y and no velocity, base frame, m; UsageError if it does not say where."""
    return np.array([[*start_of(condition, one.name), 0.0, 0.0] for one in task.objects])


def moving(stamps_ns: NDArray[np.int64], places: Array) -> Array:
    """Objects (T + 1, k, 4) of one episode as `observe` wants them, from positions (T + 1, k, 3) in m at the steps' stamps.

    The velocity is the difference to the step before; an episode begins at rest.
    """
    intervals = (stamps_ns[1:] - stamps_ns[:-1])[:, None, None]
    first = since(places[0], places[0], 1)
    return np.concatenate([first[None], since(places[:-1], places[1:], intervals)])


def since(before: Array, now: Array, interval_ns: int | NDArray[np.int64]) -> Array:
    """Objects (…, k, 4) that moved from `before` (…, k, 3) to `now` (…, k, 3), m, within an interval."""
    velocity = (now[..., :2] - before[..., :2]) / (interval_ns * 1e-9)
    return np.concatenate([now[..., :2], velocity], axis=-1)


def points_at(pose: Array, points: Array) -> Array:
    """Points (P, 3) of the tool frame in the base frame, (…, P, 3) in m, when the tool is at `pose` (…, 4, 4)."""
    return _rotate(pose, points) + pose[..., None, :3, 3]


def _rotate(pose: Array, points: Array) -> Array:
    R = pose[..., None, :3, :3]
    x, y, z = points[:, 0, None], points[:, 1, None], points[:, 2, None]
    rotated: Array = R[..., 0] * x + R[..., 1] * y + R[..., 2] * z
    return rotated
