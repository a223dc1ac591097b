"""A peg into a hole: how often local controllers get it in and after how many samples, and what a global policy makes of that."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from robot_learning.run.bench.figure import Figure, Measurement, Reading
from robot_learning.run.bench.trial import trained

TRAININGS, QUICK_TRAININGS = 3, 1  # of four controllers each, whose insertions are counted together
LATER = 10  # that much above the benchmark's seed begin those of the trainings: 100 to 102 were looked at while these methods were built
SEEDS = "seeds from 110 on, since 100 to 102 were looked at while this was built"

INSERTED = (
    "of 12 local controllers (3 trainings × 4 holes, 12 iterations × 5 rollouts) whose tip ends within 1.5 cm of the bottom; last iterate; "
    + SEEDS
)
INSERTED_4 = Figure("peg4_inserted", "of 12", ">= 11", ">= 12", f"peg, 4 mm clearance a side: {INSERTED}")
SAMPLES_4 = Figure(
    "peg4_samples_median", "rollouts", "<= 25", "<= 15", "the same: rollouts of a hole until its controller first succeeds; median"
)
INSERTED_2 = Figure("peg2_inserted", "of 12", ">= 10", ">= 12", f"peg, 2 mm clearance a side: {INSERTED}")
TRAIN = Figure(
    "peg_global_train_last_worst",
    "of 4",
    ">= 3",
    ">= 4",
    "peg, 4 mm, one network for all holes, last iterate: training holes with the tip within 1.5 cm of the bottom; best one in the detail; "
    + SEEDS,
)
HELDOUT = Figure("peg_global_heldout_last_worst", "of 8", ">= 5", ">= 7", "the same network, holes in places that it was not trained on")


def peg4(seed: int, quick: bool) -> Mapping[str, Reading]:
    """Insertions and samples of three trainings with 4 mm clearance."""
    runs = _local("peg_steady", seed, quick)
    samples = [count for run in runs.values() for count in run["samples"].values()]
    return {
        INSERTED_4.name: Reading(sum(run["last"] for run in runs.values()), {"by_training": runs}),
        SAMPLES_4.name: Reading(median(samples), {"samples": sorted(samples)}),
    }


def peg2(seed: int, quick: bool) -> Mapping[str, Reading]:
    """Insertions of three trainings with 2 mm clearance."""
    runs = _local("peg_steady_2mm", seed, quick)
    return {INSERTED_2.name: Reading(sum(run["last"] for run in runs.values()), {"by_training": runs})}


def policy(seed: int, quick: bool) -> Mapping[str, Reading]:
    """Insertions of one training's last policy."""
    settings = ["iterations=5", "teaching=3", "steady.alone=1", "fit.steps=200"] if quick else []
    content = trained("peg_policy", seed + LATER, settings)
    final, found = content["final"], {}
    for figure, split in ((TRAIN, "train"), (HELDOUT, "heldout")):
        last, best = (_of(final[iterate], "policy", split) for iterate in ("last", "best"))
        detail = {
            "last": _successes(last),
            "best": _successes(best),
            "best_iteration": final["best_iteration"],
            "distances_m": [o["distance"] for o in last],
            "by_iteration": [_successes(_of(i["outcomes"], "policy", split)) for i in content["iterations"]],
            "samples_per_condition": content["samples_per_condition"],
            "seed_of_the_training": seed + LATER,
        }
        found[figure.name] = Reading(_successes(last), detail)
    return found


def _local(experiment: str, seed: int, quick: bool) -> dict[str, Any]:
    """What the controllers of some trainings reach, by seed."""
    settings = ["iterations=3"] if quick else []
    seeds = range(seed + LATER, seed + LATER + (QUICK_TRAININGS if quick else TRAININGS))
    return {str(each): _reached(trained(experiment, each, settings)) for each in seeds}


def _reached(content: Mapping[str, Any]) -> dict[str, Any]:
    final, rollouts = content["final"], content["config"]["rollouts"]
    samples = {o["condition"]: content["samples_per_condition"] + rollouts for o in final["last"]}  # more than there were: never
    for iteration in content["iterations"]:
        for o in iteration["outcomes"]:
            if o["success"]:
                samples[o["condition"]] = min(samples[o["condition"]], iteration["samples"])
    last, best = (_of(final[iterate], "local", "train") for iterate in ("last", "best"))
    return {"last": _successes(last), "best": _successes(best), "samples": samples, "distances_m": [o["distance"] for o in last]}


def _of(outcomes: list[Any], controller: str, split: str) -> list[Any]:
    return [o for o in outcomes if o["controller"] == controller and o["split"] == split]


def _successes(outcomes: list[Any]) -> int:
    return sum(o["success"] for o in outcomes)


PEG = (
    Measurement((INSERTED_4, SAMPLES_4), peg4, 1, 4, 0.3),
    Measurement((INSERTED_2,), peg2, 1, 4, 0.3),
    Measurement((TRAIN, HELDOUT), policy, 5, 10, 0.5),
)
