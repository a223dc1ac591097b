"""Thousands of random local updates: what breaks, and what of the well-posed ones is not as good as it should be.

Divergences and costs are those of the returned controllers by their definitions (run/bench/by_definition.py); the divergence that the
update tells has to keep the same bounds. The cost of well-posed problems is definite, so that without the limit the best controller
would not be random at all, infinitely far away: the limit always binds.
"""

import traceback
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from robot_learning.algorithms import dynamics
from robot_learning.control import kl_lqr
from robot_learning.core import gmm
from robot_learning.core.types import Dynamics, LinearGaussian, StateGaussian
from robot_learning.run.bench import by_definition
from robot_learning.run.bench.figure import Figure, Reading
from robot_learning.run.bench.random_problems import Problem, draw

PROBLEMS, QUICK = 2000, 200  # for each seed
ROUNDING = 1e-12  # nats, of a divergence that is 0
MOST_COMPONENTS, POINTS_PER_COMPONENT = 4, 40

COUNTS = {
    "exceptions": "exceptions",
    "nonfinite": "controllers with a number that is not finite",
    "negative_kl": "negative KL divergences",
    "kl_above": "KL divergences, by definition, above 1.1 of the limit",
}
SHARES = {
    "wellposed_rejected_pct": "rejected updates",
    "wellposed_kl_below_pct": "KL divergences, by definition, below 0.9 of the limit, which always binds",
    "wellposed_cost_not_lower_pct": "updates that do not lower the expected cost under the true system, by definition",
}
WHAT = f"{PROBLEMS} random updates a seed, every second one ill-posed: "
FIGURES = (
    *(Figure(f"robustness_{name}", "of all", "<= 0", "<= 0", WHAT + what) for name, what in COUNTS.items()),
    *(Figure(f"robustness_{name}", "% of the well-posed", "<= 1", "<= 0", WHAT + what) for name, what in SHARES.items()),
)


class Solved(NamedTuple):
    """An update and what was fitted for it."""

    step: kl_lqr.KlStep
    model: Dynamics
    initial: StateGaussian


def robustness(seed: int, quick: bool) -> Mapping[str, Reading]:
    """The counts for one seed."""
    number = QUICK if quick else PROBLEMS
    found: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for index in range(number):
        for fault in faults(np.random.default_rng([seed, index]), index % 2 == 0):
            name, _, text = fault.partition(": ")
            found[name] += 1
            examples.setdefault(name, f"problem {index}: {text}")
    detail = {"problems": number, "well_posed": (number + 1) // 2}
    well_posed = detail["well_posed"] / 100
    values = {name: float(found[name]) for name in COUNTS} | {name: found[name] / well_posed for name in SHARES}
    return {f"robustness_{name}": Reading(value, detail | {"first": examples.get(name, "")}) for name, value in values.items()}


def faults(rng: np.random.Generator, well_posed: bool) -> list[str]:
    """What is wrong with the update of one problem, as "<figure>: <text>"."""
    problem = draw(rng, well_posed)
    try:
        step, model, initial = solve(problem, int(rng.integers(2**31)))
    except Exception as error:  # noqa: BLE001 (that is what is counted)
        where = traceback.extract_tb(error.__traceback__)[-1]
        return [f"exceptions: {type(error).__name__}: {error} ({where.name}, line {where.lineno})"]
    if not all(np.all(np.isfinite(part)) for part in step.controller) or not np.isfinite(step.kl[0]):
        return ["nonfinite: a number that is not finite"]
    told, limit, outcome = float(step.kl[0]), problem.limit, step.outcome[0]
    kl, kept = by_definition.divergence(model, step.controller, problem.controller, initial), outcome.startswith("rejected")
    found = {"negative_kl": told < 0.0 or kl < -ROUNDING, "kl_above": not max(told, kl) <= 1.1 * limit}
    if well_posed:
        found["wellposed_rejected_pct"] = kept
        found["wellposed_kl_below_pct"] = not kept and min(told, kl) < 0.9 * limit
        found["wellposed_cost_not_lower_pct"] = not kept and not lower(problem, step.controller)
    return [f"{name}: KL {kl:.4g}, told {told:.4g}, of {limit:.4g}, {outcome}" for name, wrong in found.items() if wrong]


def solve(problem: Problem, seed: int) -> Solved:
    """One local update: prior, fit, regulator."""
    prior = None
    if problem.with_prior:
        points = dynamics.transitions(problem.rollouts)
        points = points.reshape(-1, points.shape[-1])
        prior = gmm.fit(points, max(1, min(MOST_COMPONENTS, len(points) // POINTS_PER_COMPONENT)), seed).mixture
    model, initial = dynamics.fit(problem.rollouts, prior), dynamics.initial_state(problem.rollouts)
    return Solved(kl_lqr.update(model, problem.cost, problem.controller, initial, np.array([problem.limit])), model, initial)


def lower(problem: Problem, controller: LinearGaussian) -> bool:
    """Whether the expected cost of a controller under the true system is below that of the one that made the rollouts."""
    old, new = (by_definition.expected_cost(problem.truth, c, problem.initial, problem.cost) for c in (problem.controller, controller))
    return new < old
