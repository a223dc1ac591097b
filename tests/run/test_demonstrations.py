"""An experiment that names bags starts from what was demonstrated in them; a run keeps them, and refuses any others."""

import json
import shutil
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from fake_runner import FakeRunner
from numpy.testing import assert_allclose, assert_array_equal

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from sample_messages import JOINT_COMMAND, JOINT_STATE, serialized

from robot_learning.control.linear_gaussian import at
from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.core.types import Command, JointState
from robot_learning.data.bag_writer import BagWriter
from robot_learning.run import checkpoints, demonstrations, experiment, folder, setting
from robot_learning.run.algorithms import learner
from robot_learning.run.episodes import EpisodeRequest
from robot_learning.run.train import Trainer

NOW = datetime(2030, 1, 2)
SMALL = ["conditions.train=2", "rollouts=3", "iterations=2", "evaluation.film=0", "local.mixture_components=2"]
PLAIN = experiment.load("reach_local", SMALL)
SETTING = setting.prepare(PLAIN)
HELD = setting.first_controllers(SETTING)


def teacher():
    """Demonstrates condition 0 by pushing the first joint."""
    held = at(HELD, 0)
    return held._replace(k=held.k + np.eye(7)[0])


def record(bags, name="shown", ending="time", steps=100, **changes):
    """The bag of an episode of the teacher in condition 0."""
    condition = SETTING.train[0]
    frames = FakeRunner(SETTING).run([EpisodeRequest(condition, teacher(), noise=False)])[0].recording
    place = {"initial_positions": condition.initial_positions.tolist(), "target": condition.target.tolist(), "parameters": {}}
    about = {"robot": "fr3", "task": "reach", "clock": "lockstep", "condition": json.dumps({"name": "any", **place})}
    writer = BagWriter(bags, name, about | changes, fsync=False)
    topic = SETTING.robot.joint_states_topic
    writer.add_topic(topic, JOINT_STATE)
    writer.add_topic("/joint_command", JOINT_COMMAND)
    stamps = [int(stamp) for stamp in frames.stamps_ns]
    for t in range(steps + 1):
        state = JointState(stamps[t], frames.positions[t], frames.velocities[t], np.zeros(7))
        writer.write(topic, stamps[t], stamps[t], serialized(state))
        if t < steps:
            command = Command(stamps[t], frames.mode, frames.commands[t], "teacher", t)
            writer.write("/joint_command", stamps[t], stamps[t], serialized(command))
    return writer.commit(ending)


def naming(*bags):
    return experiment.load("reach_local", [*SMALL, f"demonstration.bags={[str(bag) for bag in bags]}"])


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return record(tmp_path_factory.mktemp("bags"))


def made(run, bag):
    return folder.create(naming(bag), run, NOW)


def test_the_controller_of_the_demonstrated_condition_repeats_it_and_the_others_hold(bag):
    first = learner(naming(bag), SETTING).start().controllers
    runner, condition = FakeRunner(SETTING), SETTING.train[0]
    shown, again = runner.run([EpisodeRequest(condition, controller, noise=False) for controller in (teacher(), at(first, 0))])
    assert_allclose(again.states, shown.states, atol=1e-6)
    assert_array_equal(first.K[0], HELD.K[0])  # the robot's own gains
    assert_allclose(first.covariance[0, 5], naming(bag).demonstration.variance * np.eye(7))
    for mine, held in zip(at(first, 1), at(HELD, 1), strict=True):
        assert_array_equal(mine, held)


def test_of_several_of_any_length_one_is_followed(bag, tmp_path):
    shorter = record(tmp_path, "shorter", steps=60)
    both = demonstrations.first_controllers(naming(bag, shorter), SETTING)
    alone = [demonstrations.first_controllers(naming(one), SETTING) for one in (bag, shorter)]
    assert any(np.array_equal(both.k, one.k) for one in alone)
    assert not np.array_equal(alone[0].k, alone[1].k)


