"""Episodes out of bags: whole ones bit for bit, and of a faulty one what is good of it, so that it can be run again."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_runner import FakeRunner

from robot_learning.control.linear_gaussian import at
from robot_learning.core.errors import WorkFailed
from robot_learning.core.types import Command, JointState
from robot_learning.data import cdr
from robot_learning.data.bag_reader import Bag
from robot_learning.data.bag_writer import BagWriter
from robot_learning.run import film
from robot_learning.run.episodes import EpisodeRequest
from robot_learning.run.evaluate import Plan, collect, evaluate
from robot_learning.run.experiment import Conditions, Evaluation, Experiment
from robot_learning.run.recorded_episodes import read, without_frames
from robot_learning.run.setting import first_controllers, prepare

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from sample_messages import JOINT_COMMAND, JOINT_STATE  # noqa: E402 (of tests/data)

SETTING = prepare(Experiment("x", "fr3", "reach", "local_gps", 1, conditions=Conditions(1, 0, 0)))
T, JOINTS, STATES = SETTING.task.horizon, SETTING.robot.joints, SETTING.robot.joint_states_topic
REQUEST = EpisodeRequest(SETTING.train[0], at(first_controllers(SETTING), 0), seed=1)
RAN = FakeRunner(SETTING).run([REQUEST])[0]
GARBAGE = (b"", b"\0\1\0\0\1\0", cdr.to_joint_command(Command(0, SETTING.mode, np.full(7, math.nan), "x", 3), JOINTS))


def command(step, mode=SETTING.mode, values=None):
    values = RAN.recording.commands[step] if values is None else values
    return cdr.to_joint_command(Command(int(RAN.recording.stamps_ns[step]), mode, values, "x", step), JOINTS)


def bag(folder, ending, steps=T, extra=(), clock="lockstep"):
    """The bag of the first steps of an episode; `extra`: (topic, bytes) between them."""
    writer = BagWriter(folder, f"e{len(list(folder.iterdir()))}", {"clock": clock}, False)
    writer.add_topic(STATES, JOINT_STATE)
    writer.add_topic("/joint_command", JOINT_COMMAND)
    frames = RAN.recording
    for step in range(steps + 1):
        if step == 3:
            for topic, raw in extra:
                writer.write(topic, 1, 1, raw)
        state = JointState(int(frames.stamps_ns[step]), frames.positions[step], frames.velocities[step], np.zeros(7))
        writer.write(STATES, 1, 1, cdr.to_joint_state(state, JOINTS))
        if step < steps:
            writer.write("/joint_command", 1, 1, command(step))
    return Bag(writer.commit(ending))


def test_a_whole_episode_comes_back_bit_for_bit(tmp_path):
    found = read(SETTING, SETTING.train[0], bag(tmp_path, "time"), {"gate.passed": T})
    assert (found.ending, found.counts, found.distance) == ("time", {"gate.passed": T}, RAN.distance)
    assert Path(found.bag).parent == tmp_path
    for name in ("states", "actions", "cost"):
        assert getattr(found, name).tobytes() == getattr(RAN, name).tobytes()


@pytest.mark.parametrize("topic", [STATES, "/joint_command"])
@pytest.mark.parametrize("raw", GARBAGE)
def test_garbage_in_a_faulty_episode_leaves_its_good_beginning(tmp_path, topic, raw):
    found = read(SETTING, SETTING.train[0], bag(tmp_path, "fault: somebody", 10, [(topic, raw)]), {})
    assert found.ending == "fault: somebody"
    assert found.actions.tobytes() == RAN.actions[:10].tobytes()
    assert len(found.states) == 11


def test_garbage_in_an_episode_that_ran_to_its_end_is_a_fault_with_its_name(tmp_path):
    found = read(SETTING, SETTING.train[0], bag(tmp_path, "time", extra=[("/joint_command", GARBAGE[2])]), {})
    assert found.ending.startswith("fault: ")
    assert "topic /joint_command: a command: values: nan" in found.ending


def test_an_unknown_mode_is_left_out_and_two_commands_for_a_step_end_the_good_part(tmp_path):
    mode = read(SETTING, SETTING.train[0], bag(tmp_path, "fault: x", 10, [("/joint_command", command(3, "thoughts"))]), {})
    assert len(mode.actions) == 10
    twice = read(SETTING, SETTING.train[0], bag(tmp_path, "fault: x", 10, [("/joint_command", command(3, values=np.ones(7)))]), {})
    assert twice.actions[:3].tobytes() == RAN.actions[:3].tobytes()
    assert len(twice.actions) <= 4


@pytest.mark.parametrize("steps", [-1, 0])
def test_an_episode_without_a_step_has_no_frames_but_an_ending(tmp_path, steps):
    found = read(SETTING, SETTING.train[0], bag(tmp_path, "fault: nobody came", steps), {"a": 1})
    assert (found.ending, found.counts, found.bag != "") == ("fault: nobody came", {"a": 1}, True)
    assert (found.states.shape, found.actions.shape, found.cost.shape) == ((0, RAN.states.shape[1]), (0, 7), (0,))
    assert math.isnan(found.distance)


class Bags:
    """A runner of the episodes in these bags, in order; None: it left none."""

    def __init__(self, *bags):
        self.bags = list(bags)

    def run(self, requests):
        found = [self.bags.pop(0) for _ in requests]
        lost = without_frames(SETTING, "fault: recorder: the disk is full", "", {})
        return [read(SETTING, r.condition, one, {}) if one else lost for r, one in zip(requests, found, strict=True)]


def test_a_faulty_episode_is_run_again_once_whatever_its_bag_holds(tmp_path):
    broken = bag(tmp_path, "fault: safety_gate: x", 10, [("/joint_command", GARBAGE[2])])
    for first, ending in ((broken, "fault: safety_gate: x"), (None, "fault: recorder: the disk is full")):
        episodes, notes = collect(Bags(first, bag(tmp_path, "time")), [REQUEST], T)
        assert episodes[0].actions.tobytes() == RAN.actions.tobytes()
        assert notes == [f"{REQUEST.condition.name}: an episode was run again: {ending}"]
    with pytest.raises(WorkFailed, match="ended twice before its time: fault: safety_gate: x; then fault: recorder: the disk is full"):
        collect(Bags(broken, None), [REQUEST], T)


def test_an_evaluation_without_frames_is_no_success_and_has_no_film(tmp_path):
    plan = Plan("local", "train", REQUEST)
    judged = evaluate(Bags(None, None), SETTING, [plan], tmp_path)  # the second try is no better
    assert (judged.outcomes[0].ending, judged.outcomes[0].cost) == ("fault: recorder: the disk is full", 0.0)
    assert math.isnan(judged.outcomes[0].distance)
    film.make(tmp_path, SETTING, [plan], judged.episodes, Evaluation(film=1))
    assert not (tmp_path / "film" / "all.png").exists()
