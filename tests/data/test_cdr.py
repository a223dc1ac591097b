"""The messages of every tick as bytes: as other decoders read and write them, by name, and nothing malformed gets through."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_messages import JOINT_COMMAND, JOINT_STATE, OUTPUT, types

from robot_learning.core.types import Command, JointState, ObjectPose
from robot_learning.data import cdr
from robot_learning.data.definitions import typestore
from robot_learning.data.messages import BadMessage

JOINTS = ("a", "b", "c")
CLOCK = "rosgraph_msgs/msg/Clock"
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
DOUBLES = st.lists(st.floats(width=64), max_size=9)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
STAMPS = st.integers(0, 2**31 * 10**9 - 1)


def written(kind, *fields, little=True):
    return bytes(typestore().serialize_cdr(types()[kind](*fields), kind, little_endian=little))


def read(raw, kind):
    return typestore().deserialize_cdr(raw, kind)


def header(stamp_ns=1_000_000_005, frame=""):
    return types()["std_msgs/msg/Header"](types()["builtin_interfaces/msg/Time"](stamp_ns // 10**9, stamp_ns % 10**9), frame)


def state(names=JOINTS, position=(1.0, 2.0, 3.0), velocity=(4.0, 5.0, 6.0), effort=(7.0, 8.0, 9.0), frame="", little=True):
    return written(JOINT_STATE, header(frame=frame), list(names), *map(np.float64, (position, velocity, effort)), little=little)


def command(names=JOINTS, values=(1.0, 2.0, 3.0), mode="effort", source="policy p:3"):
    return written(JOINT_COMMAND, header(), mode, list(names), np.float64(values), source, 4)


def same(one, other):
    return all(a.tobytes() == b.tobytes() if isinstance(a, np.ndarray) else a == b for a, b in zip(one, other, strict=True))


@given(STAMPS, st.lists(TEXTS, min_size=1, max_size=9, unique=True), st.data())
def test_joint_states_are_written_and_read_as_elsewhere(stamp, joints, data):
    position, velocity = (np.array(data.draw(st.lists(FINITE, min_size=len(joints), max_size=len(joints)))) for _ in range(2))
    effort = np.array(data.draw(st.lists(st.floats(width=64), min_size=len(joints), max_size=len(joints))))
    value, names = JointState(stamp, position, velocity, effort), tuple(joints)
    raw = cdr.to_joint_state(value, names)
    assert raw == written(JOINT_STATE, header(stamp), joints, position, velocity, effort)
    assert same(cdr.joint_state(raw, names), value)
    assert cdr.header_stamp_ns(raw) == stamp
    order = data.draw(st.permutations(range(len(joints))))
    wanted = [joints[i] for i in order][: data.draw(st.integers(1, len(joints)))]  # the rest is a gripper's
    chosen = order[: len(wanted)]
    assert same(cdr.joint_state(raw, tuple(wanted)), JointState(stamp, position[chosen], velocity[chosen], effort[chosen]))


@given(STAMPS, TEXTS, st.lists(TEXTS, min_size=1, max_size=9, unique=True), TEXTS, st.integers(0, 2**32 - 1), st.data())
def test_commands_are_written_and_read_as_elsewhere(stamp, mode, joints, source, step, data):
    values = np.array(data.draw(st.lists(FINITE, min_size=len(joints), max_size=len(joints))))
    value = Command(stamp, mode, values, source, step)
    raw = cdr.to_joint_command(value, tuple(joints))
    assert raw == written(JOINT_COMMAND, header(stamp), mode, joints, values, source, step)
    assert same(cdr.joint_command(raw, tuple(joints)), value)
    order = data.draw(st.permutations(range(len(joints))))
    assert same(cdr.joint_command(raw, tuple(joints[i] for i in order)), value._replace(values=values[order]))


@given(DOUBLES, st.lists(st.tuples(TEXTS, st.integers(0, 9), st.integers(0, 9)), max_size=3))
def test_numbers_are_written_and_read_as_elsewhere(numbers, dimensions):
    values, plain = np.array(numbers, dtype=float), types()["std_msgs/msg/MultiArrayLayout"]([], 0)
    assert cdr.to_float_array(values) == written(OUTPUT, plain, values)
    layout = types()["std_msgs/msg/MultiArrayLayout"]([types()["std_msgs/msg/MultiArrayDimension"](*d) for d in dimensions], 2)
    assert np.array(cdr.float_array(written(OUTPUT, layout, values))).tobytes() == values.tobytes()


@given(STAMPS)
def test_the_clock(stamp):
    assert read(cdr.to_clock(stamp), CLOCK).clock == header(stamp).stamp


GOOD = (state(), state(JOINTS[::-1], frame="base"), command(), cdr.to_float_array(np.ones(3)))


def kind_or_value(reader, *arguments):
    try:
        return reader(*arguments)
    except BadMessage as error:
        return error.kind


@given(st.binary(max_size=80), st.sampled_from(GOOD), st.integers(0, 200))
def test_whatever_the_bytes_are_the_value_can_be_used_or_they_are_refused(noise, good, at):
    for raw in (noise, good[:4] + noise, good[:at], good[:at] + noise + good[at:], good[:at] + noise + good[at + len(noise) :]):
        for reader in (cdr.joint_state, cdr.joint_command):
            value = kind_or_value(reader, raw, JOINTS)
            if isinstance(value, str):
                assert value in ("bytes", "names", "length", "non_finite", "stamp")
                continue
            arrays = [part for part in value if isinstance(part, np.ndarray)]
            assert all(array.shape == (3,) and array.flags.owndata and array.flags.writeable for array in arrays)
            assert all(np.isfinite(array).all() for array in arrays[:2])
        numbers = kind_or_value(cdr.float_array, raw)
        assert numbers == "bytes" or isinstance(numbers, tuple)


@pytest.mark.parametrize(("reader", "good"), [(cdr.joint_state, state()), (cdr.joint_command, command())])
def test_every_cut_is_refused_and_room_for_alignment_is_not(reader, good):
    for length in range(len(good)):
        with pytest.raises(BadMessage):
            reader(good[:length], JOINTS)
    assert same(reader(good + bytes(cdr.SPARE - 1), JOINTS), reader(good, JOINTS))
    with pytest.raises(BadMessage, match="16 bytes too many"):
        reader(good + bytes(cdr.SPARE), JOINTS)


@given(st.binary(max_size=20))
def test_a_stamp_is_read_or_refused_whatever_the_bytes_are(raw):
    stamp = kind_or_value(cdr.header_stamp_ns, raw)
    assert stamp in ("bytes", "stamp") or stamp >= 0
    assert (stamp == "bytes") == (len(raw) < 12)


@pytest.mark.parametrize(
    ("stamp", "text"), [((-5, 0), "stamp of -5 s and 0 ns; at least 0 s"), ((2**31 - 1, 10**9), "less than 1000000000 ns")]
)
def test_a_stamp_that_is_no_time_is_refused(stamp, text):
    for reader in (cdr.header_stamp_ns, lambda raw: cdr.joint_state(raw + state()[12:], JOINTS)):
        with pytest.raises(BadMessage, match=text) as error:
            reader(b"\0\1\0\0" + struct.pack("<iI", *stamp))
        assert error.value.kind == "stamp"


def test_only_little_endian_bytes_are_read():
    for raw in (state(little=False), b"\0\3" + state()[2:], b"", b"\0"):
        for reader in (cdr.joint_state, cdr.joint_command):
            with pytest.raises(BadMessage, match="little-endian"):
                reader(raw, JOINTS)
        with pytest.raises(BadMessage, match="little-endian"):
            cdr.float_array(raw)


def test_garbage_between_the_fields_is_not_read():
    """Some writers do not clear what they skip for alignment."""
    for reader, clean in ((cdr.joint_state, state()), (cdr.joint_command, command())):
        dirty = clean
        for name in (b"a", b"b", b"c"):
            dirty = dirty.replace(name + b"\0\0\0", name + b"\0\xaa\xbb")
        assert dirty != clean
        assert same(reader(dirty, JOINTS), reader(clean, JOINTS))


def test_the_values_are_copies():
    raw = command()
    first = cdr.joint_command(raw, JOINTS).values
    first[:] = 9.0
    assert cdr.joint_command(raw, JOINTS).values.tolist() == [1.0, 2.0, 3.0]


def test_effort_may_be_missing_or_unknown():
    assert np.isnan(cdr.joint_state(state(effort=()), JOINTS).effort).all()
    assert np.isnan(cdr.joint_state(state(("x", *JOINTS), (0, 1, 2, 3), (0, 1, 2, 3), ()), JOINTS).effort).all()
    assert np.isnan(cdr.joint_state(state(effort=(1.0, np.nan, 2.0)), JOINTS).effort[1])


@pytest.mark.parametrize(
    ("message", "kind", "text"),
    [
        (state(names=("a", "c")), "names", "no joint b among a, c"),
        (state(names=("a", "b", "c", "b")), "names", "joint b more than once"),
        (state(position=(1.0, 2.0)), "length", "position: 2 values for 3 names"),
        (state(velocity=()), "length", "velocity: 0 values"),
        (state(effort=(1.0,)), "length", "effort: 1 values"),
        (state(position=(1.0, np.nan, 2.0)), "non_finite", "position: 1.0, nan, 2.0"),
        (state(velocity=(1.0, np.inf, 2.0)), "non_finite", "velocity"),
    ],
)
def test_bad_joint_states(message, kind, text):
    with pytest.raises(BadMessage, match=text) as error:
        cdr.joint_state(message, JOINTS)
    assert error.value.kind == kind


@pytest.mark.parametrize(
    ("message", "kind", "text"),
    [
        (command(names=("a", "b")), "names", "no joint c"),
        (command(names=("a", "b", "c", "d"), values=(0.0,) * 4), "names", "unknown joint d; there is a, b, c"),
        (command(names=()), "names", "no joint a, b, c"),
        (command(values=(1.0, 2.0)), "length", "values: 2 values for 3 names"),
        (command(values=(1.0, 2.0, -np.inf)), "non_finite", "values"),
    ],
)
def test_bad_commands(message, kind, text):
    with pytest.raises(BadMessage, match=text) as error:
        cdr.joint_command(message, JOINTS)
    assert error.value.kind == kind


def test_command_fields():
    value = cdr.joint_command(command(), JOINTS)
    assert (value.stamp_ns, value.mode, value.source, value.step) == (1_000_000_005, "effort", "policy p:3", 4)


POSE = "geometry_msgs/msg/PoseStamped"


def pose(position=(1.0, 2.0, 3.0), quaternion=(0.0, 0.0, 0.6, 0.8), frame="base", stamp=5):
    point = types()["geometry_msgs/msg/Point"](*position)
    inner = types()["geometry_msgs/msg/Pose"](point, types()["geometry_msgs/msg/Quaternion"](*quaternion))
    return written(POSE, header(stamp, frame), inner)


@given(STAMPS, TEXTS, st.tuples(FINITE, FINITE, FINITE))
def test_poses_of_objects_are_written_and_read_as_elsewhere(stamp, frame, position):
    value = ObjectPose(stamp, np.array(position), np.array([0.0, 0.0, 0.6, 0.8]))
    raw = cdr.to_object_pose(value, frame)
    assert raw == pose(position, frame=frame, stamp=stamp)
    assert same(cdr.object_pose(raw, frame), value)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (pose(frame="camera"), "frame"),
        (pose(position=(0.0, np.nan, 0.0)), "non_finite"),
        (pose(quaternion=(0.0, 0.0, 0.0, 0.0)), "shape"),
        (pose()[:-1], "bytes"),
        (pose() + bytes(16), "bytes"),
        (b"", "bytes"),
    ],
)
def test_a_pose_that_must_not_be_used_is_refused(raw, kind):
    with pytest.raises(BadMessage) as caught:
        cdr.object_pose(raw, "base")
    assert caught.value.kind == kind
