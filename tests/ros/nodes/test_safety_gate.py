"""The safety gate as a process, judged by what arrives on the robot's command topic."""

import math
import time

import numpy as np
import pytest
from robot_learning_interfaces.msg import GateStatus, JointCommand
from robot_learning_interfaces.srv import FinishEpisode, PrepareEpisode
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from robot_learning.core.types import Command
from robot_learning.core.types import JointState as State
from robot_learning.data import cdr
from robot_learning.nodes import messages, qos
from robot_learning.run.robots import load_robot

pytestmark = pytest.mark.ros
DOMAIN = 32
FR3 = load_robot("fr3")
TOPIC = FR3.modes["effort"].topic
HOME = np.array(FR3.home)
MS = 1_000_000


class Stage:
    """A robot that stands still and a policy that pushes with 1 N·m, both in the test's process."""

    def __init__(self, peer):
        self.peer, node = peer, peer.node
        self.outputs, self.status = [], []
        self.states = node.create_publisher(JointState, FR3.joint_states_topic, qos.CONTROL_WRITER)
        self.commands = node.create_publisher(JointCommand, "/joint_command", qos.CONTROL_WRITER)
        self.stop = node.create_publisher(Bool, "/safety/stop", qos.LATCHED)
        node.create_subscription(Float64MultiArray, TOPIC, self.on_output, qos.RECORDER_READER)
        node.create_subscription(GateStatus, "/safety_gate/status", self.status.append, qos.LATCHED)
        self.next_state = self.next_command = 0.0
        self.policy_runs = False
        self.values = np.ones(7)
        peer.matched(self.states, self.commands, self.stop)

    def on_output(self, message):
        self.outputs.append((time.monotonic(), np.array(message.data)))

    def idle(self):
        now = time.monotonic()
        if now >= self.next_state:
            self.next_state = now + 0.01
            self.stamp = time.time_ns()
            self.states.publish(cdr.to_joint_state(State(self.stamp, HOME, np.zeros(7), np.zeros(7)), FR3.joints))
        if self.policy_runs and now >= self.next_command:
            self.next_command = now + 0.05
            self.command(self.values)

    def command(self, values, stamp=None, joints=FR3.joints, source="policy p:1"):
        stamp = self.stamp if stamp is None else stamp
        self.commands.publish(cdr.to_joint_command(Command(stamp, "effort", values, source), joints))
        return time.monotonic()

    def run(self, seconds):
        self.peer.until(lambda: False, seconds, self.idle)

    def until(self, done, seconds=20.0):
        assert self.peer.until(done, seconds, self.idle)

    def arm(self):
        request = PrepareEpisode.Request(episode="e", robot="fr3", task="reach", controller="policy")
        return self.peer.call(PrepareEpisode, "/safety_gate/prepare", request, self.idle)

    def move(self):
        """Arms until the policy's pushes arrive: on a busy machine the gate may have found it silent."""
        self.policy_runs = True
        for _ in range(20):
            if not self.arm().ok:
                continue
            count = len(self.outputs)
            if self.peer.until(lambda c=count: any(np.all(v == self.values) for _, v in self.outputs[c:]), 1.0, self.idle):
                return
        raise AssertionError("it does not move")

    def finish(self):
        return self.peer.call(FinishEpisode, "/safety_gate/finish", FinishEpisode.Request(episode="e"), self.idle)

    @property
    def reason(self):
        return self.status[-1].reason if self.status else None


@pytest.fixture
def stage(start, peer):
    start("safety_gate", robot="fr3", clock="realtime", backend="sim")
    return Stage(peer)


def test_a_policy_that_stops_leads_to_a_hold_that_only_arming_ends(stage):
    stage.run(0.1)
    stage.policy_runs = True
    stage.run(0.3)
    assert not stage.outputs, "unarmed, nothing moves"
    stage.move()
    stage.run(0.1)
    stage.move()
    last = stage.command(stage.values)
    stage.policy_runs = False
    stage.run(0.6)
    held = next(t for t, values in stage.outputs if t > last and not values.any())
    assert 0.08 < held - last < 0.25
    assert all(not values.any() for t, values in stage.outputs if t > held)
    stage.policy_runs = True
    stage.run(0.5)
    assert not np.any(stage.outputs[-1][1]), "it does not resume by itself"
    assert stage.reason.startswith("no command for 0.1 s; arm again")
    stage.move()
    answer = stage.finish()
    assert messages.counts(answer)["passed"] > 0
    stage.run(0.8)
    count = len(stage.outputs)
    stage.run(0.2)
    assert len(stage.outputs) == count, "after the hold it is silent"
    assert not np.any(stage.outputs[-1][1])


def test_output_rate_is_100_hz_without_bursts(stage):
    stage.run(0.1)
    stage.arm()
    stage.policy_runs = True
    stage.run(2.0)
    times = np.array([t for t, _ in stage.outputs])[10:]
    assert 80.0 < (len(times) - 1) / (times[-1] - times[0]) < 101.0
    assert np.sum(np.diff(times) < 0.002) < 0.05 * len(times)


