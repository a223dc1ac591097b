"""What the simulated robot and its surroundings publish."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from geometry_msgs.msg import PoseStamped, TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String

from robot_learning.core.paths import PACKAGE
from robot_learning.core.types import Array
from robot_learning.data import cdr
from robot_learning.data.decode import object_topic
from robot_learning.nodes.messages import to_camera_info, to_image, to_pose_stamped
from robot_learning.nodes.qos import CLOCK_WRITER, CONTROL_WRITER, IMAGE_WRITER, LATCHED
from robot_learning.robots.bullet_arm import BulletArm
from robot_learning.robots.camera import CameraConfig, checked, parent_link
from robot_learning.robots.description import Robot
from robot_learning.run.config import named_file, read
from robot_learning.run.robots import urdf_path

CAMERA_INFO_WRITER = QoSProfile(depth=8, durability=DurabilityPolicy.TRANSIENT_LOCAL)  # late comers get the last one


def description(robot: Robot) -> str:
    """The robot's URDF, with meshes as every ROS tool finds them."""
    return urdf_path(robot).read_text(encoding="utf-8").replace('filename="meshes/', f'filename="package://{PACKAGE}/urdf/meshes/')


def to_transform(camera: CameraConfig, robot: Robot) -> TransformStamped:
    """From the link that carries the camera to its optical frame."""
    message = TransformStamped(child_frame_id=camera.optical_frame)
    message.header.frame_id = parent_link(camera, robot)
    to, turn = message.transform.translation, message.transform.rotation
    to.x, to.y, to.z = camera.position
    turn.x, turn.y, turn.z, turn.w = camera.quaternion
    return message


class SimulatedTopics:
    """Publishers for joint states, objects, cameras, ground truth, the description and, if the simulator makes time, the clock."""

    def __init__(self, node: Node, robot: Robot, with_clock: bool) -> None:
        """Publish the robot's description and prepare the rest."""
        self._node, self._robot = node, robot
        self._joint_states = node.create_publisher(JointState, robot.joint_states_topic, CONTROL_WRITER)
        self._clock = node.create_publisher(Clock, "/clock", CLOCK_WRITER) if with_clock else None
        self._tool = node.create_publisher(PoseStamped, "/ground_truth/tool_pose", CONTROL_WRITER)
        self._target = node.create_publisher(PoseStamped, "/ground_truth/target_pose", LATCHED)
        self._description = node.create_publisher(String, "/robot_description", LATCHED)
        self._description.publish(String(data=description(robot)))
        self._cameras: dict[str, tuple[CameraConfig, Any, Any]] = {}
        self._on: list[str] = []
        self._objects: dict[str, Any] = {}
        self._transforms: Any = None
        self._truth_wanted = False

    def cameras(self, names: list[str]) -> None:
        """Switch these cameras on and all others off; UsageError for an unknown one."""
        for name in names:
            if name not in self._cameras:
                file = named_file("cameras", name)
                camera = checked(read(CameraConfig, file), str(file))
                images = self._node.create_publisher(Image, f"/{name}/image_raw", IMAGE_WRITER)
                self._cameras[name] = camera, images, self._node.create_publisher(CameraInfo, f"/{name}/camera_info", CAMERA_INFO_WRITER)
                self._publish_transforms()
        self._on = list(dict.fromkeys(names))

    def objects(self, names: Iterable[str]) -> None:
        """Offer the poses of these objects."""
        for name in names:
            if name not in self._objects:
                self._objects[name] = self._node.create_publisher(PoseStamped, object_topic(name), CONTROL_WRITER)

    def _publish_transforms(self) -> None:
        """Where the cameras are, on /tf_static; tf2_msgs is only there with an installed ROS."""
        try:
            message = import_module("tf2_msgs.msg").TFMessage
        except ImportError:
            return
        if self._transforms is None:
            self._transforms = self._node.create_publisher(message, "/tf_static", LATCHED)
        self._transforms.publish(message(transforms=[to_transform(camera, self._robot) for camera, _, _ in self._cameras.values()]))

    def rates(self) -> dict[str, float]:
        """Of the cameras that are on, Hz."""
        return {name: self._cameras[name][0].rate_hz for name in self._on}

    def target(self, pose: Array, stamp_ns: int) -> None:
        """Where the tool has to go, (4, 4); whether anybody wants to see the ground truth is looked up here, once an episode."""
        self._target.publish(to_pose_stamped(pose, stamp_ns, self._robot.base_link))

    def state(self, arm: BulletArm, stamp_ns: int, cameras: list[str] | None = None) -> None:
        """Everything as it is now; the joint states come last, so that who has them can have all of their stamp."""
        if self._clock is not None:
            self._clock.publish(cdr.to_clock(stamp_ns))
        for name in self._on if cameras is None else cameras:
            camera, images, infos = self._cameras[name]
            images.publish(to_image(arm.render(camera), stamp_ns, camera.optical_frame))
            infos.publish(to_camera_info(camera, stamp_ns))
        if self._truth_wanted:
            self._tool.publish(to_pose_stamped(arm.tool_pose(), stamp_ns, self._robot.base_link))
        for name, pose in arm.objects(stamp_ns).items():
            self._objects[name].publish(cdr.to_object_pose(pose, self._robot.base_link))
        self._joint_states.publish(cdr.to_joint_state(arm.joint_state(stamp_ns), self._robot.joints))

    def look_for_readers(self) -> None:
        """Find out whether anybody reads the tool's pose; asking at every tick would cost more than publishing it."""
        self._truth_wanted = self._tool.get_subscription_count() > 0
