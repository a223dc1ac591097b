"""When messages of an episode happened, and which of them are still missing."""

import pytest
from sample_messages import JOINT_COMMAND, JOINT_STATE, OUTPUT, PERIOD_NS, START_NS, commands, joint_states, output, serialized

from robot_learning.data import cdr
from robot_learning.data.bag_reader import Bag
from robot_learning.data.bag_writer import BagWriter
from robot_learning.data.episode_log import EpisodeLog, Roles

STEPS = 3
LAST = START_NS + STEPS * PERIOD_NS
STAMPED = {"/joint_states": True, "/joint_command": True, "/out": False, "/about": False}
TYPES = {"/joint_states": JOINT_STATE, "/joint_command": JOINT_COMMAND, "/out": OUTPUT, "/about": "std_msgs/msg/String"}


@pytest.fixture
def begin(tmp_path):
    """begin(lockstep=True) opens the one log of a test."""
    writer = BagWriter(tmp_path, "e1", {}, False)
    for topic, msgtype in TYPES.items():
        writer.add_topic(topic, msgtype)
    yield lambda lockstep=True: EpisodeLog(writer, Roles("/joint_states", "/joint_command", ("/out", "/other")), STAMPED, lockstep)
    writer.abandon()


def everything():
    """(topic, message) of a whole episode in the order in which lockstep makes them."""
    asked = commands(STEPS)
    for state in joint_states(STEPS):
        yield "/joint_states", serialized(state)
        for command in [c for c in asked if c.stamp_ns == state.stamp_ns]:
            yield "/joint_command", serialized(command)
            yield "/out", output(command.values)


def test_a_whole_episode_misses_nothing(begin):
    log = begin()
    for topic, raw in everything():
        assert log.missing(LAST)
        log.add(topic, raw, 0)
    assert log.missing(LAST) == ""


@pytest.mark.parametrize("lost", [n for n, (topic, _) in enumerate(everything()) if topic != "/joint_states" or n == 3 * STEPS])
def test_in_lockstep_whatever_is_missing_is_named(begin, lost):
    log, messages = begin(), list(everything())
    topic = messages.pop(lost)[0]
    for name, raw in messages:
        log.add(name, raw, 0)
    expected = {
        "/joint_states": "/joint_states of 7.150 s",
        "/joint_command": "1 messages on /joint_command",
        "/out": "1 messages on /out or",
    }
    assert log.missing(LAST).startswith(expected[topic])


@pytest.mark.parametrize("lockstep", [True, False])
def test_an_episode_that_ended_before_its_first_joint_state_misses_nothing(begin, lockstep):
    log = begin(lockstep)
    log.add("/about", b"\0\1\0\0\1\0\0\0\0", 5)
    assert log.missing(0) == ""


def test_in_lockstep_time_is_that_of_the_newest_joint_state(begin):
    log = begin()
    log.add("/about", b"\0\1\0\0\1\0\0\0\0", 123)  # before the first joint state
    for topic, raw in everything():
        log.add(topic, raw, 123)
    log.close()
    bag = Bag(log.writer.commit("time"))
    assert [m.log_time_ns for m in bag.raw("/about")] == [START_NS]
    assert [m.log_time_ns for m in bag.raw("/out")] == [START_NS + k * PERIOD_NS for k in range(STEPS)]
    assert [m.publish_time_ns for m in bag.raw("/joint_command")] == [START_NS + k * PERIOD_NS for k in range(STEPS)]


def test_in_realtime_time_is_that_of_arrival_and_the_last_joint_state_is_waited_for(begin):
    log = begin(lockstep=False)
    log.add("/about", b"\0\1\0\0\1\0\0\0\0", 5)
    for number, state in enumerate(joint_states(STEPS)):
        assert log.missing(LAST) == "/joint_states of 7.150 s"
        log.add("/joint_states", serialized(state), 10 + number)
    assert log.missing(LAST) == ""
    log.close()
    bag = Bag(log.writer.commit("time"))
    assert [m.log_time_ns for m in bag.raw("/about") + bag.raw("/joint_states")] == [5, 10, 11, 12, 13]


def test_an_episode_without_any_joint_state_keeps_its_other_messages(begin):
    log = begin()
    log.add("/about", b"\0\1\0\0\1\0\0\0\0", 5)
    log.add("/not_in_this_bag", b"", 5)
    log.close()
    bag = Bag(log.writer.commit("cancelled"))
    assert len(bag.raw("/about")) == 1
    assert "/not_in_this_bag" not in bag.types


def test_what_was_sent_and_never_came_is_counted(begin):
    log = begin()
    for number in (7, 8, 11, 12):
        log.add("/out", output([0.0]), 0, number)
    log.add("/about", b"\0\1\0\0\1\0\0\0\0", 0)  # a latched one from before has no number
    for number in (40, 41, 1, 2):  # 1: another publisher
        log.add("/about", b"\0\1\0\0\1\0\0\0\0", 0, number)
    assert log.lost == {"/out": 2}


@pytest.mark.parametrize("lockstep", [True, False])
@pytest.mark.parametrize("bad", [b"", b"\0\1\0\0\1\0\0", cdr.to_clock(-5_000_000_000)])
@pytest.mark.parametrize("topic", ["/joint_states", "/joint_command"])
def test_a_message_without_a_usable_stamp_is_kept_and_counted_and_nothing_waits_for_it(begin, lockstep, bad, topic):
    log = begin(lockstep)
    log.add(topic, bad, 3)
    for name, raw in everything():
        log.add(name, raw, 4)
    log.add(topic, bad, 5)
    assert log.missing(LAST) == ""
    log.close()
    assert log.bad == {topic: 2}
    kept = Bag(log.writer.commit("fault: x")).raw(topic)
    assert (kept[0].data, kept[-1].data) == (bad, bad)
    assert [m.publish_time_ns for m in (kept[0], kept[-1])] == ([START_NS, LAST] if lockstep else [3, 5])
