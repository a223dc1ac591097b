"""Episodes through the graph: the same bits as in process, every step once, and bags that anybody can read."""

import math
import time
from collections import Counter

import pytest
import rclpy
from episode_graph import SETTING, Graph, T, request
from mcap.reader import make_reader
from rclpy.context import Context
from rclpy.node import Node
from rosbags.rosbag2 import Reader

from robot_learning.core.errors import WorkFailed
from robot_learning.data.bag_reader import Bag
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.nodes import through_ros
from robot_learning.run.episodes import EpisodeRequest
from robot_learning.run.in_process import InProcess

JOINTS, OUTPUT = SETTING.robot.joints, SETTING.robot.modes[SETTING.mode].topic


@pytest.fixture(scope="module")
def in_process():
    runner = InProcess.of(SETTING)
    yield runner
    runner.close()


def made(seed):
    """Some policy."""
    return GaussianPolicy.initial(32, len(JOINTS), seed, variance=0.1)


def same(a, b):
    for field in ("states", "actions", "cost"):
        assert getattr(a, field).tobytes() == getattr(b, field).tobytes(), field
    assert a.distance == b.distance
    assert a.ending == b.ending


def test_through_the_graph_and_in_process_episodes_are_the_same_bits(lockstep, in_process):
    requests = [request(0, 1), request(1, 2), request(0, 3, noise=False), request(0, 1)]
    through, inside = lockstep.runner.run(requests), in_process.run(requests)
    for a, b in zip(through, inside, strict=True):
        same(a, b)
        assert a.counts["gate.passed"] == b.counts["gate.passed"]
    same(through[0], through[3])


def test_every_step_is_in_the_bag_once(lockstep):
    episode = lockstep.runner.run([request()])[0]
    bag = Bag(lockstep.bags / episode.bag.rsplit("/", 1)[1])
    states, commands = bag.joint_states(SETTING.robot.joint_states_topic, JOINTS), bag.commands(JOINTS)
    assert len(states) == T + 1
    assert [command.step for command in commands] == list(range(T))
    assert [command.stamp_ns for command in commands] == [state.stamp_ns for state in states[:-1]]
    assert len(bag.raw(OUTPUT)) == T
    assert {count.dropped for count in bag.counts.values()} == {0}
    assert [message.data for message in bag.messages("/robot_description")][0].startswith("<")
    assert [m.state for m in bag.messages("/episode_status")][-1] == "committing"
    assert bag.messages("/safety_gate/status")[-1].armed == 0
    assert episode.counts["recorder./joint_command"] == T
    assert bag.ending == "time"


def test_the_bag_tells_how_it_was_made(lockstep):
    about = Bag(lockstep.bags / lockstep.runner.run([request(1, 42)])[0].bag.rsplit("/", 1)[1]).about
    assert (about["robot"], about["task"], about["controller"], about["seed"], about["fsync"]) == ("fr3", "reach", "local", "42", "no")
    assert '"kind": "reach"' in about["config"]
    assert SETTING.train[1].name in about["condition"]
    assert len(about["commit"].split()[0]) in (0, 40)


def test_rosbags_and_the_plain_mcap_reader_open_it(lockstep):
    path = lockstep.bags / lockstep.runner.run([request()])[0].bag.rsplit("/", 1)[1]
    with Reader(path) as reader:
        found = Counter(connection.topic for connection, _, _ in reader.messages())
        qos = {c.topic: c.ext.offered_qos_profiles for c in reader.connections}
    assert (found["/joint_command"], found[SETTING.robot.joint_states_topic]) == (T, T + 1)
    assert all(qos.values())
    with next(path.glob("*.mcap")).open("rb") as file:
        assert sum(1 for _ in make_reader(file, validate_crcs=True).iter_messages()) == sum(found.values())


def test_every_picture_is_in_the_bag_from_the_first_episode_on(lockstep):
    episode = lockstep.runner.run([request(cameras=("front64",))])[0]
    bag = Bag(lockstep.bags / episode.bag.rsplit("/", 1)[1])
    stamps = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in bag.messages("/front64/image_raw")]
    assert stamps == [state.stamp_ns for state in bag.joint_states(SETTING.robot.joint_states_topic, JOINTS)]
    assert len(bag.raw("/front64/camera_info")) == T + 1
    assert "/front64/image_raw" not in Bag(lockstep.bags / lockstep.runner.run([request()])[0].bag.rsplit("/", 1)[1]).types


