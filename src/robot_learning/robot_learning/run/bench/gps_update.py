"""What learning costs beside simulation: CPU time of one whole update with a policy, with the settings of the experiments as they are."""

import statistics
from collections.abc import Mapping
from functools import partial

from robot_learning.run.bench.figure import Figure, Measurement, Reading
from robot_learning.run.bench.spine_speed import Explored, explored, repeated

BY_MIRROR_DESCENT = "reach_state"
EXPERIMENTS = (BY_MIRROR_DESCENT, "reach_badmm", "reach_alm")
SIZE = ["conditions.train=4", "conditions.heldout=0"]

FULL = Figure(
    "full_update_cpu_s",
    "CPU-s",
    "<= 3",
    "<= 1",
    "one whole update of 4 conditions × 5 rollouts × 100 steps × 32 states with a full memory: mixture, fit, regulator and policy, by "
    "mirror descent; median of repetitions. The updates with multipliers, in two turns each, are in the detail",
)


def full_update(seed: int, quick: bool) -> Mapping[str, Reading]:
    """Median CPU seconds of `update`; no simulation."""
    found = {name: explored(name, seed, SIZE) for name in (EXPERIMENTS[:1] if quick else EXPERIMENTS)}
    times = {name: repeated(partial(update, one), quick) for name, one in found.items()}
    medians = {name: statistics.median(all_of) for name, all_of in times.items()}
    chosen, data = found[BY_MIRROR_DESCENT].chosen, found[BY_MIRROR_DESCENT].data
    detail = {
        "all": times[BY_MIRROR_DESCENT],
        "by_experiment": medians,
        "fit_steps": chosen.fit.steps,
        "fit_batch": chosen.fit.batch,
        "hidden": list(chosen.hidden),
        "shape": [*data.actions.shape[:3], data.states.shape[-1]],
    }
    return {FULL.name: Reading(medians[BY_MIRROR_DESCENT], detail)}


def update(training: Explored, turn: int) -> None:
    """The next update of a training, with other random numbers at each turn."""
    training.learner.update(training.state, training.episodes, training.chosen.local.memory + 1 + turn)


UPDATE = Measurement((FULL,), full_update, 1, 0.7, 0.2)
