"""How many samples local controllers need with each prior of the dynamics, and without one."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from statistics import median_high
from typing import NamedTuple

from robot_learning.run import experiment
from robot_learning.run.bench.figure import Reading
from robot_learning.run.bench.local_training import steps
from robot_learning.run.setting import prepare

GRID = (40, 20, 10, 5)  # rollouts an iteration without a prior; what does best first saves most
MOST = 600  # rollouts of a condition without a prior
ROLLOUTS, MOST_WITH_PRIOR = 5, 150


class Samples(NamedTuple):
    """Training rollouts of each condition until its noise-free controller first succeeds."""

    by_condition: Mapping[str, int]  # `most` where it did not happen before
    most: int

    @property
    def median(self) -> int:
        """The larger one of the two in the middle: exact as soon as more than half of the conditions have succeeded."""
        return median_high(self.by_condition.values())

    def detail(self) -> dict[str, object]:
        """What a result file tells."""
        never = [name for name, count in self.by_condition.items() if count >= self.most]
        return {"median": self.median, "samples": dict(self.by_condition), "stopped_before_success": never}


def samples(name: str, seed: int, settings: Sequence[str], rollouts: int, most: int) -> Samples:
    """Training of an experiment in process, until all conditions have succeeded once or each has had `most` rollouts."""
    changes = [f"seed={seed}", f"conditions.seed={seed}", f"rollouts={rollouts}", f"iterations={most // rollouts}"]
    chosen = experiment.load(name, [*changes, *settings])
    setting = prepare(chosen)
    found = dict.fromkeys((condition.name for condition in setting.train), most)
    with closing(steps(chosen, setting)) as training:
        for step in training:
            for outcome in step.outcomes:
                if outcome.success:
                    found[outcome.condition] = min(found[outcome.condition], step.samples)
            if max(found.values()) < most:
                break
    return Samples(found, most)


def without_prior(name: str, seed: int, settings: Sequence[str], most: int, grid: Sequence[int]) -> dict[int, Samples]:
    """The samples by rollouts an iteration. One that can no longer do better than the best before it is stopped."""
    arms: dict[int, Samples] = {}
    for rollouts in grid:
        best = min([most, *(arm.median for arm in arms.values())])
        arms[rollouts] = samples(name, seed, ["local.prior=none", *settings], rollouts, best)
    return arms


class Comparison(NamedTuple):
    """One experiment without a prior and with each."""

    none: Mapping[int, Samples]  # by rollouts an iteration
    priors: Mapping[str, Samples]

    def ratio(self, prior: str) -> float:
        """How many times as many samples the best of the grid needs without a prior; at least so many where it was stopped."""
        return min(arm.median for arm in self.none.values()) / self.priors[prior].median

    def detail(self, prior: str) -> dict[str, object]:
        """What a result file tells."""
        return {prior: self.priors[prior].detail(), "none": {str(rollouts): arm.detail() for rollouts, arm in self.none.items()}}


def compared(name: str, seed: int, quick: bool) -> Comparison:
    """Local controllers of an experiment with 5 rollouts an iteration and each prior, and without one."""
    settings = ["conditions.train=2"] if quick else []
    priors = {prior: samples(name, seed, [f"local.prior={prior}", *settings], ROLLOUTS, MOST_WITH_PRIOR) for prior in ("gmm", "neural")}
    return Comparison(without_prior(name, seed, settings, 80 if quick else MOST, GRID[:1] if quick else GRID), priors)


def ratios(seed: int, quick: bool) -> Mapping[str, Reading]:
    """By how much the mixture saves samples on reach and on peg, and the network on the one on which it saves less."""
    found = {task: compared(f"{task}_local", seed, quick) for task in ("reach", "peg")}
    networks = {task: comparison.ratio("neural") for task, comparison in found.items()}
    details = {task: comparison.detail("neural")["neural"] for task, comparison in found.items()}
    return {
        **{f"prior_ratio_{task}": Reading(each.ratio("gmm"), each.detail("gmm")) for task, each in found.items()},
        "nn_prior_ratio": Reading(min(networks.values()), {"ratios": networks, **details}),
    }
