"""What is written to a bag comes back bit for bit; anything but a whole, unaltered bag is refused in one line."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.exceptions import EndOfFile
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader
from sample_messages import JOINT_COMMAND, JOINT_STATE, JOINTS, OUTPUT, PERIOD_NS, commands, joint_states, output, serialized

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.data import bag_writer, mcap_records
from robot_learning.data.bag_reader import Bag
from robot_learning.data.bag_writer import BagWriter, Counts, Qos
from robot_learning.data.definitions import definition, interfaces_dir, is_ours, type_hash, typestore
from robot_learning.data.frames import recording

STEPS = 20


def begin(folder, name="e1", fsync=False):
    writer = BagWriter(folder, name, {"config": json.dumps({"robot": "fr3"}), "seed": "7"}, fsync)
    writer.add_topic("/joint_states", JOINT_STATE, (Qos(depth=64),))
    writer.add_topic("/joint_command", JOINT_COMMAND, (Qos(), Qos(reliability="best_effort")))
    writer.add_topic("/effort/commands", OUTPUT)
    writer.add_topic("/safety_gate/status", "robot_learning_interfaces/msg/GateStatus", (Qos(durability="transient_local"),))
    return writer


def fill(writer, steps=STEPS):
    states, asked = joint_states(steps), commands(steps)
    for state in states:
        writer.write("/joint_states", state.stamp_ns, state.stamp_ns, serialized(state))
        for command in [c for c in asked if c.stamp_ns == state.stamp_ns]:
            writer.write("/joint_command", state.stamp_ns, command.stamp_ns, serialized(command))
            writer.write("/effort/commands", state.stamp_ns, state.stamp_ns, output(command.values))
    return states, asked


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    writer = begin(tmp_path_factory.mktemp("bags"))
    fill(writer)
    return writer.commit("time")


def copied(bag, tmp_path):
    shutil.copytree(bag, tmp_path / "copy")
    return tmp_path / "copy", next((tmp_path / "copy").glob("*.mcap"))


def test_live_and_from_a_bag_the_frames_are_the_same_bits(tmp_path):
    writer = begin(tmp_path)
    states, asked = fill(writer)
    bag = Bag(writer.commit("time"))
    live = recording(states, asked, PERIOD_NS)
    read = recording(bag.joint_states("/joint_states", JOINTS), bag.commands(JOINTS), PERIOD_NS)
    assert live.mode == read.mode
    for a, b in zip(live, read, strict=True):
        assert a == b if isinstance(a, str) else (a.dtype, a.tobytes()) == (b.dtype, b.tobytes())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(JOINTS))
def test_joints_are_found_by_name(tmp_path_factory, order):
    writer = begin(tmp_path_factory.mktemp("bags"))
    state, command = joint_states(0)[0], commands(1)[0]
    writer.write("/joint_states", 0, 0, serialized(state, order))
    writer.write("/joint_command", 0, 0, serialized(command, order))
    bag = Bag(writer.commit("time"))
    assert np.array_equal(bag.joint_states("/joint_states", JOINTS)[0].position, state.position)
    assert np.array_equal(bag.commands(JOINTS)[0].values, command.values)


def test_ending_counts_and_what_was_told_are_kept(bag):
    read = Bag(bag)
    assert read.ending == "time"
    assert read.about == {"config": '{"robot": "fr3"}', "seed": "7", "episode": "e1", "fsync": "no"}
    assert read.counts["/joint_states"] == Counts(STEPS + 1, STEPS + 1, 0)
    assert read.counts["/joint_command"] == Counts(STEPS, STEPS, 0)
    assert read.counts["/safety_gate/status"] == Counts(0, 0, 0)
    assert read.types["/effort/commands"] == OUTPUT
    assert [m.data for m in read.messages("/effort/commands")][3].tolist() == commands(STEPS)[3].values.tolist()


def test_rosbags_and_the_plain_mcap_reader_open_it(bag):
    with Reader(bag) as reader:
        assert reader.message_count == 3 * STEPS + 1
        topics = {c.topic: (c.msgtype, c.msgcount, c.digest) for c in reader.connections}
        assert topics["/joint_command"] == (JOINT_COMMAND, STEPS, type_hash(JOINT_COMMAND))
        assert [q.depth for q in next(c for c in reader.connections if c.topic == "/joint_states").ext.offered_qos_profiles] == [64]
        assert reader.storage.metadata.custom["ending"] == "time"
    with AnyReader([bag]) as reader:  # decodes by the definitions in the bag
        steps = [reader.deserialize(raw, c.msgtype).step for c, _, raw in reader.messages() if c.topic == "/joint_command"]
        assert steps == list(range(STEPS))
    with next(bag.glob("*.mcap")).open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        assert reader.get_header().profile == "ros2"
        assert reader.get_summary().statistics.message_count == 3 * STEPS + 1
        assert sum(1 for _ in reader.iter_messages()) == 3 * STEPS + 1
        assert "rosbag2" in [m.name for m in reader.iter_metadata()]


def test_chunks_are_small_and_checked(tmp_path):
    writer = begin(tmp_path)
    fill(writer, 200)
    path = writer.commit("time")
    with next(path.glob("*.mcap")).open("rb") as file:
        chunks = make_reader(file).get_summary().chunk_indexes
    assert len(chunks) > 1
    assert max(chunk.uncompressed_size for chunk in chunks) <= 65_536


def test_our_definitions_are_those_of_ros():
    """The hashes are those that rosidl computes; the constants are from its JSON files for Jazzy."""
    assert type_hash(JOINT_STATE) == "RIHS01_a13ee3a330e346c9d87b5aa18d24e11690752bd33a0350f11c5882bc9179260e"
    commented = (interfaces_dir() / "JointCommand.msg").read_text()
    separator = "=" * 80
    inner = definition(JOINT_COMMAND).split(separator, 1)[1]
    assert is_ours(JOINT_COMMAND, commented + separator + inner)  # as rosbag2 writes it, with comments
    assert not is_ours(JOINT_COMMAND, definition(JOINT_COMMAND).replace("uint32 step", "uint64 step"))
    assert not is_ours(JOINT_COMMAND, "no definition at all !!")
    assert not is_ours("unknown_msgs/msg/Unknown", "int32 x")
    with pytest.raises(WorkFailed, match="unknown_msgs"):
        definition("unknown_msgs/msg/Unknown")


def test_nothing_has_the_bags_name_before_it_is_complete(tmp_path):
    writer = begin(tmp_path)
    fill(writer)
    writer.flush()
    assert [entry.name for entry in tmp_path.iterdir()] == ["e1.partial"]
    with pytest.raises(WorkFailed, match="not complete"):
        Bag(tmp_path / "e1.partial")
    with pytest.raises(WorkFailed, match="exists"):
        begin(tmp_path)
    writer.commit("cancelled")
    assert [entry.name for entry in tmp_path.iterdir()] == ["e1"]
    assert Bag(tmp_path / "e1").ending == "cancelled"
    with pytest.raises(WorkFailed, match="exists already"):
        begin(tmp_path)


def test_names_stay_inside_the_folder(tmp_path):
    for name in ("../e", "a/b", "", "x" * 65, "E", "."):
        with pytest.raises(UsageError, match="episode"):
            begin(tmp_path / "bags", name)
    assert not (tmp_path / "bags").exists()


def test_a_killed_recorder_leaves_what_was_flushed_and_the_earlier_bags(tmp_path):
    first = begin(tmp_path)
    fill(first)
    before = next(first.commit("time").glob("*.mcap")).read_bytes()
    program = """
