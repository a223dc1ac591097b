"""The simulator node in realtime: a robot that is simply there."""

import os
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from robot_learning_interfaces.srv import PrepareEpisode
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Float64MultiArray, String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from robot_learning.core.rotations import from_quaternion
from robot_learning.nodes.messages import stamp_ns, to_condition
from robot_learning.nodes.qos import CONTROL_WRITER, LATCHED, RECORDER_READER
from robot_learning.nodes.simulated_topics import to_transform
from robot_learning.robots.camera import CameraConfig, checked, optical_pose
from robot_learning.run.config import named_file, read
from robot_learning.run.robots import load_robot
from robot_learning.tasks.description import Condition

pytestmark = pytest.mark.ros
ROOT = Path(__file__).parents[2]
DOMAIN = 21
ROBOT = load_robot("fr3")
HOME = np.array(ROBOT.home)


class Watcher(Node):
    """Keeps all that arrives."""

    def __init__(self, context: Context) -> None:
        super().__init__("watcher", context=context)
        self.got: dict[str, list] = {}
        self.ears = SingleThreadedExecutor(context=context)
        self.ears.add_node(self)

    def hear(self, kind: type, topic: str, qos: QoSProfile = RECORDER_READER) -> list:
        self.got[topic] = []
        self.create_subscription(kind, topic, self.got[topic].append, qos)
        return self.got[topic]

    def until(self, done: Callable[[], object], seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, "nothing came"
            self.ears.spin_once(timeout_sec=0.05)

    def states_for(self, seconds: float) -> list[JointState]:
        """All joint states of the next so many seconds of their stamps."""
        states = self.got[ROBOT.joint_states_topic]
        states.clear()
        self.until(lambda: states and stamp_ns(states[-1].header.stamp) - stamp_ns(states[0].header.stamp) >= seconds * 1e9)
        return list(states)


@pytest.fixture(scope="module")
def watcher() -> Iterator[Watcher]:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(ROOT / "config" / "fastdds.xml")
    environment = os.environ | {"ROS_DOMAIN_ID": str(DOMAIN), "PYTHONPATH": str(ROOT / "src" / "robot_learning")}
    arguments = ["--ros-args", "-p", "robot:=fr3", "-p", "clock:=realtime", "-p", "cameras:=front64"]
    command = [sys.executable, "-m", "robot_learning.nodes.simulator", *arguments]
    context = Context()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        rclpy.init(context=context, domain_id=DOMAIN)
        node = Watcher(context)
        node.hear(JointState, ROBOT.joint_states_topic)
        yield node
        process.terminate()
        assert process.wait(3.0) == 0
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def reset(watcher: Watcher) -> None:
    client = watcher.create_client(PrepareEpisode, "/simulator/prepare")
    watcher.until(client.service_is_ready)
    request = PrepareEpisode.Request(episode="x", robot="fr3", task="reach")
    request.condition = to_condition(Condition("x", HOME, np.eye(4), {}))
    future = client.call_async(request)
    watcher.until(future.done)
    assert future.result().ok, future.result().message
    watcher.destroy_client(client)


def test_joint_states_come_at_120_hz_with_wall_clock_stamps(watcher: Watcher) -> None:
    states = watcher.states_for(1.0)
    stamps = np.array([stamp_ns(state.header.stamp) for state in states])
    assert len(stamps) / ((stamps[-1] - stamps[0]) * 1e-9) == pytest.approx(120.0, rel=0.1)
    assert np.all(np.diff(stamps) > 0)
    assert abs(time.time_ns() - stamps[-1]) < 0.5e9
    assert tuple(states[0].name) == ROBOT.joints
    assert {len(part) for part in (states[0].position, states[0].velocity, states[0].effort)} == {7}
    assert watcher.count_publishers("/clock") == 0


def test_late_comers_get_the_description(watcher: Watcher) -> None:
    texts = watcher.hear(String, "/robot_description", LATCHED)
    watcher.until(lambda: texts)
    assert texts[0].data.replace("package://robot_learning/urdf/", "") == (ROOT / "urdf" / ROBOT.urdf).read_text()
    assert 'filename="meshes' not in texts[0].data


def test_a_velocity_latches(watcher: Watcher) -> None:
    reset(watcher)
    publisher = watcher.create_publisher(Float64MultiArray, ROBOT.modes["velocity"].topic, CONTROL_WRITER)
    watcher.until(publisher.get_subscription_count)
    publisher.publish(Float64MultiArray(data=array("d", [0.0] * 6 + [0.2])))
    watcher.until(lambda: abs(watcher.got[ROBOT.joint_states_topic][-1].velocity[6] - 0.2) < 1e-3)
    states = watcher.states_for(0.5)
    seconds = (stamp_ns(states[-1].header.stamp) - stamp_ns(states[0].header.stamp)) * 1e-9
    assert states[-1].position[6] - states[0].position[6] == pytest.approx(0.2 * seconds, rel=0.15)
    publisher.publish(Float64MultiArray(data=array("d", [0.0] * 7)))
    watcher.until(lambda: abs(watcher.got[ROBOT.joint_states_topic][-1].velocity[6]) < 1e-3)


def test_a_trajectory_is_followed_and_the_tool_arrives(watcher: Watcher) -> None:
    reset(watcher)
    poses = watcher.hear(PoseStamped, "/ground_truth/tool_pose")
    publisher = watcher.create_publisher(JointTrajectory, ROBOT.modes["trajectory"].topic, CONTROL_WRITER)
    watcher.until(publisher.get_subscription_count)
    goal = HOME + 0.1
    point = JointTrajectoryPoint(positions=goal.tolist(), velocities=[0.0] * 7, time_from_start=Duration(nanosec=500_000_000))
    publisher.publish(JointTrajectory(joint_names=list(ROBOT.joints), points=[point]))
    states = watcher.got[ROBOT.joint_states_topic]
    watcher.until(lambda: np.abs(np.array(states[-1].position) - goal).max() < 1e-3)
    watcher.until(lambda: poses)
    assert poses[0].header.frame_id == ROBOT.base_link


def test_pictures_come_with_their_camera_info(watcher: Watcher) -> None:
    pictures = watcher.hear(Image, "/front64/image_raw")
    infos = watcher.hear(CameraInfo, "/front64/camera_info")
    watcher.until(lambda: len(pictures) > 12 and len(infos) > 12)
    stamps = [stamp_ns(picture.header.stamp) for picture in pictures[2:12]]
    assert set(stamps) <= {stamp_ns(info.header.stamp) for info in infos}
    assert np.median(np.diff(stamps)) == pytest.approx(50e6, rel=0.2)
    picture = pictures[-1]
    assert (picture.width, picture.height, picture.encoding, picture.step, len(picture.data)) == (64, 64, "rgb8", 192, 12288)
    assert picture.header.frame_id == infos[-1].header.frame_id == "front64_optical_frame"
    assert infos[-1].k[0] > 0.0


def test_the_cameras_transform_is_that_of_its_file() -> None:
    file = named_file("cameras", "overview")
    camera = checked(read(CameraConfig, file), str(file))
    message = to_transform(camera, ROBOT)
    assert (message.header.frame_id, message.child_frame_id) == ("fr3_link0", "overview_optical_frame")
    to, turn = message.transform.translation, message.transform.rotation
    pose = optical_pose(camera)
    assert pose[:3, 3] == pytest.approx([to.x, to.y, to.z])
    assert pose[:3, :3] == pytest.approx(from_quaternion(np.array([turn.x, turn.y, turn.z, turn.w])))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"robot": "ur5"}, "fr3"),
        ({"task": "reech"}, "reach"),
        ({"task": ""}, "task"),
        ({"cameras": ["no_such"]}, "no_such"),
        ({"initial_positions": [0.0] * 6}, "initial_positions"),
        ({"initial_positions": [9.0] * 7}, "fr3_joint1"),
        ({"initial_positions": [float("nan")] * 7}, "finite"),
    ],
)
def test_a_bad_request_is_refused_by_name_and_the_robot_stays(watcher: Watcher, change: dict, reason: str) -> None:
    client = watcher.create_client(PrepareEpisode, "/simulator/prepare")
    watcher.until(client.service_is_ready)
    request = PrepareEpisode.Request(episode="x", robot="fr3", task="reach")
    request.condition = to_condition(Condition("x", HOME, np.eye(4), {}))
    for name, value in change.items():
        setattr(request.condition if name == "initial_positions" else request, name, value)
    future = client.call_async(request)
    watcher.until(future.done)
    assert not future.result().ok
    assert reason in future.result().message
    assert watcher.states_for(0.05)
