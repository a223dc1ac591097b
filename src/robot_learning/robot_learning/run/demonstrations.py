"""Recorded demonstrations as the start of learning: bags that an experiment names become its first controllers.

A demonstration belongs to the condition that was recorded with it. Training conditions that were demonstrated start from controllers
that follow the demonstration, the others hold their start as without any. A run keeps copies of the bags in its folder.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from robot_learning.control import demonstration
from robot_learning.control.linear_gaussian import at, stack
from robot_learning.core.atomic import work_failed
from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.core.types import LinearGaussian, Rollouts
from robot_learning.data.bag_reader import Bag, file_content
from robot_learning.data.frames import recording
from robot_learning.run import setting as settings
from robot_learning.run.episodes import Episode, episode
from robot_learning.run.experiment import Experiment
from robot_learning.run.setting import Setting
from robot_learning.tasks.description import Condition

FOLDER = "demonstrations"  # in a run folder
TOLERANCE = 1e-9  # rad and m: conditions come back from messages with no more than rounding


def first_controllers(experiment: Experiment, setting: Setting) -> LinearGaussian:
    """The controllers (C, T, …) that the first rollouts of the training conditions come from."""
    return following(setting, demonstrated(experiment, setting), experiment.demonstration.variance)


def following(setting: Setting, shown: Mapping[int, Sequence[Episode]], variance: float) -> LinearGaussian:
    """Controllers (C, T, …) that follow the demonstrations of each condition, by number, with the robot's own gains."""
    held, horizon = settings.first_controllers(setting), setting.task.horizon
    found = [at(held, index) for index in range(len(setting.train))]
    for index, episodes in shown.items():
        each = [demonstration.path(Rollouts(one.states[None], one.actions[None]), horizon) for one in episodes]
        nearest = demonstration.path(Rollouts(*(np.stack(parts) for parts in zip(*each, strict=True))), horizon)
        found[index] = demonstration.tracking(nearest, found[index].K, variance)
    return stack(found)


def demonstrated(experiment: Experiment, setting: Setting) -> dict[int, list[Episode]]:
    """The demonstrations of each training condition that has some, by its number."""
    found: dict[int, list[Episode]] = {}
    for path in bags(experiment):
        index, shown = _read(path, setting)
        found.setdefault(index, []).append(shown)
    return found


def bags(experiment: Experiment) -> list[Path]:
    """The folders of an experiment's demonstrations; UsageError names one that is not there."""
    paths = [Path(bag).absolute() for bag in experiment.demonstration.bags]
    for path in paths:
        if not path.is_dir():
            raise UsageError(f"experiment {experiment.name}: demonstration.bags: {path}: no such folder; a recorded episode is expected")
        if [other.name for other in paths].count(path.name) > 1:
            raise UsageError(f"experiment {experiment.name}: demonstration.bags: {path.name} twice; bags of different names are expected")
    return paths


def sha256(bag: Path) -> str:
    """Of all that a bag holds; WorkFailed if it is none."""
    return hashlib.sha256(file_content(bag)).hexdigest()


def keep(run: Path, experiment: Experiment) -> Experiment:
    """The experiment with copies of its demonstrations in the folder `run`, each of them checked; it still has absolute paths.

    UsageError or WorkFailed names a demonstration that is missing, damaged or foreign.
    """
    sources = bags(experiment)
    if not sources:
        return experiment
    demonstrated(experiment, settings.prepare(experiment))
    copies = [run / FOLDER / bag.name for bag in sources]
    try:
        for source, copy in zip(sources, copies, strict=True):
            shutil.copytree(source, copy)
    except OSError as error:
        raise work_failed(run / FOLDER, error) from None
    return _with_bags(experiment, copies)


def relative(run: Path, experiment: Experiment) -> Experiment:
    """The experiment as its file in the folder `run` says it: with paths relative to that folder, which may be moved."""
    return _with_bags(experiment, [bag.relative_to(run.absolute()) for bag in bags(experiment)])


def _with_bags(experiment: Experiment, paths: Sequence[Path]) -> Experiment:
    return replace(experiment, demonstration=replace(experiment.demonstration, bags=tuple(map(str, paths))))


def _read(path: Path, setting: Setting) -> tuple[int, Episode]:
    """The training condition, by number, that a bag demonstrates, and its episode."""
    bag = Bag(path)
    for what, expected in (("robot", setting.robot.name), ("task", setting.task.name)):
        if bag.about.get(what) != expected:
            raise UsageError(f"{path}: {what}: {bag.about.get(what, 'nothing')!r}; a demonstration with {expected!r} is expected")
    if bag.ending != "time":
        raise UsageError(f"{path}: ending: {bag.ending!r}; a demonstration that ran to its end ('time') is expected")
    index = _condition(path, bag.about.get("condition", ""), setting.train)
    robot, task = setting.robot, setting.task
    states, commands = bag.joint_states(robot.joint_states_topic, robot.joints), bag.commands(robot.joints)
    objects = bag.objects([one.name for one in task.objects], robot.base_link)
    try:
        frames = recording(states, commands, round(1e9 / task.rate_hz), objects, bag.about.get("clock") != "realtime")
    except WorkFailed as error:
        raise WorkFailed(f"{path}: {error}") from None
    if frames.mode != setting.mode:
        raise UsageError(f"{path}: mode: {frames.mode!r}; a demonstration with commands of mode {setting.mode!r} is expected")
    return index, episode(robot, setting.chain, task, setting.train[index], frames, bag.ending, str(path), {})


def _condition(path: Path, recorded: str, conditions: Sequence[Condition]) -> int:
    try:
        there = json.loads(recorded)
        place = [np.array(there[field], dtype=float) for field in ("initial_positions", "target")]
        parameters = {str(name): float(value) for name, value in there["parameters"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise WorkFailed(f"{path}: condition: it makes no sense; was this recorded by the node recorder?") from None
    for index, condition in enumerate(conditions):
        if parameters.keys() == condition.parameters.keys() and all(
            ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=0.0, atol=TOLERANCE)
            for ours, theirs in (
                (condition.initial_positions, place[0]),
                (condition.target, place[1]),
                (np.array([condition.parameters[name] for name in parameters]), np.array([*parameters.values()])),
            )
        ):
            return index
    raise UsageError(
        f"{path}: condition: its start and target are those of no training condition; "
        f"one recorded with conditions.seed and conditions.train of this experiment is expected"
    )
