"""A simulated robot beside another robot: one line, exit code 2, and the one that was there first stays."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from sensor_msgs.msg import JointState

from robot_learning.core.errors import UsageError
from robot_learning.nodes import only_robot, qos
from robot_learning.nodes.only_robot import NAMELESS, NEW_NS, PATIENCE_NS, OnlyRobot

TOPIC = "/franka/joint_states"


@pytest.fixture
def simulator(domain):
    """simulator(robot) starts one in this test's domain; the text of its first line, or of its error."""
    processes = []

    def start(robot="fr3"):
        words = [sys.executable, "-m", "robot_learning.nodes.simulator", "--ros-args", "-p", f"robot:={robot}", "-p", "clock:=lockstep"]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("robot", ["fr3", "ur5e"])
def test_one_of_two_simulators_of_any_robots_says_in_one_line_that_the_domain_is_busy(simulator, domain, robot):
    """The second, unless the computer is so busy that it finds the first one too late."""
    first = simulator()
    assert first.stdout.readline() == "ready\n"
    second = simulator(robot)
    while first.poll() is None and second.poll() is None:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)  # either
    ended, other = (first, second) if second.poll() is None else (second, first)
    _, told = ended.communicate()
    assert ended.returncode == 2
    assert told.splitlines() == [told.rstrip("\n")]
    assert f"ROS domain {domain} is busy: " in told
    assert "--domain" in told
    assert other.poll() is None


def test_a_robot_that_comes_later_and_stays_is_named(simulator, domain):
    process = simulator()
    assert process.stdout.readline() == "ready\n"
    context = Context()
    rclpy.init(context=context)
    node = Node("driver", context=context)
    publisher = node.create_publisher(JointState, TOPIC, qos.CONTROL_WRITER)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 2
    assert f"ROS domain {domain} is busy: the node 'driver' publishes {TOPIC}" in told
    assert publisher is not None
    node.destroy_node()
    context.try_shutdown()


class Surroundings:
    """A node, and who else there is by its name."""

    context = SimpleNamespace(get_domain_id=lambda: 7)

    def __init__(self, others):
        self.others, self.looks = others, None

    def get_name(self):
        return "simulator"

    def get_publishers_info_by_topic(self, topic):
        return [SimpleNamespace(node_name=name) for name in (*["simulator"] * (self.looks is not None), *self.others)]

    def count_publishers(self, topic):
        return len(self.get_publishers_info_by_topic(topic))

    def guarded(self, callback):
        return callback

    def create_timer(self, period, callback, clock):
        self.looks = callback


@pytest.fixture
def clock(monkeypatch):
    """A steady clock that moves when somebody sleeps."""
    now = [10**12]
    monkeypatch.setattr(only_robot, "steady_ns", lambda: now[0])
    monkeypatch.setattr(only_robot.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + round(seconds * 1e9)))
    return now


def test_who_is_there_already_is_refused_even_if_its_name_is_not_known(clock):
    with pytest.raises(UsageError, match=f"ROS domain 7 is busy: another process publishes {TOPIC}"):
        OnlyRobot(Surroundings([NAMELESS])).begin(TOPIC)
    with pytest.raises(UsageError, match=f"the node 'simulator' publishes {TOPIC}"):
        OnlyRobot(Surroundings(["simulator"])).begin(TOPIC)


def test_the_wait_counts_from_when_the_node_was_made(clock):
    node = Surroundings([])
    only = OnlyRobot(node)
    clock[0] += only_robot.FOUND_NS
    before = clock[0]
    only.begin(TOPIC)
    assert clock[0] == before


@pytest.mark.parametrize("other", ["simulator", "driver", NAMELESS])
def test_the_newcomer_goes_and_the_first_one_stays_unless_the_other_does(clock, other):
    node = Surroundings([])
    OnlyRobot(node).begin(TOPIC)
    clock[0] += NEW_NS
    for _ in range(3):  # newcomers that go in time
        node.others = [other]
        node.looks()
        clock[0] += PATIENCE_NS - 1
        node.looks()
        node.others = []
        node.looks()
        clock[0] += 2 * PATIENCE_NS
    node.others = [other]
    node.looks()
    clock[0] += PATIENCE_NS
    with pytest.raises(UsageError, match="busy"):
        node.looks()


def test_a_newcomer_goes_as_soon_as_it_knows_beside_whom(clock):
    node = Surroundings([])
    OnlyRobot(node).begin(TOPIC)
    node.others = [NAMELESS]
    node.looks()
    node.others = ["simulator"]
    with pytest.raises(UsageError, match="busy: the node 'simulator' publishes"):
        node.looks()