def test_weights_sent_in_parts_make_the_same_episodes(lockstep, in_process):
    for version in (1, 2):
        network = made(version)
        asked = [EpisodeRequest(condition, None, seed=version, noise=noise) for condition in SETTING.heldout for noise in (True, False)]
        for runner in (lockstep.runner, in_process):
            runner.load(network, version)
        for a, b in zip(lockstep.runner.run(asked), in_process.run(asked), strict=True):
            same(a, b)


def test_an_episode_cancelled_in_the_middle_is_committed_with_that_ending(lockstep):
    lockstep.runner.load(made(9), 9)
    steps = []
    handle = lockstep.send(lambda f: steps.append(f.feedback.step), controller="policy", id="global", version=9, horizon=5000)
    lockstep.until(lambda: steps)
    began = time.monotonic()
    handle.cancel_goal_async()
    result = lockstep.result(handle)
    assert time.monotonic() - began < 2.0
    assert result.ending == "cancelled"
    bag = Bag(lockstep.bags / result.episode)
    assert bag.ending == "cancelled"
    asked = bag.commands(JOINTS)
    assert 0 < len(asked) < 5000
    assert [command.step for command in asked] == list(range(len(asked)))
    assert not list(lockstep.bags.glob("*.partial"))
    assert lockstep.runner.run([request()])[0].ending == "time"


def test_a_second_goal_is_refused_while_one_runs(lockstep):
    lockstep.runner.load(made(9), 10)
    handle = lockstep.send(controller="policy", id="global", version=10, horizon=5000)
    assert handle.accepted
    assert not lockstep.send().accepted
    with pytest.raises(WorkFailed, match="busy"):
        lockstep.runner.run([request()])
    handle.cancel_goal_async()
    assert lockstep.result(handle).ending == "cancelled"


def test_what_cannot_be_run_ends_as_a_fault_that_says_why(lockstep):
    for fields, text in (
        ({"task": "reech"}, "did you mean 'reach'"),
        ({"controller": "teleop"}, "allowed are local, policy"),
        ({"controller": "local", "id": "none", "version": 1}, "local_controller: local controller 'none' version 1 is not loaded"),
        ({"cameras": ["nowhere"]}, "nowhere"),
    ):
        result = lockstep.result(lockstep.send(**fields))
        assert result.ending.startswith("fault: ")
        assert text in result.ending
        assert "\n" not in result.ending
        assert math.isnan(result.distance)
    assert not list(lockstep.bags.glob("*.partial"))
    assert lockstep.runner.run([request()])[0].ending == "time"


def test_an_episode_without_a_record_leaves_no_bag(lockstep):
    before = set(lockstep.bags.iterdir())
    result = lockstep.result(lockstep.send(record=False))
    assert (result.ending, result.bag) == ("time", "")
    assert result.cost != 0.0
    assert set(lockstep.bags.iterdir()) == before


def test_a_client_that_vanishes_leaves_a_manager_that_goes_on(lockstep):
    other = Graph(lockstep.launcher, lockstep.run_dir)
    assert other.send().accepted
    other.close()  # it never asks for the result
    lockstep.until(lambda: (handle := lockstep.send()).accepted and lockstep.result(handle).ending == "time")
    assert not list(lockstep.bags.glob("*.partial"))


def test_a_graph_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "59")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setattr(through_ros, "DISCOVERY_S", 0.2)
    context = Context()
    rclpy.init(context=context)
    node = Node("client", context=context)
    runner = through_ros.ThroughRos(node, SETTING)
    with pytest.raises(WorkFailed, match="local_controller is not there"):
        runner.run([request()])
    with pytest.raises(WorkFailed, match="policy is not there"):
        runner.load(made(0), 1)
    with pytest.raises(WorkFailed, match="episode_manager is not there"):
        runner.run([EpisodeRequest(SETTING.train[0], None)])
    runner.close()
    node.destroy_node()
    context.try_shutdown()
