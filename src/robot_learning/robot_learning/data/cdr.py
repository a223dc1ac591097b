"""The messages of every control tick as bytes: what DDS carries and bags hold, to library values and back without message objects.

The format is the CDR of DDS: four bytes that say which, then the fields one after the other, numbers aligned to their size. Only
little-endian bytes are read and written. Live nodes and readers of bags call the same functions. Whatever the bytes are, the
result is a value that may be used or BadMessage; nothing non-finite gets past this door, except as told.
"""

import struct
from functools import lru_cache
from math import isfinite, nan, sqrt
from typing import TypeAlias

import numpy as np

from robot_learning.core.types import Array, Command, JointState, ObjectPose
from robot_learning.data.messages import BadMessage

SPARE = 16  # less than so many bytes may follow the last field: some writers make room for the alignment of what is empty
_LITTLE = b"\0\1\0\0"
_STAMP, _BIG_STAMP, _U32 = struct.Struct("<iI"), struct.Struct(">iI"), struct.Struct("<I")
_POSE = struct.Struct("<7d")
_DOUBLE = np.dtype("<f8")
Doubles: TypeAlias = tuple[float, ...]


def header_stamp_ns(raw: bytes) -> int:
    """The stamp of a message that begins with a std_msgs/Header (or a builtin_interfaces/Time), ns.

    BadMessage if the message is too short for one, or the stamp is before 1970 (when nothing can have happened) or no proper one.
    """
    if len(raw) < len(_LITTLE) + _STAMP.size:
        raise _cut(raw)
    seconds, nanoseconds = (_STAMP if raw[1] & 1 else _BIG_STAMP).unpack_from(raw, 4)
    if seconds < 0 or nanoseconds >= 1_000_000_000:
        raise BadMessage("stamp", f"stamp of {seconds} s and {nanoseconds} ns; at least 0 s and less than 1000000000 ns are allowed")
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def joint_state(raw: bytes, joints: tuple[str, ...]) -> JointState:
    """A sensor_msgs/JointState by joint name; other joints (a gripper's) are left out.

    Position and velocity must be there and finite. Effort is NaN where the robot does not measure it.
    """
    stamp_ns, at = _read_header(raw)
    names, at = _names(raw, at, joints)
    position, at = _doubles(raw, at)
    velocity, at = _doubles(raw, at)
    effort, at = _doubles(raw, at)
    _check_end(raw, at)
    index = _index(names, joints, False)
    if not effort:
        effort = (nan,) * len(names)
    return JointState(
        stamp_ns,
        np.array(_finite(position, names, index, "position")),
        np.array(_finite(velocity, names, index, "velocity")),
        np.array(_ordered(effort, names, index, "effort")),
    )


def joint_command(raw: bytes, joints: tuple[str, ...]) -> Command:
    """A JointCommand by joint name: exactly the robot's joints, in any order, with finite values."""
    stamp_ns, at = _read_header(raw)
    mode, at = _string(raw, at)
    names, at = _names(raw, at, joints)
    values, at = _doubles(raw, at)
    source, at = _string(raw, at)
    step, at = _u32(raw, at)
    _check_end(raw, at)
    ordered = _finite(values, names, _index(names, joints, True), "values")
    return Command(stamp_ns, mode, np.array(ordered), source, step)


def object_pose(raw: bytes, frame: str) -> ObjectPose:
    """A geometry_msgs/PoseStamped in `frame`, finite and with a quaternion of length 1 (±1e-3)."""
    stamp_ns, _ = _read_header(raw)
    found, at = _string(raw, _begin(raw) + _STAMP.size)
    if found != frame:
        raise BadMessage("frame", f"frame_id {found!r}; {frame!r} is expected")
    at = ((at + 3) & ~7) + 4
    if at + _POSE.size > len(raw):
        raise _cut(raw)
    numbers = _POSE.unpack_from(raw, at)
    _check_end(raw, at + _POSE.size)
    if not all(map(isfinite, numbers)):
        raise BadMessage("non_finite", f"pose: {', '.join(map(str, numbers))}")
    length = sqrt(sum(value * value for value in numbers[3:]))
    if abs(length - 1.0) > 1e-3:
        raise BadMessage("shape", f"quaternion of length {length:.4f}")
    return ObjectPose(stamp_ns, np.array(numbers[:3]), np.array(numbers[3:]))


def float_array(raw: bytes) -> Doubles:
    """The numbers of a std_msgs/Float64MultiArray, in whatever layout, finite or not: a controller says which it takes."""
    dimensions, at = _u32(raw, _begin(raw))
    for _ in range(dimensions):
        _, at = _string(raw, at)  # label
        _, at = _u32(raw, at)  # size
        _, at = _u32(raw, at)  # stride
    _, at = _u32(raw, at)  # data_offset
    values, at = _doubles(raw, at)
    _check_end(raw, at)
    return values


def to_joint_state(state: JointState, joints: tuple[str, ...]) -> bytes:
    """sensor_msgs/JointState, names in the robot's order."""
    out = _header(state.stamp_ns)
    out += _names_block(joints)
    for values in (state.position, state.velocity, state.effort):
        _put_doubles(out, values)
    return bytes(out)


def to_joint_command(command: Command, joints: tuple[str, ...]) -> bytes:
    """JointCommand, names in the robot's order."""
    out = _header(command.stamp_ns)
    _put_string(out, command.mode)
    _align(out, 4)
    out += _names_block(joints)
    _put_doubles(out, command.values)
    _put_string(out, command.source)
    _align(out, 4)
    out += _U32.pack(command.step)
    return bytes(out)


