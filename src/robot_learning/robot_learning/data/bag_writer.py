"""Writes one episode as a rosbag2 folder (MCAP), which appears under its name only when it is complete.

<episode>.partial/<episode>_0.mcap grows while the episode runs; at the end come a COMPLETE record and metadata.yaml, and the folder
is renamed. Chunks are small, so that a killed recorder loses little, and have checksums, so that an altered bit is noticed.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from mcap.writer import CompressionType, Writer

from robot_learning.core.atomic import commit_directory, require_space, work_failed
from robot_learning.core.errors import WorkFailed
from robot_learning.core.paths import checked_name
from robot_learning.data.definitions import definition, type_hash

CHUNK_BYTES = 60_000  # a chunk ends with the message that passes this; the aim is at most 64 KiB
EPISODE_RECORD, COMPLETE_RECORD = "robot_learning_episode", "robot_learning_complete"
PARTIAL = ".partial"
_FOREVER = {"sec": 9223372036, "nsec": 854775807}


class Qos(NamedTuple):
    """What a publisher offered, in rosbag2's words."""

    history: str = "keep_last"
    depth: int = 1
    reliability: str = "reliable"
    durability: str = "volatile"

    def profile(self) -> dict[str, Any]:
        """As in metadata.yaml, version 9."""
        rest = {"deadline": _FOREVER, "lifespan": _FOREVER, "liveliness": "automatic", "liveliness_lease_duration": _FOREVER}
        return {**self._asdict(), **rest, "avoid_ros_namespace_conventions": False}


class Counts(NamedTuple):
    """Of one topic: received = written + dropped, always."""

    received: int = 0
    written: int = 0
    dropped: int = 0


class _Topic(NamedTuple):
    channel: int
    msgtype: str
    qos: tuple[Qos, ...]


