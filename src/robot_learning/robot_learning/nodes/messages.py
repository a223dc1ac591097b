"""The only file that touches both a ROS message and an array: library values to messages, and back by data/messages.py.

Those of every control tick are bytes here: data/cdr.py makes and reads them.
"""

from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Pose, PoseStamped
from robot_learning_interfaces.msg import (
    Condition as ConditionMessage,
)
from robot_learning_interfaces.msg import (
    GateStatus,
    LinearGaussianController,
    WeightsPart,
)
from robot_learning_interfaces.msg import (
    Keypoints as KeypointsMessage,
)
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image as ImageMessage
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from robot_learning.core.canonical import canonical_quaternion
from robot_learning.core.joint_trajectory import Point
from robot_learning.core.rotations import from_quaternion
from robot_learning.core.types import Array
from robot_learning.data.messages import (
    BadMessage,
    Image,
    Keypoints,
    VersionedController,
    image,
    keypoints,
    linear_gaussian,
    stamp_ns,
)
from robot_learning.models.weights import Part
from robot_learning.robots.camera import CameraConfig, matrices
from robot_learning.tasks.description import Condition

__all__ = [
    "BadMessage",
    "condition",
    "counts",
    "image",
    "keypoints",
    "linear_gaussian",
    "pose",
    "set_counts",
    "stamp_ns",
    "to_camera_info",
    "to_condition",
    "to_gate_status",
    "to_image",
    "to_keypoints",
    "to_linear_gaussian",
    "to_pose",
    "to_pose_stamped",
    "to_time",
    "to_trajectory",
    "to_weights_part",
    "weights_part",
    "trajectory",
]