import os, signal, sys
from pathlib import Path
from test_bags import begin, fill
writer = begin(Path(sys.argv[1]), "e2")
fill(writer)
writer.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=environment, timeout=60, check=False)
    assert process.returncode == -signal.SIGKILL
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["e1", "e2.partial"]
    assert next((tmp_path / "e1").glob("*.mcap")).read_bytes() == before
    assert Bag(tmp_path / "e1").ending == "time"
    with (tmp_path / "e2.partial" / "e2_0.mcap").open("rb") as file:  # the linear reader still finds the messages
        found = 0
        with contextlib.suppress(EndOfFile):
            for record in StreamReader(file).records:
                found += type(record).__name__ == "Message"
    assert found == 3 * STEPS + 1


def test_a_full_disk_stops_the_recording_and_counts_what_is_dropped(tmp_path, monkeypatch):
    writer = begin(tmp_path)
    fill(writer)
    monkeypatch.setattr(bag_writer, "require_space", lambda folder: (_ for _ in ()).throw(WorkFailed(f"{folder}: disk full")))
    writer.check_space()
    fill(writer)
    counts = writer.counts()["/joint_states"]
    assert counts == Counts(2 * (STEPS + 1), STEPS + 1, STEPS + 1)
    with pytest.raises(WorkFailed, match="disk full"):
        writer.commit("time")
    assert [entry.name for entry in tmp_path.iterdir()] == ["e1.partial"]
    with pytest.raises(WorkFailed, match="disk full"):
        begin(tmp_path, "e2")


