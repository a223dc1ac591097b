"""The manager's view of a running episode: when it is over, what is wrong with it, and the same cost as the learner's."""

import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from robot_learning.core.types import Command, JointState
from robot_learning.data import cdr
from robot_learning.run.episode_progress import SILENT_NS, STALLED_NS, Plan, Progress
from robot_learning.run.episodes import EpisodeRequest
from robot_learning.run.experiment import Conditions, Experiment
from robot_learning.run.in_process import InProcess
from robot_learning.run.setting import first_controllers, prepare

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from sample_messages import serialized  # noqa: E402 (of tests/data)

SETTING = prepare(Experiment("x", "fr3", "reach", "local_gps", 1, conditions=Conditions(1, 0, 0)))
T = SETTING.task.horizon


@pytest.fixture(scope="module")
def run():
    """An episode in process."""
    runner = InProcess.of(SETTING)
    controller = type(first_controllers(SETTING))(*(array[0] for array in first_controllers(SETTING)))
    yield runner.run([EpisodeRequest(SETTING.train[0], controller, seed=3)])[0]
    runner.close()


def progress(lockstep=True):
    result = Progress(Plan(SETTING.robot, SETTING.chain, SETTING.task, SETTING.train[0], T, lockstep))
    result.start(0)
    return result


def raw(run, step):
    """(joint state, command) of a step as messages; the last step has no command."""
    frames, stamp = run.recording, int(run.recording.stamps_ns[step])
    state = serialized(JointState(stamp, frames.positions[step], frames.velocities[step], np.zeros(7)))
    return state, None if step == T else serialized(Command(stamp, frames.mode, frames.commands[step], "test", step))


def feed(watched, run, steps, now=0):
    for step in range(steps):
        state, command = raw(run, step)
        watched.on_state(state, now)
        watched.on_command(command, now)
    watched.on_state(raw(run, steps)[0], now)


def test_it_is_done_with_the_joint_state_after_the_last_command(run):
    watched = progress()
    for step in range(T):
        assert not watched.done
        state, command = raw(run, step)
        watched.on_state(state, 0)
        watched.on_command(command, 0)
    assert not watched.done
    watched.on_state(raw(run, T)[0], 0)
    assert watched.done
    assert watched.step == T
    assert watched.last_stamp_ns == run.recording.stamps_ns[-1]


def test_cost_and_distance_are_those_of_the_learner(run):
    watched = progress()
    feed(watched, run, T)
    assert watched.judged("time") == ("time", float(np.sum(run.cost)), run.distance)


def test_the_cost_so_far_grows_with_the_steps(run):
    watched = progress()
    assert watched.cost() == 0.0
    feed(watched, run, 10)
    assert watched.cost() == pytest.approx(float(np.sum(watched.episode("", 10).cost)))
    assert len(watched.episode("", 10).actions) == 10


def test_a_stall_in_lockstep_is_named_after_five_seconds(run):
    watched = progress()
    feed(watched, run, 3, now=10)
    assert watched.fault(10 + STALLED_NS) == ""
    assert watched.fault(11 + STALLED_NS) == "lockstep stalled"
    assert watched.waiting_for() == "step 3: a command"
    watched.on_command(raw(run, 3)[1], 10 + STALLED_NS)
    assert watched.fault(11 + STALLED_NS) == ""
    assert watched.waiting_for() == "step 4: the next joint state"


def test_silence_in_realtime_is_named_by_who_is_silent(run):
    watched = progress(lockstep=False)
    feed(watched, run, 3, now=10)
    assert watched.fault(10 + SILENT_NS) == ""
    assert watched.fault(11 + SILENT_NS) == "no joint state for 0.5 s"
    watched.on_state(raw(run, 4)[0], 10 + SILENT_NS)
    assert watched.fault(11 + SILENT_NS) == "no command for 0.5 s"


def test_a_gap_turns_the_ending_into_a_fault(run):
    watched = progress()
    for step in range(T):
        state, command = raw(run, step)
        watched.on_state(state, 0)
        if step != 5:
            watched.on_command(command, 0)
    watched.on_state(raw(run, T)[0], 0)
    ending, _, distance = watched.judged("time")
    assert ending == "fault: step 5: no command, but there is one of step 99"
    assert math.isnan(distance)
    assert watched.judged("cancelled")[0] == "cancelled"


def test_an_episode_without_a_step_costs_nothing():
    ending, cost, distance = progress().judged("fault: x")
    assert (ending, cost) == ("fault: x", 0.0)
    assert math.isnan(distance)


def with_values(run, step, values=None, mode=None, stamp=None):
    frames = run.recording
    values = frames.commands[step] if values is None else values
    stamp = int(frames.stamps_ns[step]) if stamp is None else stamp
    return cdr.to_joint_command(Command(stamp, mode or frames.mode, values, "somebody", step), SETTING.robot.joints)


def bad_commands(run):
    yield b"", "a field reaches beyond|not little-endian"
    yield raw(run, 0)[1][:11], "a field reaches beyond the 11 bytes"
    yield raw(run, 0)[1][:60], "a field reaches beyond the 60 bytes"
    yield with_values(run, 0, np.full(7, math.nan)), "values: nan"
    yield with_values(run, 0, stamp=-5_000_000_000), "stamp of -5 s and 0 ns; at least 0 s"
    yield with_values(run, 0, mode="thoughts"), "mode 'thoughts'; fr3 has effort"


def test_malformed_messages_are_counted_and_named_and_no_part_of_the_episode(run):
    for bad, text in bad_commands(run):
        watched = progress()
        watched.on_command(bad, 0)
        watched.on_state(b"\0\1", 0)
        assert (watched.step, watched.last_stamp_ns) == (0, 0)
        feed(watched, run, T)
        assert watched.done
        assert watched.bad == {"command": 1, "joint_state": 1}
        assert watched.cost() == float(np.sum(run.cost))
        ending, cost, distance = watched.judged("time")
        assert re.search(f"fault: a command: ({text})", ending)
        assert (cost, distance) == (float(np.sum(run.cost)), run.distance)
        assert watched.judged("cancelled")[0] == "cancelled"


def test_a_silence_says_what_came_instead(run):
    watched = progress(lockstep=False)
    feed(watched, run, 3)
    watched.on_command(with_values(run, 3, np.full(7, math.nan)), SILENT_NS)
    watched.on_state(raw(run, 3)[0], SILENT_NS)
    assert watched.fault(SILENT_NS + 1).startswith("no command for 0.5 s (malformed: a command: values: nan")
