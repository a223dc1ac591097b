"""Imitations of local controllers against behaviour cloning: same teachers, as much data, as many gradient steps, other starts.

Each arm is an experiment of its own. With the same seed they train the same teachers bit by bit, so that their differences are paired.
"""

from collections.abc import Mapping
from statistics import median
from typing import Any

from robot_learning.run.bench.figure import Figure, Measurement, Reading
from robot_learning.run.bench.trial import trained
from robot_learning.run.imitation_learners import DIVERGENCE, FAILED

BASE = "cloning"
ARMS = ("dagger", "plato", "nearest")
SEEDS = 6


def _difference(prefix: str, name: str, more: str = "") -> Figure:
    what = f"reach_jitter, success on 20 held-out starts: {name} minus behaviour cloning, paired by seed; last iterates{more}"
    return Figure(f"{prefix}_minus_bc_low", "% points", "> 0", "> 0", what, "low")


DAGGER = _difference("dagger", "DAgger")
PLATO = _difference("plato", "PLATO")
NEAREST = _difference("nearest_neighbour", "the nearest local controller")
FAILURES = Figure(
    "plato_training_failures",
    "episodes",
    "<= 0",
    "<= 0",
    "training episodes of PLATO's teachers after they began to follow the learner that did not end within 2 cm of the target; "
    "those of DAgger's learner, of as many, are in the detail",
)


def differences(seed: int, quick: bool) -> Mapping[str, Reading]:
    """One seed of each arm."""
    settings = ["evaluation.every=2", *(["conditions.train=2", "conditions.heldout=4", "rollouts=3"] if quick else [])]
    found = {arm: trained(f"jitter_{arm}", seed, settings) for arm in (BASE, *ARMS)}
    base = _rate(found[BASE])
    details = {arm: _detail(content) for arm, content in found.items()}
    readings = {
        figure.name: Reading(_rate(found[arm]) - base, {arm: details[arm], BASE: details[BASE]})
        for figure, arm in zip((DAGGER, PLATO, NEAREST), ARMS, strict=True)
    }
    failures = {arm: details[arm]["failed_training_episodes"] for arm in (BASE, "dagger", "plato")}
    return {**readings, FAILURES.name: Reading(sum(failures["plato"]), {"by_iteration": failures})}


def _heldout(content: Mapping[str, Any], iterate: str) -> list[Any]:
    return [o for o in content["final"][iterate] if o["controller"] == "policy" and o["split"] == "heldout"]


def _rate(content: Mapping[str, Any]) -> float:
    """Percentage of the held-out starts from which the last iterate succeeds."""
    outcomes = _heldout(content, "last")
    return 100.0 * sum(o["success"] for o in outcomes) / len(outcomes)


def _detail(content: Mapping[str, Any]) -> dict[str, Any]:
    lessons = [i["policy"] for i in content["iterations"] if FAILED in i["policy"]]
    config, last = content["config"], _heldout(content, "last")
    return {
        "heldout": sum(o["success"] for o in last),
        "heldout_best_iterate": sum(o["success"] for o in _heldout(content, "best")),
        "of": len(last),
        "median_distance_m": median(o["distance"] for o in last),
        "largest_distance_m": max(o["distance"] for o in last),
        "labelled_episodes": len(lessons) * config["rollouts"] * config["conditions"]["train"],
        "gradient_steps": len(lessons) * config["fit"]["steps"] if lessons else 0,
        "failed_training_episodes": [int(lesson[FAILED]) for lesson in lessons],
        "divergence_from_learner": [lesson[DIVERGENCE] for lesson in lessons if DIVERGENCE in lesson],
    }


IMITATION = Measurement((DAGGER, PLATO, NEAREST, FAILURES), differences, SEEDS, 6, 0.5)
