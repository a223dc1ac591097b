"""The recorder alone: it waits for what it is to record, and refuses what it cannot keep."""

import json
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from robot_learning_interfaces.msg import EpisodeStatus, GateStatus, JointCommand
from robot_learning_interfaces.srv import FinishEpisode, PrepareEpisode
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Float64MultiArray, String

from robot_learning.core.types import Command
from robot_learning.core.types import JointState as State
from robot_learning.data import cdr
from robot_learning.data.bag_reader import Bag
from robot_learning.data.definitions import definition
from robot_learning.nodes import messages, qos, recorded_topics
from robot_learning.robots.camera import CameraConfig, config_hash
from robot_learning.run.config import named_file, read
from robot_learning.run.robots import load_robot

ROBOT = load_robot("fr3")
ZERO = [0.0] * 7


class Client:
    def __init__(self) -> None:
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = Node("client", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.prepare = self.node.create_client(PrepareEpisode, "/recorder/prepare")
        self.finish = self.node.create_client(FinishEpisode, "/recorder/finish")

    def until(self, done, seconds=20.0):
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, "took too long"
            self.executor.spin_once(timeout_sec=0.01)

    def ask(self, client, request):
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done)
        return future.result()

    def prepared(self, **fields):
        values = {"episode": "e1", "robot": "fr3", "task": "reach", "record": True} | fields
        request = PrepareEpisode.Request(**values)
        request.condition.target.orientation.w = 1.0
        return self.ask(self.prepare, request)

    def publish_everything(self, command_qos=qos.CONTROL_WRITER):
        self.states = self.node.create_publisher(JointState, ROBOT.joint_states_topic, command_qos)
        self.commands = self.node.create_publisher(JointCommand, "/joint_command", qos.CONTROL_WRITER)
        self.outputs = self.node.create_publisher(Float64MultiArray, ROBOT.modes["effort"].topic, qos.CONTROL_WRITER)
        self.gate = self.node.create_publisher(GateStatus, "/safety_gate/status", qos.LATCHED)
        self.status = self.node.create_publisher(EpisodeStatus, "/episode_status", qos.LATCHED)
        self.description = self.node.create_publisher(String, "/robot_description", qos.LATCHED)
        every = [self.commands, self.outputs, self.gate, self.status, self.description]
        if command_qos is qos.CONTROL_WRITER:  # a reliable reader never meets a best-effort writer
            every.append(self.states)
        self.until(lambda: all(publisher.get_subscription_count() for publisher in every))

    def wait_until_prepared(self, **fields):
        self.until(lambda: (answer := self.prepared(**fields)).ok or not answer.message.startswith("waiting for "))

    def step(self, number):
        self.commands.publish(cdr.to_joint_command(Command(number * 10**9, "effort", ZERO, "test", number), ROBOT.joints))
        self.outputs.publish(cdr.to_float_array(ZERO))
        self.states.publish(cdr.to_joint_state(State((number + 1) * 10**9, ZERO, ZERO, ZERO), ROBOT.joints))

    def finished(self, last, ending="time"):
        request = FinishEpisode.Request(episode="e1", ending=ending, last_stamp=messages.to_time(last))
        answers = []
        self.until(lambda: not answers.append(self.ask(self.finish, request)) and not answers[-1].message.startswith("waiting for "))
        return answers

    def close(self):
        self.node.destroy_node()
        self.context.try_shutdown()


