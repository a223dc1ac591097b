"""What the recorder listens to, and how."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from robot_learning_interfaces.msg import EpisodeStatus, GateStatus, JointCommand, Keypoints
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool, Float64MultiArray, String
from trajectory_msgs.msg import JointTrajectory

from robot_learning.data.bag_writer import Qos
from robot_learning.data.decode import object_topic
from robot_learning.nodes.qos import RECORDER_LATCHED, RECORDER_READER
from robot_learning.robots.description import Robot

IMAGES = 512  # images are large: in realtime no more than these wait
STAMPED = (
    JointState,
    JointCommand,
    GateStatus,
    EpisodeStatus,
    Keypoints,
    Image,
    CameraInfo,
    JointTrajectory,
    PoseStamped,
)  # begin with a header


class Recorded(NamedTuple):
    """One topic."""

    name: str
    kind: Any  # message class
    qos: QoSProfile
    role: str  # "required", "optional", "output" (one of them is enough), "camera" or "object"
    only: str = ""  # in episodes with this camera or object
    latched: bool = False

    @property
    def type_name(self) -> str:
        """Such as "sensor_msgs/msg/JointState"."""
        return f"{self.kind.__module__.split('.')[0]}/msg/{self.kind.__name__}"

    @property
    def stamped(self) -> bool:
        """Whether its messages begin with a header."""
        return self.kind in STAMPED

    @property
    def reliable(self) -> bool:
        """Whether the reader insists on reliable publishers."""
        return self.qos.reliability == ReliabilityPolicy.RELIABLE

    def best_effort(self) -> "Recorded":
        """The same with a reader that takes what comes."""
        return self._replace(qos=QoSProfile(depth=self.qos.depth, reliability=ReliabilityPolicy.BEST_EFFORT))


def topics_of(robot: Robot, cameras: Sequence[str], lockstep: bool) -> list[Recorded]:
    """All topics of a robot, and of all cameras that there may be."""
    topics = [
        Recorded(robot.joint_states_topic, JointState, RECORDER_READER, "required"),
        Recorded("/joint_command", JointCommand, RECORDER_READER, "required"),
        Recorded("/safety_gate/status", GateStatus, RECORDER_LATCHED, "required", latched=True),
        Recorded("/episode_status", EpisodeStatus, RECORDER_LATCHED, "required", latched=True),
        Recorded("/robot_description", String, RECORDER_LATCHED, "required" if lockstep else "optional", latched=True),
        Recorded("/safety/stop", Bool, RECORDER_LATCHED, "optional", latched=True),
        Recorded("/keypoints", Keypoints, RECORDER_READER, "optional"),
    ]
    transforms = transforms_class()
    if transforms is not None:
        topics.append(Recorded("/tf_static", transforms, RECORDER_LATCHED, "optional", latched=True))
    for mode, config in robot.modes.items():
        topics.append(Recorded(config.topic, JointTrajectory if mode == "trajectory" else Float64MultiArray, RECORDER_READER, "output"))
    reliability = ReliabilityPolicy.RELIABLE if lockstep else ReliabilityPolicy.BEST_EFFORT
    for name in cameras:
        for topic, kind, role in ((f"/{name}/image_raw", Image, "camera"), (f"/{name}/camera_info", CameraInfo, "required")):
            topics.append(Recorded(topic, kind, QoSProfile(depth=IMAGES, reliability=reliability), role, name))
    return topics


def of_object(name: str) -> Recorded:
    """The poses of an object."""
    return Recorded(object_topic(name), PoseStamped, RECORDER_READER, "object", name)


def transforms_class() -> Any | None:
    """The message class of /tf_static; None where tf2_msgs is not installed, as in the wheels."""
    try:
        return import_module("tf2_msgs.msg").TFMessage
    except ImportError:
        return None


def offered(node: Node, topic: Recorded) -> tuple[Qos, ...]:
    """What the publishers of a topic offer, in rosbag2's words; empty without a publisher."""
    return tuple(
        Qos(
            info.qos_profile.history.name.lower(),
            info.qos_profile.depth,
            info.qos_profile.reliability.name.lower(),
            info.qos_profile.durability.name.lower(),
        )
        for info in node.get_publishers_info_by_topic(topic.name)
    )
