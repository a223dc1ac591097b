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


def prior_ratios(name: str, seed: int, quick: bool, figures: Mapping[str, str]) -> dict[str, Reading]:
    """By how much each prior saves samples: best of the grid without a prior, over 5 rollouts an iteration with it; medians.

    figures: the prior of each figure. Where no controller succeeded without a prior, the ratio is a lower bound.
    """
    settings = ["conditions.train=2"] if quick else []
    none = without_prior(name, seed, settings, 80 if quick else MOST, GRID[:1] if quick else GRID)
    best = min(arm.median for arm in none.values())
    arms = {str(rollouts): arm.detail() for rollouts, arm in none.items()}
    found = {}
    for figure, prior in figures.items():
        arm = samples(name, seed, [f"local.prior={prior}", *settings], ROLLOUTS, MOST_WITH_PRIOR)
        found[figure] = Reading(best / arm.median, {prior: arm.detail(), "none": best, "none_by_rollouts": arms})
    return found


def reach(seed: int, quick: bool) -> Mapping[str, Reading]:
    """The mixture and the network against no prior, on `reach`."""
    return prior_ratios("reach_local", seed, quick, {"prior_ratio_reach": "gmm", "nn_prior_ratio": "neural"})


def peg(seed: int, quick: bool) -> Mapping[str, Reading]:
    """The mixture against no prior, on `peg_insertion`."""
    return prior_ratios("peg_local", seed, quick, {"prior_ratio_peg": "gmm"})
