"""Serialized messages to library values, without ROS: the same lines for what a live node received and for what a bag holds."""

from collections.abc import Sequence
from typing import Any

from robot_learning.core.errors import WorkFailed
from robot_learning.core.types import Command, JointState, ObjectPose
from robot_learning.data.cdr import joint_command, joint_state, object_pose
from robot_learning.data.definitions import typestore
from robot_learning.data.messages import BadMessage

JOINT_STATE, JOINT_COMMAND = "sensor_msgs/msg/JointState", "robot_learning_interfaces/msg/JointCommand"
POSE = "geometry_msgs/msg/PoseStamped"


def object_topic(name: str) -> str:
    """Where the poses of a task's object are published: by the simulator, or by whatever sees it."""
    return f"/objects/{name}/pose"


def decode(msgtype: str, raw: Sequence[bytes]) -> list[Any]:
    """Messages as the rosbags library decodes them (arrays are numpy's); WorkFailed if the bytes do not fit the type."""
    deserialize = typestore().deserialize_cdr
    try:
        return [deserialize(data, msgtype) for data in raw]
    except Exception as error:  # whatever the decoder says about bytes that do not fit
        raise WorkFailed(f"{msgtype}: {type(error).__name__}: {error}") from None


def joint_states(raw: Sequence[bytes], joints: tuple[str, ...]) -> list[JointState]:
    """sensor_msgs/JointState messages in the robot's joint order; WorkFailed names what is wrong."""
    try:
        return [joint_state(message, joints) for message in raw]
    except BadMessage as error:
        raise WorkFailed(f"a joint state: {error}") from None


def commands(raw: Sequence[bytes], joints: tuple[str, ...]) -> list[Command]:
    """JointCommand messages in the robot's joint order; WorkFailed names what is wrong."""
    try:
        return [joint_command(message, joints) for message in raw]
    except BadMessage as error:
        raise WorkFailed(f"a command: {error}") from None


def object_poses(raw: Sequence[bytes], frame: str) -> list[ObjectPose]:
    """PoseStamped messages in `frame`; WorkFailed names what is wrong."""
    try:
        return [object_pose(message, frame) for message in raw]
    except BadMessage as error:
        raise WorkFailed(f"a pose: {error}") from None
