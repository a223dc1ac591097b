"""What can be read from a serialized message without decoding it."""

import struct

_LITTLE, _BIG = struct.Struct("<iI"), struct.Struct(">iI")


def header_stamp_ns(raw: bytes) -> int:
    """The stamp of a message that begins with a std_msgs/Header (or a builtin_interfaces/Time), ns."""
    seconds, nanoseconds = (_LITTLE if raw[1] & 1 else _BIG).unpack_from(raw, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