def to_time(ns: int) -> Time:
    """Nanoseconds since the epoch as a stamp."""
    return Time(sec=ns // 1_000_000_000, nanosec=ns % 1_000_000_000)


def doubles(values: Any) -> "array[float]":
    """Numbers in the only form that rclpy copies without looking at each of them."""
    return array("d", np.ascontiguousarray(values, dtype=np.float64).tobytes())


def singles(values: Any) -> "array[float]":
    """The same in float32."""
    return array("f", np.ascontiguousarray(values, dtype=np.float32).tobytes())


def to_trajectory(positions: Array, joints: tuple[str, ...], duration_ns: int) -> JointTrajectory:
    """One point to be reached after `duration_ns` from now on (stamp 0), where the motion ends."""
    point = JointTrajectoryPoint(positions=doubles(positions))
    point.time_from_start = Duration(sec=duration_ns // 1_000_000_000, nanosec=duration_ns % 1_000_000_000)
    return JointTrajectory(joint_names=joints, points=[point])


def to_linear_gaussian(value: VersionedController) -> LinearGaussianController:
    """LinearGaussianController."""
    T, du, dx = value.controller.K.shape
    return LinearGaussianController(
        id=value.id,
        version=value.version,
        horizon=T,
        state_dim=dx,
        action_dim=du,
        gains=doubles(value.controller.K),
        feedforward=doubles(value.controller.k),
        covariance=doubles(value.controller.covariance),
    )


def to_pose(matrix: Array) -> Pose:
    """A (4, 4) homogeneous transform as a pose; exact for canonical poses, otherwise within 2e-12 rad."""
    pose = Pose()
    pose.position.x, pose.position.y, pose.position.z = (float(x) for x in matrix[:3, 3])
    q = pose.orientation
    q.x, q.y, q.z, q.w = (float(x) for x in canonical_quaternion(matrix[:3, :3]))
    return pose


def to_pose_stamped(matrix: Array, stamp: int, frame: str) -> PoseStamped:
    """A (4, 4) homogeneous transform, with stamp [ns] and frame."""
    message = PoseStamped(pose=to_pose(matrix))
    message.header.stamp, message.header.frame_id = to_time(stamp), frame
    return message


def pose(message: Any) -> Array:
    """A pose as a (4, 4) homogeneous transform; BadMessage unless it is finite with a quaternion of length 1 (±1e-3)."""
    quaternion = np.array([getattr(message.orientation, axis) for axis in "xyzw"])
    position = np.array([getattr(message.position, axis) for axis in "xyz"])
    if not (np.isfinite(quaternion).all() and np.isfinite(position).all()):
        raise BadMessage("non_finite", "pose is not finite")
    length = float(np.linalg.norm(quaternion))
    if abs(length - 1.0) > 1e-3:
        raise BadMessage("shape", f"quaternion of length {length:.4f}")
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = from_quaternion(quaternion), position
    return matrix


def to_condition(value: Condition) -> ConditionMessage:
    """Condition; `condition(to_condition(c))` equals `c` bit for bit if its target is canonical (core/canonical.py)."""
    return ConditionMessage(
        name=value.name,
        initial_positions=doubles(value.initial_positions),
        target=to_pose(value.target),
        parameter_names=list(value.parameters),
        parameter_values=doubles(list(value.parameters.values())),
    )


def condition(message: Any) -> Condition:
    """A Condition message."""
    names, values = list(message.parameter_names), np.asarray(message.parameter_values, dtype=np.float64)
    if len(names) != len(values) or len(set(names)) != len(names):
        raise BadMessage("length", f"condition {message.name}: {len(names)} parameter names, {len(values)} values")
    positions = np.array(message.initial_positions, dtype=np.float64)
    if not (np.isfinite(positions).all() and np.isfinite(values).all()):
        raise BadMessage("non_finite", f"condition {message.name} is not finite")
    return Condition(str(message.name), positions, pose(message.target), dict(zip(names, values.tolist(), strict=True)))


def to_image(pixels: Image, stamp: int, frame: str) -> ImageMessage:
    """(h, w, 3) rgb as sensor_msgs/Image."""
    height, width, _ = pixels.shape
    message = ImageMessage(height=height, width=width, encoding="rgb8", is_bigendian=0, step=3 * width)
    message.data = array("B", np.ascontiguousarray(pixels, dtype=np.uint8).tobytes())
    message.header.stamp, message.header.frame_id = to_time(stamp), frame
    return message


def to_camera_info(camera: CameraConfig, stamp: int) -> CameraInfo:
    """sensor_msgs/CameraInfo of a camera without distortion."""
    values = matrices(camera)
    message = CameraInfo(width=camera.width, height=camera.height, distortion_model="plumb_bob", d=doubles(values.D))
    message.k, message.r, message.p = np.array(values.K), np.array(values.R), np.array(values.P)
    message.header.stamp, message.header.frame_id = to_time(stamp), camera.optical_frame
    return message


def trajectory(message: Any) -> tuple[list[str], list[Point], int]:
    """Joint names, points and stamp [ns] of a JointTrajectory; whether they make sense is the controller's to say."""
    points = [
        Point(stamp_ns(point.time_from_start), np.array(point.positions).tolist(), np.array(point.velocities).tolist())
        for point in message.points
    ]
    return list(message.joint_names), points, stamp_ns(message.header.stamp)


def to_keypoints(value: Keypoints) -> KeypointsMessage:
    """Keypoints."""
    message = KeypointsMessage(u=singles(value.points[:, 0]), v=singles(value.points[:, 1]), confidence=singles(value.confidence))
    message.header.stamp, message.header.frame_id = to_time(value.stamp_ns), value.frame
    return message


def to_weights_part(part: Part) -> WeightsPart:
    """WeightsPart."""
    return WeightsPart(**vars(part) | {"data": array("B", part.data)})


def weights_part(message: Any) -> Part:
    """A WeightsPart message."""
    data = np.asarray(message.data, dtype=np.uint8).tobytes()
    return Part(str(message.policy), int(message.version), str(message.sha256), int(message.index), int(message.count), data)


def to_gate_status(armed: bool, reason: str, totals: Mapping[str, int], stamp: int) -> GateStatus:
    """GateStatus from the gate's totals, of which "passed", "changed" and "refused" have fields of their own."""
    kinds = {name: count for name, count in totals.items() if name not in ("passed", "changed", "refused")}
    message = GateStatus(armed=armed, reason=reason, names=list(kinds), counts=array("Q", kinds.values()))
    message.passed, message.changed, message.refused = (totals.get(name, 0) for name in ("passed", "changed", "refused"))
    message.header.stamp = to_time(stamp)
    return message


def to_diagnostics(node: str, robot: str, level: bytes, text: str, totals: Mapping[str, int], stamp: int) -> DiagnosticArray:
    """What a node says of itself, for the usual tools; `level` is one of DiagnosticStatus."""
    values = [KeyValue(key=name, value=str(count)) for name, count in totals.items()]
    status = DiagnosticStatus(level=level, name=f"{node}: {robot}", message=text, hardware_id=robot, values=values)
    message = DiagnosticArray(status=[status])
    message.header.stamp = to_time(stamp)
    return message


def set_counts(response: Any, counts: Mapping[str, int]) -> None:
    """Fills count_names and counts of a service's response or an action's result."""
    response.count_names, response.counts = list(counts), array("Q", counts.values())


def counts(response: Any) -> dict[str, int]:
    """The counts of such a response."""
    return dict(zip(response.count_names, map(int, response.counts), strict=True))
