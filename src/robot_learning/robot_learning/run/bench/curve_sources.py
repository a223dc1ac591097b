"""Learning curves that are not simply a training's evaluations."""

from collections.abc import Mapping
from contextlib import closing
from statistics import mean, median
from typing import Any

from robot_learning.algorithms import steady_local
from robot_learning.run import experiment
from robot_learning.run.bench import gps_cartpole, gps_demonstration
from robot_learning.run.bench.local_training import steps
from robot_learning.run.bench.scripted import Script
from robot_learning.run.bench.trial import trained
from robot_learning.run.demonstrations import following
from robot_learning.run.in_process import InProcess
from robot_learning.run.setting import Setting, prepare

Points = list[tuple[float, float]]
PEG_ITERATIONS = 10
PASSES = 6


def peg_starts(seed: int) -> dict[str, Points]:
    """Median final distances, cm, from rest and from demonstrations that end half-way in the hole."""
    changes = [f"seed={seed}", f"conditions.seed={seed}", f"iterations={PEG_ITERATIONS}"]
    rest = experiment.load(gps_demonstration.NAME, changes)
    bold = experiment.load(gps_demonstration.NAME, [*changes, f"demonstration.variance={gps_demonstration.HALF_WAY_VARIANCE}"])
    setting = prepare(rest)
    runner = InProcess.of(setting)
    try:
        half_way = Script(short=gps_demonstration.HALF_WAY)
        shown = gps_demonstration.demonstrate(setting, runner, half_way, 2 * gps_demonstration.HALF_WAY)
    finally:
        runner.close()
    first = following(setting, shown.episodes, bold.demonstration.variance)
    arms = {"from rest": (rest, None, 0.0), "demonstrated half-way": (bold, steady_local.start(first, bold.local), median(shown.tries))}
    return {label: _distances(chosen, setting, start, tries) for label, (chosen, start, tries) in arms.items()}


def _distances(chosen: experiment.Experiment, setting: Setting, start: Any, tries: float) -> Points:
    with closing(steps(chosen, setting, start)) as training:
        return [(tries + step.samples, 100.0 * median(o.distance for o in step.outcomes)) for step in training]


def ilqr_costs(seed: int) -> dict[str, Points]:
    """Mean cost of the noise-free episodes after each backward pass."""
    content = trained("reach_ilqr", seed, ["ilqr.iterations=1", f"iterations={PASSES}"])
    last = [o["cost"] for o in content["final"]["last"]]
    costs = [*(list(i["costs"].values()) for i in content["iterations"]), last]
    return {"controllers": [(passes, mean(found)) for passes, found in enumerate(costs)]}


def cartpole(seed: int) -> Mapping[str, Points]:
    """Mean returns after each iteration, by thousands of steps."""
    detail = gps_cartpole.cartpole_return(seed, False)[gps_cartpole.CARTPOLE.name].detail
    return {"global policy": [(step / 1000, earned) for step, earned in zip(detail["steps"], detail["returns"], strict=True)]}