def test_a_resumed_run_equals_an_uninterrupted_one_though_the_run_was_moved_and_the_bag_is_gone(bag, tmp_path):
    def stop(ran):
        if ran == 9:
            raise KeyboardInterrupt

    source = shutil.copytree(bag, tmp_path / "shown")
    whole, parts = made(tmp_path / "whole", source), made(tmp_path / "parts", source)
    Trainer(whole, FakeRunner(SETTING), "process").train()
    with pytest.raises(KeyboardInterrupt):
        Trainer(parts, FakeRunner(SETTING, before=stop), "process").train()
    assert checkpoints.latest(parts) == 1
    shutil.rmtree(source)
    moved = parts.rename(tmp_path / "moved")
    folder.change(moved, folder.resume(moved, (), ()))
    Trainer(moved, FakeRunner(SETTING), "process").train()
    states = [(run / "checkpoints" / "002" / checkpoints.STATE).read_bytes() for run in (whole, moved)]
    assert states[0] == states[1]
    assert yaml.safe_load((moved / folder.CONFIG).read_text())["demonstration"]["bags"] == ["demonstrations/shown"]


def test_a_demonstration_that_changed_since_the_run_is_refused_by_name(bag, tmp_path):
    run = made(tmp_path / "run", bag)
    inside = run / "demonstrations" / "shown"
    shutil.rmtree(inside)
    with pytest.raises(UsageError, match=r"demonstration\.bags: .*demonstrations/shown: no such folder"):
        folder.read_experiment(run)
    record(inside.parent, "shown", clock="realtime")
    with pytest.raises(UsageError, match=r"^demonstrations/shown: sha256 changed since the run: .* put it back or start a new run$"):
        folder.read_experiment(run)


def test_paths_in_a_file_are_relative_to_it_and_those_of_the_command_line_to_the_working_directory(bag, tmp_path, monkeypatch):
    here = shutil.copytree(bag, tmp_path / "here" / "shown")
    (tmp_path / "here" / "own.yaml").write_text(experiment.as_yaml(naming("shown")))
    assert demonstrations.bags(experiment.load(str(tmp_path / "here" / "own.yaml"))) == [here]
    monkeypatch.chdir(bag.parent)
    assert demonstrations.bags(naming("shown")) == [bag]


ELSEWHERE = json.dumps({"name": "train-0", "initial_positions": [0.0] * 7, "target": np.eye(4).tolist(), "parameters": {}})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"robot": "ur5e"}, "robot: 'ur5e'; a demonstration with 'fr3' is expected"),
        ({"task": "peg_insertion"}, "task: 'peg_insertion'; a demonstration with 'reach' is expected"),
        ({"ending": "cancelled"}, "ending: 'cancelled'; a demonstration that ran to its end ('time') is expected"),
        ({"condition": ELSEWHERE}, "condition: its start and target are those of no training condition"),
        ({"condition": "[]"}, "condition: it makes no sense; was this recorded by the node recorder?"),
    ],
)
def test_a_foreign_demonstration_is_one_line_and_leaves_no_run(changes, said, tmp_path):
    foreign = record(tmp_path, "foreign", **changes)
    with pytest.raises((UsageError, WorkFailed)) as caught:
        made(tmp_path / "run", foreign)
    assert str(caught.value).startswith(f"{foreign}: {said}")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_what_is_no_bag_is_named(bag, tmp_path):
    with pytest.raises(UsageError, match=r"demonstration\.bags: .*/nowhere: no such folder; a recorded episode is expected"):
        made(tmp_path / "run", tmp_path / "nowhere")
    twice = naming(bag, shutil.copytree(bag, tmp_path / "shown"))
    with pytest.raises(UsageError, match=r"demonstration\.bags: shown twice; bags of different names are expected"):
        folder.create(twice, tmp_path / "run", NOW)
    damaged = shutil.copytree(bag, tmp_path / "damaged")
    file = next(damaged.glob("*.mcap"))
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WorkFailed, match=r"/damaged: damaged: "):
        made(tmp_path / "run", damaged)
    with pytest.raises(UsageError, match=r"demonstration\.variance: 0\.0; more than 0 is expected"):
        experiment.load("reach_local", ["demonstration.variance=0"])
    with pytest.raises(UsageError, match=r"demonstration\.bag: unknown key; did you mean 'bags'\?"):
        experiment.load("reach_local", ["demonstration.bag=x"])
    assert not (tmp_path / "run").exists()