@pytest.fixture
def start(domain, tmp_path):
    processes = []

    def start(clock="lockstep"):
        arguments = ["-p", "robot:=fr3", "-p", f"clock:={clock}", "-p", f"run_dir:={tmp_path}"]
        command = [sys.executable, "-m", "robot_learning.nodes.recorder", "--ros-args", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def client(start):
    client = Client()
    yield client
    client.close()


def test_it_says_whose_publishers_it_waits_for(start, client):
    start()
    answer = client.prepared()
    assert not answer.ok
    for topic in (ROBOT.joint_states_topic, "/joint_command", "/safety_gate/status", "/robot_description", ROBOT.modes["effort"].topic):
        assert topic in answer.message
    client.publish_everything()
    client.wait_until_prepared()
    answer = client.prepared(episode="e2", cameras=["front64"])
    assert answer.message == "waiting for publishers of /front64/image_raw, /front64/camera_info"


def test_it_waits_for_the_last_messages_and_answers_a_repeated_question_the_same(start, client, tmp_path):
    start()
    client.publish_everything()
    client.wait_until_prepared()
    client.states.publish(cdr.to_joint_state(State(0, ZERO, ZERO, ZERO), ROBOT.joints))
    for number in range(3):
        client.step(number)
    answer = client.finished(3 * 10**9)[-1]
    assert answer.ok
    assert answer.bag == str(tmp_path / "bags" / "e1")
    assert messages.counts(answer)["/joint_command"] == 3
    assert client.finished(3 * 10**9)[-1] == answer
    assert len(Bag(tmp_path / "bags" / "e1").joint_states(ROBOT.joint_states_topic, ROBOT.joints)) == 4


def test_what_does_not_come_within_a_second_is_named_in_the_ending(start, client, tmp_path):
    start()
    client.publish_everything()
    client.wait_until_prepared()
    client.states.publish(cdr.to_joint_state(State(0, ZERO, ZERO, ZERO), ROBOT.joints))
    client.step(0)
    began = time.monotonic()
    first, *_, last = client.finished(2 * 10**9)
    assert 0.9 < time.monotonic() - began < 3.0
    assert first.message == f"waiting for {ROBOT.joint_states_topic} of 2.000 s"
    assert (last.ok, last.message) == (True, f"recorder: {ROBOT.joint_states_topic} of 2.000 s did not come")
    assert Bag(tmp_path / "bags" / "e1").ending == f"fault: {last.message}"


def test_a_robot_that_publishes_best_effort_is_recorded_too(start, client, tmp_path):
    start("realtime")
    client.publish_everything(qos.STATE_READER)
    client.wait_until_prepared()
    client.until(lambda: client.states.get_subscription_count())
    client.states.publish(cdr.to_joint_state(State(0, ZERO, ZERO, ZERO), ROBOT.joints))
    client.step(0)
    assert client.finished(10**9)[-1].ok
    assert len(Bag(tmp_path / "bags" / "e1").raw(ROBOT.joint_states_topic)) == 2


def test_an_episode_cancelled_before_its_first_joint_state_is_committed_at_once(start, client, tmp_path):
    start()
    client.publish_everything()
    client.wait_until_prepared()
    assert [answer.ok for answer in client.finished(0, "cancelled")] == [True]  # it never says "waiting for"
    assert Bag(tmp_path / "bags" / "e1").ending == "cancelled"


def test_wrong_requests_are_refused_in_one_line(start, client, tmp_path):
    start()
    client.publish_everything()
    client.wait_until_prepared()
    client.finished(0, "cancelled")
    for fields, text in (
        ({"robot": "ur5"}, "this is fr3, not ur5"),
        ({"episode": "../x"}, "names match"),
        ({"episode": "e1"}, "exists already"),
        ({"episode": "e3", "cameras": ["nowhere"]}, "no camera 'nowhere'; there is front64"),
    ):
        answer = client.prepared(**fields)
        assert not answer.ok
        assert text in answer.message
    assert not client.ask(client.finish, FinishEpisode.Request(episode="e9")).ok
    assert [path.name for path in tmp_path.iterdir()] == ["bags"]


def test_the_bag_holds_each_cameras_values_and_hash(start, client, tmp_path):
    start()
    client.publish_everything()
    images = client.node.create_publisher(Image, "/front64/image_raw", qos.IMAGE_WRITER)
    infos = client.node.create_publisher(CameraInfo, "/front64/camera_info", qos.IMAGE_WRITER)
    client.until(lambda: images.get_subscription_count() and infos.get_subscription_count())
    client.wait_until_prepared(cameras=["front64"])
    client.finished(0, "cancelled")
    camera = read(CameraConfig, named_file("cameras", "front64"))
    found = json.loads(Bag(tmp_path / "bags" / "e1").about["cameras"])
    assert list(found) == ["front64"]
    assert found["front64"]["sha256"] == config_hash(camera)
    assert found["front64"]["fx"] == camera.fx


def test_transforms_are_recorded_where_tf2_msgs_is_installed(monkeypatch):
    names = [topic.name for topic in recorded_topics.topics_of(ROBOT, (), True)]
    assert ("/tf_static" in names) == (find_spec("tf2_msgs") is not None)
    kind = type("TFMessage", (), {"__module__": "tf2_msgs.msg._tf_message"})
    monkeypatch.setattr(recorded_topics, "transforms_class", lambda: kind)
    topic = next(topic for topic in recorded_topics.topics_of(ROBOT, (), True) if topic.name == "/tf_static")
    assert (topic.type_name, topic.role, topic.latched, topic.stamped) == ("tf2_msgs/msg/TFMessage", "optional", True, False)
    assert "geometry_msgs/TransformStamped" in definition(topic.type_name)


def test_a_stopped_recorder_closes_its_bag(start, client, tmp_path):
    process = start()
    client.publish_everything()
    client.wait_until_prepared()
    process.send_signal(signal.SIGTERM)
    assert process.wait(3.0) == 0
    assert Bag(tmp_path / "bags" / "e1").ending == "fault: the recorder was stopped"
