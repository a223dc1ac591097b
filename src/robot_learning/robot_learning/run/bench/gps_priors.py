"""How many samples local controllers need with each prior of the dynamics, and without one."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from statistics import median_high
from typing import NamedTuple

from robot_learning.run import experiment
from robot_learning.run.bench.figure import Reading
from robot_learning.run.bench.local_training import steps
from robot_learning.run.setting import prepare

EXPERIMENTS = {"reach": "reach_local", "peg": "peg_steady"}  # with contact, plain updates are lost at times, with or without a prior
GRID = (40, 20, 10, 5)  # rollouts an iteration without a prior; the sooner a good one comes, the sooner others are stopped
MOST = 600  # rollouts of a condition without a prior
GRID_WITH_PRIOR = (5, 2)
MOST_WITH_PRIOR = 150


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


def best_of(prior: str, name: str, seed: int, settings: Sequence[str], grid: Sequence[int], most: int) -> dict[int, Samples]:
    """The samples by rollouts an iteration. A training that can no longer do better than the best before it is stopped."""
    arms: dict[int, Samples] = {}
    for rollouts in grid:
        best = min([most, *(arm.median for arm in arms.values())])
        arms[rollouts] = samples(name, seed, [f"local.prior={prior}", *settings], rollouts, best)
    return arms


class Comparison(NamedTuple):
    """One experiment with each prior: what each number of rollouts an iteration, of a grid, led to."""

    arms: Mapping[str, Mapping[int, Samples]]

    def best(self, prior: str) -> int:
        """The smallest of the grid's medians."""
        return min(arm.median for arm in self.arms[prior].values())

    def ratio(self, prior: str) -> float:
        """How many times as many samples it takes without a prior; at least so many where no training without one succeeded."""
        return self.best("none") / self.best(prior)

    def detail(self, *priors: str) -> dict[str, object]:
        """What a result file tells."""
        return {p: {"best": self.best(p), **{str(n): arm.detail() for n, arm in self.arms[p].items()}} for p in priors}


def compared(name: str, seed: int, quick: bool) -> Comparison:
    """Local controllers of an experiment with each prior and without one."""
    settings = ["conditions.train=2"] if quick else []
    most, grid = (60, GRID[1:2]) if quick else (MOST, GRID)
    most_with, grid_with = (30, GRID_WITH_PRIOR[:1]) if quick else (MOST_WITH_PRIOR, GRID_WITH_PRIOR)
    arms = {p: best_of(p, name, seed, settings, grid_with, most_with) for p in ("gmm", "neural")}
    return Comparison({**arms, "none": best_of("none", name, seed, settings, grid, most)})


def ratios(seed: int, quick: bool) -> Mapping[str, Reading]:
    """By how much the mixture saves samples on reach and on peg, and the network on the one on which it saves less."""
    found = {task: compared(name, seed, quick) for task, name in EXPERIMENTS.items()}
    networks = {task: comparison.ratio("neural") for task, comparison in found.items()}
    details = {task: comparison.detail("neural") for task, comparison in found.items()}
    return {
        **{f"prior_ratio_{task}": Reading(each.ratio("gmm"), each.detail("gmm", "none")) for task, each in found.items()},
        "nn_prior_ratio": Reading(min(networks.values()), {"ratios": networks, **details}),
    }