def send_bad_commands(stage):
    wrong = cdr.to_joint_command(Command(stage.stamp, "effort", np.ones(8)), FR3.joints)
    for send in (
        lambda: stage.command(np.full(7, math.nan)),
        lambda: stage.command(np.array([math.inf] + [0.0] * 6)),
        lambda: stage.command(np.full(7, -math.inf)),
        lambda: stage.command(np.ones(7), source="somebody else"),
        lambda: stage.command(np.ones(7), stamp=stage.stamp - 200 * MS),
        lambda: stage.command(np.ones(7), stamp=stage.stamp + 10**12),
        lambda: stage.command(np.ones(6), joints=FR3.joints[:6]),
        lambda: stage.commands.publish(wrong),
        lambda: stage.commands.publish(wrong[:100]),
        lambda: stage.command(np.full(7, 1e300)),
    ):
        send()
        stage.run(0.02)


def test_nothing_bad_reaches_the_robot(stage):
    stage.run(0.1)
    expected = {"non_finite": 3, "source": 1, "stale": 1, "future": 1, "names": 1, "length": 1, "bytes": 1, "refused": 9}
    for _ in range(20):
        stage.move()
        send_bad_commands(stage)
        counts = messages.counts(stage.finish())
        values = np.array([v for _, v in stage.outputs])
        assert np.isfinite(values).all()
        assert np.all(np.abs(values) <= FR3.limits.effort)
        # on a busy machine the policy may fall silent in between, or one command takes another's place in the gate's reader
        if "unarmed" not in counts and counts.get("refused") == expected["refused"]:
            break
    assert {kind: counts.get(kind, 0) for kind in expected} == expected


def test_the_reason_of_a_timeout_names_the_command_that_was_refused(stage):
    expected = "no command for 0.1 s; arm again (last refused command: command of 'somebody'; policy commands)"
    stage.run(0.1)
    for _ in range(5):  # on a busy machine the gate may have disarmed before it heard of the other one
        stage.move()
        stage.policy_runs = False
        for _ in range(20):  # the real policy fell silent, and somebody else commands
            stage.command(np.ones(7), source="somebody x:1")
            stage.run(0.02)
        if stage.reason == expected:
            break
    assert stage.reason == expected
    stage.until(lambda: stage.arm().ok)
    stage.until(lambda: stage.reason == "")


def test_reordered_names_are_remapped(stage):
    stage.run(0.1)
    stage.arm()
    order = [3, 0, 6, 1, 5, 2, 4]
    for _ in range(4):
        stage.command(np.array(order) / 10.0, joints=tuple(FR3.joints[i] for i in order), source="policy p:1")
        stage.run(0.03)
    assert [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6] in [values.tolist() for _, values in stage.outputs]


def test_stop_is_latched_and_so_is_its_end(stage):
    stage.run(0.1)
    stage.move()
    stage.run(0.2)
    stage.stop.publish(Bool(data=True))
    stage.until(lambda: stage.reason == "stopped: /safety/stop")
    stage.run(0.2)
    assert not np.any(stage.outputs[-1][1])
    assert stage.arm().message == "stopped: /safety/stop"
    stage.stop.publish(Bool(data=False))
    stage.run(0.3)
    assert not np.any(stage.outputs[-1][1])
    stage.until(lambda: stage.arm().ok)


@pytest.mark.parametrize(
    ("mode", "kind"), [("effort", Float64MultiArray), ("velocity", Float64MultiArray), ("trajectory", JointTrajectory)]
)
def test_another_publisher_on_any_of_the_robots_command_topics_stops(stage, mode, kind):
    stage.run(0.1)
    stage.move()
    stage.run(0.2)
    since, topic = time.monotonic(), FR3.modes[mode].topic
    intruder = stage.peer.node.create_publisher(kind, topic, qos.CONTROL_WRITER)
    stage.until(lambda: stage.reason == f"stopped: somebody else publishes on {topic}", 2.0)
    assert time.monotonic() - since < 2.0
    stage.run(0.2)
    assert not np.any(stage.outputs[-1][1])
    assert "somebody else" in stage.arm().message
    stage.peer.node.destroy_publisher(intruder)
    stage.until(lambda: stage.arm().ok)


def test_when_the_gate_is_ended_it_leaves_the_robot_at_rest(start, peer):
    process = start("safety_gate", robot="fr3", clock="realtime")
    stage = Stage(peer)
    stage.run(0.1)
    stage.values = np.full(7, 5.0)
    stage.move()
    process.terminate()
    assert process.wait(3.0) == 0
    stage.run(0.1)
    assert not np.any(stage.outputs[-1][1])


def test_wrong_use_is_one_line(fails):
    assert fails("safety_gate", robot="fr4") == (2, "error: config/robots: no 'fr4'; did you mean 'fr3'? there is fer, fr3, ur5, ur5e\n")
    code, text = fails("safety_gate", robot="fr3", backend="real", clock="lockstep")
    assert (code, text) == (2, "error: safety_gate: parameter clock: lockstep is for backend sim only, not real\n")
    code, text = fails("safety_gate", robot="fr3", clok="lockstep")
    assert (code, "unknown parameter 'clok'; did you mean 'clock'?" in text) == (2, True)
    assert fails("safety_gate")[0] == 2