def to_object_pose(pose: ObjectPose, frame: str) -> bytes:
    """geometry_msgs/PoseStamped."""
    out = bytearray(to_clock(pose.stamp_ns))
    _put_string(out, frame)
    _align(out, 8)
    return bytes(out + _POSE.pack(*pose.position.tolist(), *pose.quaternion.tolist()))


def to_float_array(values: Array) -> bytes:
    """std_msgs/Float64MultiArray without dimensions: what forward command controllers read."""
    out = bytearray(_LITTLE + bytes(8))
    _put_doubles(out, values)
    return bytes(out)


def to_clock(stamp_ns: int) -> bytes:
    """rosgraph_msgs/Clock."""
    return _LITTLE + _STAMP.pack(stamp_ns // 1_000_000_000, stamp_ns % 1_000_000_000)


# Fields: where one begins, its value and where it ends. Positions count from the first byte; the fields are aligned from the fifth.


def _begin(raw: bytes) -> int:
    if raw[:2] != _LITTLE[:2]:
        raise BadMessage("bytes", "not little-endian CDR")
    return len(_LITTLE)


def _read_header(raw: bytes) -> tuple[int, int]:
    """The stamp of a std_msgs/Header in ns; its frame is left out."""
    at = _begin(raw) + _STAMP.size
    return header_stamp_ns(raw), _string(raw, at)[1]


def _u32(raw: bytes, at: int) -> tuple[int, int]:
    at = (at + 3) & ~3
    try:
        return _U32.unpack_from(raw, at)[0], at + 4
    except struct.error:
        raise _cut(raw) from None


def _string(raw: bytes, at: int) -> tuple[str, int]:
    length, at = _u32(raw, at)
    end = at + length
    if not length:
        return "", end
    if end > len(raw) or raw[end - 1]:
        raise _cut(raw)
    try:
        return raw[at : end - 1].decode(), end
    except UnicodeDecodeError as error:
        raise BadMessage("bytes", f"a text is not UTF-8: {error}") from None


def _names(raw: bytes, at: int, joints: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    """A sequence of names; nearly always it is `joints`, which is seen at once."""
    block, start = _names_block(joints), (at + 3) & ~3
    if raw.startswith(block, start):
        return joints, start + len(block)
    count, at = _u32(raw, at)
    names = []
    for _ in range(count):
        name, at = _string(raw, at)
        names.append(name)
    return tuple(names), at


def _doubles(raw: bytes, at: int) -> tuple[Doubles, int]:
    count, at = _u32(raw, at)
    if not count:
        return (), at
    at = ((at + 3) & ~7) + 4
    end = at + 8 * count
    if end > len(raw):
        raise _cut(raw)
    return struct.unpack_from(f"<{count}d", raw, at), end


def _check_end(raw: bytes, at: int) -> None:
    if len(raw) - at >= SPARE:
        raise BadMessage("bytes", f"{len(raw) - at} bytes too many")


def _cut(raw: bytes) -> BadMessage:
    return BadMessage("bytes", f"a field reaches beyond the {len(raw)} bytes of the message")


def _header(stamp_ns: int) -> bytearray:
    """A message with a std_msgs/Header without frame, up to where a sequence may follow."""
    return bytearray(to_clock(stamp_ns) + b"\1\0\0\0\0\0\0\0")


def _align(out: bytearray, size: int) -> None:
    out += bytes((4 - len(out)) % size)


def _put_string(out: bytearray, text: str) -> None:
    data = text.encode()
    _align(out, 4)
    out += _U32.pack(len(data) + 1) + data + b"\0"


def _put_doubles(out: bytearray, values: Array) -> None:
    _align(out, 4)
    out += _U32.pack(len(values))
    if len(values):
        _align(out, 8)
        out += np.asarray(values, dtype=_DOUBLE).tobytes()


@lru_cache(maxsize=64)
def _names_block(names: tuple[str, ...]) -> bytes:
    """A sequence of names as it stands in a message where it begins at a multiple of 4, and what follows does, too."""
    out = bytearray(_U32.pack(len(names)))
    for name in names:
        _put_string(out, name)
    _align(out, 4)
    return bytes(out)


# Rules of what joints a message may have.


@lru_cache(maxsize=64)
def _index(names: tuple[str, ...], joints: tuple[str, ...], exact: bool) -> tuple[int, ...] | None:
    """Where each joint stands among the names; None: they are in order already."""
    missing = [joint for joint in joints if joint not in names]
    if missing:
        raise BadMessage("names", f"no joint {', '.join(missing)} among {', '.join(names)}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadMessage("names", f"joint {', '.join(twice)} more than once")
    if exact and len(names) != len(joints):
        raise BadMessage("names", f"unknown joint {', '.join(sorted(set(names) - set(joints)))}; there is {', '.join(joints)}")
    if names == joints:
        return None
    return tuple(names.index(joint) for joint in joints)


def _ordered(values: Doubles, names: tuple[str, ...], index: tuple[int, ...] | None, what: str) -> Doubles:
    """In the robot's order; BadMessage unless there are as many values as names."""
    if len(values) != len(names):
        raise BadMessage("length", f"{what}: {len(values)} values for {len(names)} names")
    return values if index is None else tuple(values[i] for i in index)


def _finite(values: Doubles, names: tuple[str, ...], index: tuple[int, ...] | None, what: str) -> Doubles:
    """The same; BadMessage also unless all are finite."""
    ordered = _ordered(values, names, index, what)
    if not all(map(isfinite, ordered)):
        raise BadMessage("non_finite", f"{what}: {', '.join(map(str, ordered))}")
    return ordered