def test_an_error_while_writing_is_the_failure_and_received_is_written_plus_dropped(tmp_path):
    writer = begin(tmp_path)
    fill(writer)
    writer._file.close()  # what a vanished disk looks like
    fill(writer, 300)
    writer.flush()
    assert writer.failure is not None
    for count in writer.counts().values():
        assert count.received == count.written + count.dropped
    assert writer.counts()["/joint_states"].dropped > 0
    with pytest.raises(WorkFailed):
        writer.commit("time")
    assert not (tmp_path / "e1").exists()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_no_flipped_bit_goes_unnoticed(bag, tmp_path_factory, place, bit):
    file = next(bag.glob("*.mcap"))
    data = bytearray(file.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    folder = tmp_path_factory.mktemp("flipped")
    (folder / file.name).write_bytes(bytes(data))
    with pytest.raises(WorkFailed, match="damaged"):
        Bag(folder)


def test_no_record_of_another_kind_goes_unnoticed(bag, tmp_path):
    file = next(bag.glob("*.mcap"))
    data = file.read_bytes()
    for start in {record.start for record in mcap_records.records(data)}:
        altered = bytearray(data)
        altered[start] ^= 0x80  # a kind that readers skip
        (tmp_path / file.name).write_bytes(bytes(altered))
        with pytest.raises(WorkFailed, match="damaged"):
            Bag(tmp_path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True), st.binary(max_size=40))
def test_no_cut_off_bag_is_taken_for_a_complete_one(bag, tmp_path_factory, place, tail):
    file = next(bag.glob("*.mcap"))
    data = file.read_bytes()
    folder = tmp_path_factory.mktemp("cut")
    (folder / file.name).write_bytes(data[: int(place * len(data))] + tail)
    with pytest.raises(WorkFailed, match="damaged"):
        Bag(folder)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300))
def test_garbage_is_refused_in_one_line(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("garbage")
    (folder / "x.mcap").write_bytes(b"\x89MCAP0\r\n" + data)
    with pytest.raises(WorkFailed, match="damaged") as refusal:
        Bag(folder)
    assert "\n" not in str(refusal.value)


def test_a_bag_without_its_complete_record_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(bag_writer, "COMPLETE_RECORD", "something_else")
    writer = begin(tmp_path)
    fill(writer)
    with pytest.raises(WorkFailed, match="no COMPLETE record"):
        Bag(writer.commit("time"))


def test_refusals_name_the_folder_and_what_is_there(bag, tmp_path):
    with pytest.raises(WorkFailed, match="not the bag of an episode"):
        Bag(tmp_path)
    with pytest.raises(WorkFailed, match="no topic '/x'; there is /joint_states, /joint_command"):
        Bag(bag).messages("/x")
    with pytest.raises(WorkFailed, match="/effort/commands.*Float64MultiArray, not sensor_msgs"):
        Bag(bag).joint_states("/effort/commands", JOINTS)
    with pytest.raises(WorkFailed, match="no joint other"):
        Bag(bag).joint_states("/joint_states", ("other",))


def test_a_type_that_was_defined_differently_is_not_guessed(tmp_path, monkeypatch):
    writer = begin(tmp_path)
    monkeypatch.setattr(bag_writer, "definition", lambda msgtype: "int32 old")
    writer.add_topic("/keypoints", "robot_learning_interfaces/msg/Keypoints")
    writer.write("/keypoints", 0, 0, b"\0\1\0\0")
    with pytest.raises(WorkFailed, match="defined differently"):
        Bag(writer.commit("time")).messages("/keypoints")


def test_fsync_is_asked_for_once_a_file_and_folder(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    for name, fsync in (("e1", False), ("e2", True)):
        writer = begin(tmp_path, name, fsync)
        fill(writer)
        Bag(writer.commit("time"))
    assert sorted(Path(path).name for path in synced) == sorted(["e2_0.mcap", "metadata.yaml", "e2.partial", tmp_path.name])


def test_all_messages_of_this_project_have_a_definition():
    names = {path.stem for path in interfaces_dir().glob("*.msg")}
    assert {"JointCommand", "GateStatus", "EpisodeStatus"} <= names
    for name in names:
        assert typestore().hash_rihs01(f"robot_learning_interfaces/msg/{name}").startswith("RIHS01_")
