"""Local controllers that learn to put a peg into a hole: from a demonstration against from rest.

The demonstrator (run/bench/scripted.py) tries until the peg is in, aiming anew by where it ended before; each try counts as a sample,
and the last one is the demonstration. Noise-free, the first controller repeats it. So that the figure cannot rest on that alone, the
detail has demonstrations that end half-way in the hole, too, from which the rest has to be learned.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from robot_learning.algorithms import steady_local
from robot_learning.core.types import LinearGaussian
from robot_learning.run import experiment
from robot_learning.run.bench.figure import Figure, Measurement, Reading
from robot_learning.run.bench.gps_priors import Samples
from robot_learning.run.bench.local_training import NOWHERE, steps
from robot_learning.run.bench.scripted import Script, controller
from robot_learning.run.demonstrations import following
from robot_learning.run.episodes import Episode, EpisodeRequest
from robot_learning.run.evaluate import evaluate, plans
from robot_learning.run.experiment import Experiment
from robot_learning.run.in_process import InProcess
from robot_learning.run.setting import Setting, prepare
from robot_learning.tasks.description import Condition
from robot_learning.tasks.state import parts

NAME = "peg_steady"
ROLLOUTS = 5  # of a condition and iteration, in all arms
MOST = 60  # rollouts of a condition
TRIES = 6  # of the demonstrator
LARGEST = 0.02  # m, by which the aim moves from try to try
HALF_WAY = 0.03  # m, over the bottom of the hole
HALF_WAY_VARIANCE = 0.3  # of the first controllers: more is to be learned, with less noise it takes longer


class Shown(NamedTuple):
    """The demonstrations of all training conditions."""

    episodes: Mapping[int, Sequence[Episode]]  # one for each condition, by number
    tries: tuple[int, ...]  # of each condition


def demonstrate(setting: Setting, runner: InProcess, script: Script, limit: float) -> Shown:
    """A demonstration of each condition; the best try where none ends within `limit` (m) of the target."""
    found = [_tries(setting, runner, script, condition, limit) for condition in setting.train]
    best = {index: [min(tries, key=lambda one: one.distance)] for index, tries in enumerate(found)}
    return Shown(best, tuple(map(len, found)))


def _tries(setting: Setting, runner: InProcess, script: Script, condition: Condition, limit: float) -> list[Episode]:
    aim, found = condition.target[:3, 3], list[Episode]()
    while len(found) < TRIES and not (found and found[-1].distance < limit):
        follower = controller(setting, condition, script, aim)
        found += runner.run([EpisodeRequest(condition, follower, noise=False)])
        first = parts(setting.task, found[-1].states.shape[-1]).errors.start
        aim = aim - np.clip(found[-1].states[-1, first : first + 3], -LARGEST, LARGEST)
    return found


class Arm(NamedTuple):
    """What demonstrations of one kind lead to."""

    samples: Samples
    tries: tuple[int, ...]
    at_once: tuple[str, ...]  # conditions whose first controller succeeds

    def detail(self) -> dict[str, object]:
        """What a result file tells."""
        return {**self.samples.detail(), "demonstrations": list(self.tries), "succeeded_before_learning": list(self.at_once)}


def from_rest(chosen: Experiment, setting: Setting) -> Samples:
    """The samples of a training that begins by holding the start."""
    return _learn(chosen, setting, None, dict.fromkeys((c.name for c in setting.train), 0), {})


def from_demonstrations(chosen: Experiment, setting: Setting, script: Script, limit: float) -> Arm:
    """The samples of a training that begins by following demonstrations, these included."""
    runner = InProcess.of(setting)
    try:
        shown = demonstrate(setting, runner, script, limit)
        first = following(setting, shown.episodes, chosen.demonstration.variance)
        judged = evaluate(runner, setting, plans(setting, first, False), NOWHERE)
    finally:
        runner.close()
    tries = dict(zip((c.name for c in setting.train), shown.tries, strict=True))
    done = {o.condition: tries[o.condition] for o in judged.outcomes if o.success}
    return Arm(_learn(chosen, setting, first, tries, done), shown.tries, tuple(done))


def _learn(
    chosen: Experiment, setting: Setting, first: LinearGaussian | None, before: Mapping[str, int], done: Mapping[str, int]
) -> Samples:
    """Training until all conditions have succeeded once; `before`: samples that were used before it, `done`: those that have succeeded."""
    found = {**dict.fromkeys(before, MOST), **done}
    start = None if first is None else steady_local.start(first, chosen.local)
    if max(found.values()) < MOST:
        return Samples(found, MOST)
    with closing(steps(chosen, setting, start)) as training:
        for step in training:
            for outcome in step.outcomes:
                if outcome.success:
                    found[outcome.condition] = min(found[outcome.condition], before[outcome.condition] + step.samples)
            if max(found.values()) < MOST:
                break
    return Samples(found, MOST)


RATIO = Figure(
    "demo_start_ratio",
    "×",
    "> 1",
    ">= 2",
    "peg_insertion, samples to success from rest over those from scripted demonstrations, whose tries count; medians of 4 conditions; the "
    "smaller one of two ratios: with demonstrations that succeed, whose repetition is a success without any learning (beside it), and with "
    "demonstrations that end half-way in the hole",
    beside="whole_ratio",
)


def ratio(seed: int, quick: bool) -> Mapping[str, Reading]:
    """By how much a demonstration saves samples."""
    changes = [f"seed={seed}", f"conditions.seed={seed}", f"rollouts={ROLLOUTS}", f"iterations={MOST // ROLLOUTS}"]
    chosen = experiment.load(NAME, [*changes, f"conditions.train={2 if quick else 4}"])
    setting = prepare(chosen)
    rest = from_rest(chosen, setting)
    whole = from_demonstrations(chosen, setting, Script(), setting.task.success_distance)
    bold = replace(chosen, demonstration=replace(chosen.demonstration, variance=HALF_WAY_VARIANCE))
    half = from_demonstrations(bold, setting, Script(short=HALF_WAY), 2 * HALF_WAY)
    detail = {
        "rest": rest.detail(),
        "demonstration": whole.detail(),
        "half_way": half.detail(),
        "whole_ratio": rest.median / whole.samples.median,
    }
    return {RATIO.name: Reading(rest.median / max(whole.samples.median, half.samples.median), detail)}


DEMONSTRATION = Measurement((RATIO,), ratio, 3, 3, 0.5)