class _Hashing:
    """A file that knows the SHA-256 of all that was written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._size, self.sha256 = file, 0, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self.sha256.update(data)
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        self._file.flush()


class BagWriter:
    """One episode's bag, from opening to commit."""

    def __init__(self, bags: Path, episode: str, about: Mapping[str, str], fsync: bool = True) -> None:
        """Opens <bags>/<episode>.partial; `about` is kept in the bag. WorkFailed if the episode exists or the disk is nearly full."""
        self.final = bags / checked_name(episode, "episode")
        self.partial = bags / f"{episode}{PARTIAL}"
        self.fsync = fsync
        self.failure: WorkFailed | None = None  # the first error while writing; all that came later was dropped
        self._topics: dict[str, _Topic] = {}
        self._counts: dict[str, list[int]] = {}  # received, written
        self._span: list[int] = []  # first and last log time
        self._schemas: dict[str, int] = {}
        require_space(bags)
        if self.final.exists():
            raise WorkFailed(f"{self.final}: exists already")
        try:
            self.partial.mkdir(parents=True)
            self._file = (self.partial / f"{episode}_0.mcap").open("xb")
        except OSError as error:
            raise work_failed(self.partial, error) from None
        self._stream = _Hashing(self._file)
        self._writer = Writer(self._stream, CHUNK_BYTES, CompressionType.NONE, enable_data_crcs=True)
        self._guarded(self._begin, {**about, "episode": episode, "fsync": "yes" if fsync else "no"})

    def _begin(self, about: Mapping[str, str]) -> None:
        self._writer.start(profile="ros2", library="robot_learning")
        self._writer.add_metadata(EPISODE_RECORD, dict(about))
        self._stream.flush()

    def add_topic(self, topic: str, msgtype: str, offered: tuple[Qos, ...] = ()) -> None:
        """Announces a topic; `offered`: what its publishers offered."""
        if msgtype not in self._schemas:
            self._schemas[msgtype] = self._writer.register_schema(msgtype, "ros2msg", definition(msgtype).encode())
        about = {"offered_qos_profiles": _yaml([qos.profile() for qos in offered]).strip(), "topic_type_hash": type_hash(msgtype)}
        channel = self._writer.register_channel(topic, "cdr", self._schemas[msgtype], about)
        self._topics[topic] = _Topic(channel, msgtype, offered)
        self._counts[topic] = [0, 0]

    def write(self, topic: str, log_time_ns: int, publish_time_ns: int, raw: bytes, sequence: int = 0) -> None:
        """Adds one serialized message; `sequence`: as its publisher counts. After an error only counts what is dropped (see `failure`)."""
        counts = self._counts[topic]
        counts[0] += 1
        if self.failure is None:
            self._guarded(self._writer.add_message, self._topics[topic].channel, log_time_ns, raw, publish_time_ns, sequence)
        if self.failure is None:
            counts[1] += 1
            span = self._span or [log_time_ns, log_time_ns]
            self._span = [min(span[0], log_time_ns), max(span[1], log_time_ns)]

    def flush(self) -> None:
        """Hands all that was written so far to the operating system, so that it survives this process."""
        self._guarded(self._writer.flush)

    def check_space(self) -> None:
        """Stops writing before the disk is full (see `failure`)."""
        try:
            require_space(self.partial)
        except WorkFailed as failed:
            self.failure = self.failure or failed

    def counts(self) -> dict[str, Counts]:
        """Received, written and dropped so far, by topic."""
        return {topic: Counts(received, written, received - written) for topic, (received, written) in self._counts.items()}

    def commit(self, ending: str) -> Path:
        """Closes the bag as complete and gives it its name; WorkFailed leaves only the partial folder."""
        self._guarded(self._complete, ending)
        self.abandon()
        if self.failure is not None:
            raise self.failure
        commit_directory(self.partial, self.final, self.fsync)
        return self.final

    def abandon(self) -> None:
        """Closes the file as it is; the partial folder stays, and nobody takes it for an episode."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _complete(self, ending: str) -> None:
        metadata = {"rosbag2_bagfile_information": self._information(ending)}
        self._writer.flush()
        self._writer.add_metadata("rosbag2", {"serialized_metadata": _yaml(metadata["rosbag2_bagfile_information"])})
        self._stream.flush()
        counts = {topic: count._asdict() for topic, count in sorted(self.counts().items())}
        entries = {"ending": ending, "counts": json.dumps(counts, sort_keys=True)}
        self._writer.add_metadata(COMPLETE_RECORD, {**entries, "sha256": complete_hash(self._stream.sha256, entries)})
        self._writer.finish()
        self._file.flush()
        (self.partial / "metadata.yaml").write_text(_yaml(metadata), encoding="utf-8")

    def _information(self, ending: str) -> dict[str, Any]:
        start, end = self._span or (0, 0)
        written = {topic: count.written for topic, count in self.counts().items()}
        times = {"starting_time": {"nanoseconds_since_epoch": start}, "duration": {"nanoseconds": end - start}}
        file = f"{self.final.name}_0.mcap"
        return {
            "version": 9,
            "storage_identifier": "mcap",
            **times,
            "message_count": sum(written.values()),
            "topics_with_message_count": [
                {"topic_metadata": _topic_metadata(name, topic), "message_count": written[name]} for name, topic in self._topics.items()
            ],
            "compression_format": "",
            "compression_mode": "",
            "relative_file_paths": [file],
            "files": [{"path": file, **times, "message_count": sum(written.values())}],
            "custom_data": {"episode": self.final.name, "ending": ending, "fsync": "yes" if self.fsync else "no"},
            "ros_distro": "jazzy",
        }

    def _guarded(self, call: Any, *arguments: Any) -> None:
        """Keeps the first error of the file system as the bag's failure."""
        if self.failure is not None:
            return
        try:
            call(*arguments)
        except (OSError, ValueError) as error:  # ValueError: the file is closed
            cause = error if isinstance(error, OSError) else OSError(str(error))
            self.failure = work_failed(self.partial, cause)


def unfinished(bags: Path) -> list[Path]:
    """The recordings in a folder that did not end, or not yet."""
    return sorted(bags.glob(f"*{PARTIAL}"))


def complete_hash(before: Any, entries: Mapping[str, str]) -> str:
    """SHA-256 of all bytes before the COMPLETE record (a hash object) and of the record's own entries."""
    digest = before.copy()
    digest.update(json.dumps(dict(entries), sort_keys=True).encode())
    return str(digest.hexdigest())


def _topic_metadata(name: str, topic: _Topic) -> dict[str, Any]:
    return {
        "name": name,
        "type": topic.msgtype,
        "serialization_format": "cdr",
        "offered_qos_profiles": [qos.profile() for qos in topic.qos],
        "type_description_hash": type_hash(topic.msgtype),
    }


def _yaml(value: Any, indent: str = "") -> str:
    """Mappings and lists as YAML in blocks, scalars as JSON; a hundred times faster than a YAML library."""
    if not isinstance(value, dict | list) or not value:
        return f"{indent}{json.dumps(value)}\n"
    lines = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        mark = f"{key}:" if isinstance(value, dict) else "-"
        if isinstance(inner, dict | list) and inner:
            lines.append(f"{indent}{mark}\n{_yaml(inner, indent + '  ')}")
        else:
            lines.append(f"{indent}{mark} {json.dumps(inner)}\n")
    return "".join(lines)
