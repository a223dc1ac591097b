"""Reads one episode's bag back: only whole, unaltered ones, quickly, and every refusal in one line."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from robot_learning.core.errors import WorkFailed
from robot_learning.core.types import Command, JointState, ObjectPose
from robot_learning.data import mcap_records as mcap
from robot_learning.data.bag_writer import COMPLETE_RECORD, EPISODE_RECORD, Counts, complete_hash
from robot_learning.data.decode import JOINT_COMMAND, JOINT_STATE, POSE, commands, decode, joint_states, object_poses, object_topic
from robot_learning.data.definitions import is_ours

SIZE_CAP = 4_000_000_000
T = TypeVar("T")


class Bag:
    """One committed episode."""

    def __init__(self, path: Path) -> None:
        """Reads and checks all of it; WorkFailed if it is no complete bag."""
        self.path = path
        self.about: dict[str, str] = {}  # what the writer was told about the episode
        self.ending = ""
        self.counts: dict[str, Counts] = {}  # by topic
        self.types: dict[str, str] = {}  # message type by topic
        self._definitions: dict[str, str] = {}  # text by message type
        self._messages: dict[str, list[mcap.Message]] = defaultdict(list)
        try:
            self._read(file_content(path))
        except mcap.Damaged as error:
            raise WorkFailed(f"{path}: damaged: {error}") from None

    def _read(self, data: bytes) -> None:
        schemas: dict[int, tuple[str, str]] = {}
        topics: dict[int, str] = {}
        complete: dict[str, str] | None = None
        for opcode, start, content in mcap.records(data):
            if opcode == mcap.MESSAGE and complete is None:
                message = mcap.message(content)
                if message.channel not in topics:
                    raise mcap.Damaged(f"byte {start}: a message of an unknown topic")
                self._messages[topics[message.channel]].append(message)
            elif opcode == mcap.SCHEMA:
                number, name, _, text = mcap.schema(content)
                schemas[number] = name, text
            elif opcode == mcap.CHANNEL:
                self._add_topic(mcap.channel(content), schemas, topics)
            elif opcode == mcap.METADATA:
                name, entries = mcap.metadata(content)
                if name == EPISODE_RECORD:
                    self.about = entries
                elif name == COMPLETE_RECORD:
                    complete = entries
                    self._check_hash(data[:start], dict(entries))
        if complete is None:
            raise mcap.Damaged("it has no COMPLETE record")
        self._check_counts(complete)

    def _add_topic(self, channel: tuple[int, int, str, str], schemas: dict[int, tuple[str, str]], topics: dict[int, str]) -> None:
        number, schema, topic, encoding = channel
        if schema not in schemas or encoding != "cdr":
            raise mcap.Damaged(f"topic {topic}: no definition, or not CDR")
        topics[number] = topic
        self.types[topic], text = schemas[schema]
        self._definitions[self.types[topic]] = text

    def _check_hash(self, before: bytes, entries: dict[str, str]) -> None:
        expected = entries.pop("sha256", "")
        if complete_hash(hashlib.sha256(before), entries) != expected:
            raise mcap.Damaged("the COMPLETE record's SHA-256 does not fit")

    def _check_counts(self, complete: dict[str, str]) -> None:
        try:
            self.ending = complete["ending"]
            self.counts = {topic: Counts(**count) for topic, count in json.loads(complete["counts"]).items()}
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise mcap.Damaged("the COMPLETE record makes no sense") from None
        for topic, count in self.counts.items():
            found = len(self._messages[topic])
            if count.written != found or count.received != count.written + count.dropped:
                raise mcap.Damaged(f"topic {topic}: {found} messages found, {count.written} written, {count.received} received")

    def raw(self, topic: str) -> list[mcap.Message]:
        """The serialized messages of a topic in the order of their arrival; WorkFailed names what there is."""
        if topic not in self.types:
            raise WorkFailed(f"{self.path}: no topic {topic!r}; there is {', '.join(self.types) or 'none'}")
        return self._messages[topic]

    def messages(self, topic: str) -> list[Any]:
        """The messages of a topic, as the rosbags library decodes them (arrays are numpy's)."""
        return self._named(topic, lambda: decode(self.types[topic], self._known(topic)))

    def joint_states(self, topic: str, joints: tuple[str, ...]) -> list[JointState]:
        """The joint states of a topic, in the robot's joint order."""
        return self._named(topic, lambda: joint_states(self._known(topic, JOINT_STATE), joints))

    def commands(self, joints: tuple[str, ...], topic: str = "/joint_command") -> list[Command]:
        """The commands that were asked for (before the gate), in the robot's joint order."""
        return self._named(topic, lambda: commands(self._known(topic, JOINT_COMMAND), joints))

    def objects(self, names: Sequence[str], frame: str) -> list[list[ObjectPose]]:
        """The poses of each of these objects, in the robot's base frame `frame`."""
        return [self._object(object_topic(name), frame) for name in names]

    def _object(self, topic: str, frame: str) -> list[ObjectPose]:
        return self._named(topic, lambda: object_poses(self._known(topic, POSE), frame))

    def _known(self, topic: str, msgtype: str = "") -> list[bytes]:
        """The serialized messages of a topic whose type is defined here as it was when they were recorded."""
        raw, recorded = self.raw(topic), self.types[topic]
        if msgtype not in ("", recorded):
            raise WorkFailed(f"{recorded}, not {msgtype}")
        if not is_ours(recorded, self._definitions[recorded]):
            raise WorkFailed(f"{recorded} was defined differently when this was recorded")
        return [message.data for message in raw]

    def _named(self, topic: str, read: Callable[[], list[T]]) -> list[T]:
        self.raw(topic)
        try:
            return read()
        except WorkFailed as error:
            raise WorkFailed(f"{self.path}: topic {topic}: {error}") from None


def file_content(path: Path) -> bytes:
    """All bytes of the one file of a bag, as they are; WorkFailed if there is none."""
    if path.name.endswith(".partial"):
        raise WorkFailed(f"{path}: the recording of this episode did not end; it is not complete")
    files = sorted(path.glob("*.mcap"))
    if len(files) != 1:
        raise WorkFailed(f"{path}: not the bag of an episode ({len(files)} .mcap files, one is expected)")
    try:
        if files[0].stat().st_size > SIZE_CAP:
            raise WorkFailed(f"{files[0]}: more than {SIZE_CAP} bytes")
        return files[0].read_bytes()
    except OSError as error:
        raise WorkFailed(f"{files[0]}: {error.strerror or error}") from None
