"""What the learning curves of docs/algorithms show, and the trainings that they come from. run/bench/curve_files.py draws them."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any, NamedTuple

from robot_learning.run.bench import curve_sources
from robot_learning.run.bench.trial import trained

Points = list[tuple[float, float]]  # in the order of x
Read = Callable[[list[Any]], float]  # of the outcomes of an evaluation
SAMPLES = "training rollouts per condition"


class Curve(NamedTuple):
    """One picture."""

    name: str  # of the file
    title: str
    y_label: str
    measure: Callable[[int], Mapping[str, Points]]  # seed -> points by label
    x_label: str = SAMPLES
    seeds: int = 3
    log: bool = False
    marks: tuple[tuple[str, float], ...] = ()
    y_from: float | None = None
    y_to: float | None = None


class Arm(NamedTuple):
    """One line: whose outcomes of which training."""

    label: str
    experiment: str
    controller: str = "policy"
    split: str = "train"
    settings: tuple[str, ...] = ()


def success(outcomes: list[Any]) -> float:
    """Percentage of the conditions."""
    return 100.0 * sum(o["success"] for o in outcomes) / len(outcomes)


def distance(outcomes: list[Any]) -> float:
    """Median final distance, cm; an episode that did not end by itself is infinitely far."""
    return 100.0 * median(float("inf") if o["distance"] is None else o["distance"] for o in outcomes)


def learned(arms: Sequence[Arm], read: Read, seed: int) -> dict[str, Points]:
    """What evaluations said after each iteration, of one seed; arms of the same training share it."""
    trainings: dict[tuple[str, tuple[str, ...]], Any] = {}
    found: dict[str, Points] = {}
    for arm in arms:
        key = arm.experiment, arm.settings
        if key not in trainings:
            trainings[key] = trained(arm.experiment, seed, ["evaluation.cameras=[]", *arm.settings])
        found[arm.label] = []
        for iteration in trainings[key]["iterations"]:
            judged = [o for o in iteration["outcomes"] if (o["controller"], o["split"]) == (arm.controller, arm.split)]
            if judged:
                found[arm.label].append((iteration["samples"], read(judged)))
    return found


def _reach(name: str, title: str, experiment: str) -> Curve:
    arms = (Arm("training targets", experiment), Arm("held-out targets", experiment, split="heldout"))
    return Curve(name, title, "median distance, cm", partial(learned, arms, distance), log=True, marks=(("success", 2.0),))


def _successes(name: str, title: str, arms: Sequence[Arm], seeds: int = 3) -> Curve:
    return Curve(name, title, "% of conditions", partial(learned, arms, success), seeds=seeds, y_from=0, y_to=100)


LOCAL = (Arm("reach", "reach_local", "local"), Arm("peg", "peg_local", "local"), Arm("peg, steady updates", "peg_steady", "local"))
IMITATION = (
    Arm("cloning", "jitter_cloning", split="heldout"),
    Arm("DAgger", "jitter_dagger", split="heldout"),
    Arm("PLATO", "jitter_plato", split="heldout"),
    Arm("nearest", "jitter_nearest", split="heldout"),
)
PRIORS = tuple(
    Arm(kind, "reach_local", "local", settings=("iterations=8", f"local.prior={kind}")) for kind in ("none", "gaussian", "gmm", "neural")
)
STEADY = (
    Arm("teachers", "peg_policy", "local"),
    Arm("policy, training", "peg_policy"),
    Arm("policy, held-out", "peg_policy", split="heldout"),
)
PLANNING = tuple(
    Arm(label, "reach_mpc", split=split, settings=("evaluation.every=1",))
    for label, split in (("training targets", "train"), ("new targets, first trial", "heldout"))
)

CURVES = (
    _successes("local_gps", "Local controllers: noise-free success", LOCAL),
    _reach("mdgps", "MDGPS on reach: the global policy", "reach_state"),
    _reach("badmm", "BADMM on reach: the global policy", "reach_badmm"),
    _reach("augmented_lagrangian", "Augmented Lagrangian on reach: the global policy", "reach_alm"),
    _successes("imitation", "reach_jitter: success on 20 held-out starts", IMITATION),
    Curve(
        "dynamics_priors",
        "Local controllers on reach, by the prior of the dynamics",
        "median distance, cm",
        partial(learned, PRIORS, distance),
        log=True,
        marks=(("success", 1.0),),
        y_from=0.01,
    ),
    _successes("puck", "Local controllers on puck: noise-free success", (Arm("puck", "puck_local", "local"),)),
    _successes("steady_gps", "Steady policy on the peg, 4 mm clearance", STEADY),
    Curve(
        "demonstrations",
        "peg_insertion, by where the first controllers come from",
        "median distance, cm",
        curve_sources.peg_starts,
        log=True,
        marks=(("success", 1.5),),
        y_from=0.01,
    ),
    _successes("mpc", "Planning at every step on one network: reach", PLANNING),
    Curve("ilqr", "iLQR on the simulator: reach", "cost of an episode", curve_sources.ilqr_costs, "backward passes"),
    Curve(
        "cartpole",
        "Published CartPole: the noise-free global policy",
        "mean return",
        curve_sources.cartpole,
        "thousand steps of the environment",
        seeds=5,
        marks=(("best of all: 200", 200.0), ("published GPS: 14", 14.4)),
        y_from=0,
        y_to=200,
    ),
)
