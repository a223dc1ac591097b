"""Values to real ROS messages and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from robot_learning_interfaces.msg import (
    Condition,
    GateStatus,
    JointCommand,
    Keypoints,
    LinearGaussianController,
    WeightsPart,
)
from robot_learning_interfaces.srv import FinishEpisode
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64MultiArray

from robot_learning.core.canonical import canonical_pose
from robot_learning.core.rotations import from_rpy, transform
from robot_learning.core.types import Command, LinearGaussian
from robot_learning.core.types import JointState as State
from robot_learning.data import cdr
from robot_learning.data.messages import Keypoints as Points
from robot_learning.data.messages import VersionedController
from robot_learning.models.weights import Part
from robot_learning.nodes import messages
from robot_learning.tasks.description import Condition as Start

pytestmark = pytest.mark.ros
JOINTS = ("a", "b", "c")
STAMP = 1_234_567_890_123_456_789
RNG = np.random.default_rng(0)


def travelled(message, kind):
    """The message after a journey; bytes through a message object of rclpy's."""
    if isinstance(message, bytes):
        return serialize_message(deserialize_message(message, kind))
    return deserialize_message(serialize_message(message), kind)


def same(one, other):
    assert type(one) is type(other)
    for left, right in zip(one, other, strict=True):
        if isinstance(left, tuple):
            same(left, right)
        else:
            assert np.array_equal(left, right)


def test_joint_states_and_commands_come_back_bit_for_bit():
    state = State(STAMP, *RNG.normal(size=(3, 3)))
    message = deserialize_message(cdr.to_joint_state(state, JOINTS), JointState)
    assert (message.header.frame_id, tuple(message.name)) == ("", JOINTS)
    same(cdr.joint_state(serialize_message(message), JOINTS), state)
    command = Command(STAMP, "velocity", RNG.normal(size=3), "policy p:1", 7)
    same(cdr.joint_command(travelled(cdr.to_joint_command(command, JOINTS), JointCommand), JOINTS), command)
    assert np.array_equal(cdr.float_array(travelled(cdr.to_float_array(command.values), Float64MultiArray)), command.values)
    assert messages.stamp_ns(deserialize_message(cdr.to_clock(STAMP), Clock).clock) == STAMP


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=5), st.text("ab"), st.data())
def test_joint_states_of_other_writers(names, frame, data):
    """Whatever rclpy writes: its padding is not cleared, and it makes room for the alignment of what is empty."""
    values = [data.draw(st.sampled_from([[], [0.1 * (i + 1) for i in range(len(names))]])) for _ in range(3)]
    message = JointState(name=names, position=values[0], velocity=values[1], effort=values[2])
    message.header.frame_id, message.header.stamp = frame, messages.to_time(STAMP)
    raw = serialize_message(message)
    if len(set(names)) < len(names) or not all(len(v) == len(names) for v in values[:2]):
        with pytest.raises(messages.BadMessage):
            cdr.joint_state(raw, tuple(names))
        return
    read = cdr.joint_state(raw, tuple(names))
    assert (read.stamp_ns, read.position.tolist(), read.velocity.tolist()) == (STAMP, *values[:2])
    assert read.effort.tolist() == values[2] if values[2] else np.isnan(read.effort).all()


def test_short_trajectories():
    message = messages.to_trajectory(np.array([1.0, 2.0, 3.0]), JOINTS, 2_500_000_000)
    assert (list(message.joint_names), len(message.points)) == (list(JOINTS), 1)
    point = message.points[0]
    assert (list(point.positions), list(point.velocities)) == ([1.0, 2.0, 3.0], [])
    assert messages.stamp_ns(point.time_from_start) == 2_500_000_000
    assert messages.stamp_ns(message.header.stamp) == 0


def test_controllers():
    root = RNG.normal(size=(4, 2, 2))
    value = VersionedController("c", 3, LinearGaussian(RNG.normal(size=(4, 2, 5)), RNG.normal(size=(4, 2)), root @ root.mT + np.eye(2)))
    same(messages.linear_gaussian(travelled(messages.to_linear_gaussian(value), LinearGaussianController)), value)


def test_conditions_with_canonical_targets():
    target = canonical_pose(transform(from_rpy(np.array([0.3, -1.0, 2.0])), np.array([0.1, 0.2, 0.3])))
    value = Start("train-0", RNG.normal(size=7), target, {"clearance": 0.004, "friction": 0.1})
    same(messages.condition(travelled(messages.to_condition(value), Condition)), value)


@pytest.mark.parametrize(("field", "value"), [("x", np.nan), ("w", 3.0)])
def test_a_target_that_is_no_pose_is_refused(field, value):
    message = messages.to_condition(Start("train-0", np.zeros(7), np.eye(4), {}))
    setattr(message.target.orientation, field, value)
    with pytest.raises(messages.BadMessage):
        messages.condition(message)


def test_images_and_keypoints():
    pixels = RNG.integers(0, 255, (5, 7, 3), dtype=np.uint8)
    message = travelled(messages.to_image(pixels, STAMP, "cam"), Image)
    assert np.array_equal(messages.image(message), pixels)
    assert (messages.stamp_ns(message.header.stamp), message.header.frame_id) == (STAMP, "cam")
    value = Points(STAMP, "cam", RNG.uniform(-1, 1, (4, 2)).astype(np.float32), RNG.uniform(0, 1, 4).astype(np.float32))
    same(messages.keypoints(travelled(messages.to_keypoints(value), Keypoints)), value)


def test_weights_counts_and_status():
    part = Part("global", 3, "ab" * 32, 1, 2, bytes(range(256)))
    assert messages.weights_part(travelled(messages.to_weights_part(part), WeightsPart)) == part
    response = FinishEpisode.Response()
    messages.set_counts(response, {"ticks": 3, "late": 2**40})
    assert messages.counts(response) == {"ticks": 3, "late": 2**40}
    totals = {"passed": 5, "changed": 2, "refused": 1, "stale": 1}
    status = travelled(messages.to_gate_status(True, "", totals, STAMP), GateStatus)
    assert (status.armed, status.passed, status.changed, status.refused) == (True, 5, 2, 1)
    assert messages.counts(FinishEpisode.Response(count_names=status.names, counts=status.counts)) == {"stale": 1}
