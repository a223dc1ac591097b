"""Reads the records of an MCAP file (https://mcap.dev/spec) one after the other, with all checksums, without its index.

That is all that one episode needs, takes a millisecond for some hundred messages, and works on files that end too early.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, METADATA, DATA_END = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x0F
_RECORD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")
_CHUNK = struct.Struct("<QQQI")


class Damaged(ValueError):
    """A file that is cut off or altered; the text says where."""


class Record(NamedTuple):
    """One record outside or inside of a chunk."""

    opcode: int
    start: int  # byte in the file; of the chunk for records inside of one
    content: memoryview


class Message(NamedTuple):
    """One message."""

    channel: int
    log_time_ns: int
    publish_time_ns: int
    data: bytes  # CDR with its header


def records(data: bytes) -> Iterator[Record]:
    """All records of a whole file, chunks opened; Damaged when one is wrong, after all good ones before it."""
    if data[: len(MAGIC)] != MAGIC:
        raise Damaged("it does not begin like an MCAP file")
    view = memoryview(data)
    end = len(data) - len(MAGIC)
    position, data_ended, footer = len(MAGIC), False, False
    for opcode, start, content in _flat(view, position, end, 0):
        if opcode == CHUNK:
            yield from _chunk(content, start)
            continue
        if opcode == DATA_END:
            data_ended = True
            (expected,) = _unpack("<I", content)
            if expected not in (0, crc32(view[:start])):
                raise Damaged(f"byte {start}: the data before it were altered")
        yield Record(opcode, start, content)
        if opcode == FOOTER:
            if not data_ended:
                raise Damaged(f"byte {start}: the end of the data is missing")
            _check_summary(view, start, content)
            footer = True
            position = start + _RECORD.size + len(content)
            break
    if not footer or position != end or data[end:] != MAGIC:
        raise Damaged(f"it is cut off or has more after its end ({len(data)} bytes)")


def _flat(view: memoryview, position: int, end: int, offset: int) -> Iterator[Record]:
    while position < end:
        if end - position < _RECORD.size:
            raise Damaged(f"byte {offset + position}: cut off")
        opcode, length = _RECORD.unpack_from(view, position)
        start, position = position, position + _RECORD.size
        if length > end - position:
            raise Damaged(f"byte {offset + start}: a record of {length} bytes, {end - position} are left")
        yield Record(opcode, offset + start, view[position : position + length])
        position += length


def _chunk(content: memoryview, start: int) -> Iterator[Record]:
    if len(content) < _CHUNK.size + 12:
        raise Damaged(f"byte {start}: chunk without head")
    _, _, size, crc = _CHUNK.unpack_from(content)
    compression, rest = _string(content, _CHUNK.size)
    body = content[rest + 8 :]
    if compression:
        raise Damaged(f"byte {start}: chunk compressed with {compression!r}; bags of this project are not compressed")
    if len(body) != size or (crc and crc32(body) != crc):
        raise Damaged(f"byte {start}: the chunk was altered")
    for opcode, _, inner in _flat(body, 0, size, 0):
        yield Record(opcode, start, inner)


def _check_summary(view: memoryview, start: int, content: memoryview) -> None:
    summary_start, _, expected = _unpack("<QQI", content)
    if expected and summary_start <= start and crc32(view[summary_start or start : start + _RECORD.size + 16]) != expected:
        raise Damaged(f"byte {start}: the summary was altered")
    if summary_start > start:
        raise Damaged(f"byte {start}: the summary is elsewhere")


def message(content: memoryview) -> Message:
    """The content of a MESSAGE record."""
    channel, _, log_time, publish_time = _unpack(_MESSAGE.format, content[: _MESSAGE.size])
    return Message(channel, log_time, publish_time, bytes(content[_MESSAGE.size :]))


def schema(content: memoryview) -> tuple[int, str, str, str]:
    """(id, name, encoding, text) of a SCHEMA record."""
    (number,) = _unpack("<H", content[:2])
    name, position = _string(content, 2)
    encoding, position = _string(content, position)
    text, _ = _string(content, position)
    return number, name, encoding, text


def channel(content: memoryview) -> tuple[int, int, str, str]:
    """(id, schema id, topic, encoding) of a CHANNEL record."""
    number, schema_number = _unpack("<HH", content[:4])
    topic, position = _string(content, 4)
    encoding, _ = _string(content, position)
    return number, schema_number, topic, encoding


def metadata(content: memoryview) -> tuple[str, dict[str, str]]:
    """(name, entries) of a METADATA record."""
    name, position = _string(content, 0)
    (length,) = _unpack("<I", content[position : position + 4])
    position, end, entries = position + 4, position + 4 + length, {}
    if end != len(content):
        raise Damaged(f"metadata {name!r}: {length} bytes announced, {len(content) - position} there")
    while position < end:
        key, position = _string(content, position)
        entries[key], position = _string(content, position)
    return name, entries


def _string(content: memoryview, position: int) -> tuple[str, int]:
    (length,) = _unpack("<I", content[position : position + 4])
    end = position + 4 + length
    if end > len(content):
        raise Damaged(f"a text of {length} bytes in a record of {len(content)}")
    try:
        return str(content[position + 4 : end], "utf-8"), end
    except UnicodeDecodeError:
        raise Damaged("a text that is not UTF-8") from None


def _unpack(layout: str, content: memoryview) -> tuple[int, ...]:
    try:
        return struct.unpack(layout, content)
    except struct.error:
        raise Damaged(f"a record of {len(content)} bytes is cut off") from None
