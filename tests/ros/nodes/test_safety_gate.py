"""The safety gate as a process, judged by what arrives on the robot's command topic."""

import math
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from gate_stage import FR3, HOME, MS, Stage
from rclpy.duration import Duration
from robot_learning_interfaces.srv import PrepareEpisode
from std_msgs.msg import Bool, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from robot_learning.core.types import Command
from robot_learning.data import cdr
from robot_learning.nodes import messages, qos

pytestmark = pytest.mark.ros
DOMAIN = 32
PREPARE = PrepareEpisode.Request(episode="e", robot="fr3")  # for whoever commands first


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


def counts(status):
    return dict(zip(status.names, status.counts, strict=True))


def trajectory(stage, seconds, positions, joints=FR3.joints, source="planner"):
    message = JointTrajectory(joint_names=list(joints), points=[JointTrajectoryPoint(positions=list(positions))])
    message.points[0].time_from_start = Duration(seconds=seconds).to_msg()
    message.header.frame_id = source
    stage.trajectories.publish(message)


def test_a_whole_trajectory_is_followed_and_a_wrong_one_is_named(stage):
    stage.trajectories = stage.peer.node.create_publisher(JointTrajectory, "/joint_trajectory_command", qos.CONTROL_WRITER)
    stage.peer.matched(stage.trajectories)
    stage.run(0.1)
    stage.until(lambda: stage.peer.call(PrepareEpisode, "/safety_gate/prepare", PREPARE, stage.idle).ok)
    trajectory(stage, 0.5, HOME + 0.02, FR3.joints[:6])
    stage.until(lambda: counts(stage.status[-1]).get("trajectory") == 1)
    trajectory(stage, 0.5, HOME + 0.02)
    stage.until(lambda: stage.outputs and np.all(stage.outputs[-1][1] > 0.01))  # it stands still, and is pulled by efforts
    stage.run(0.3)
    assert np.all(stage.outputs[-1][1] > 0.01), "no renewal is expected"
    trajectory(stage, 0.5, HOME, source="somebody")
    stage.until(lambda: counts(stage.status[-1]).get("source") == 1)


def test_the_gates_state_is_on_diagnostics(stage):
    found = []
    stage.peer.node.create_subscription(DiagnosticArray, "/diagnostics", found.append, qos.RECORDER_READER)
    stage.run(0.1)
    stage.until(lambda: found and found[-1].status[0].level == DiagnosticStatus.WARN)
    stage.move()
    stage.until(lambda: found[-1].status[0].level == DiagnosticStatus.OK)
    assert found[-1].status[0].message == "commands pass"
    assert found[-1].status[0].hardware_id == "fr3"
    stage.stop.publish(Bool(data=True))
    stage.until(lambda: found[-1].status[0].level == DiagnosticStatus.ERROR)
    assert {value.key: value.value for value in found[-1].status[0].values}["stop"] == "1"


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
