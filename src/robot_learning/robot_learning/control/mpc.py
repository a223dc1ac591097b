"""Model-predictive control: at every step, iLQR plans H steps ahead from the measured state, and the first action is taken.

Each plan starts from the one before, shifted by one step and run as a controller, with its gains, from where the system really is;
so a few iterations are enough, and their number is bounded (Tassa, Erez and Todorov 2012). When a plan cannot be improved the
shifted one goes on, and says so. Nothing is remembered here: the plan is an argument.

    plan = mpc.start(first)                                      # controllers (C, H, …): at rest, or around a demonstration
    for _ in range(steps):
        decision = mpc.replan(problem, measured, plan, config)   # problem = mpc.on_model(model, cost, expand)
        plan = mpc.shifted(decision.plan)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from robot_learning.control import ilqr
from robot_learning.control.ilqr import IlqrConfig, Problem
from robot_learning.core.matrices import apply
from robot_learning.core.types import Array, LinearGaussian, QuadraticCost

REPLANNED, KEPT = "replanned", "kept the shifted plan"


class Model(Protocol):
    """Dynamics that were learned, the same at every step."""

    def mean(self, states: Array, actions: Array) -> Array:
        """The expected next states (N, dx) after actions (N, du) in states (N, dx)."""
        ...

    def derivatives(self, states: Array, actions: Array) -> Array:
        """The mean's derivative ∂x'/∂[x; u] (N, dx, dx + du) there."""
        ...


@dataclass(frozen=True)
class MpcConfig:
    """Settings."""

    __pydantic_config__ = {"extra": "forbid"}

    iterations: int = 5  # of iLQR per step, at most
    tolerance: float = 1e-4  # as in ilqr.py


class Plan(NamedTuple):
    """What C systems mean to do in the next H steps."""

    controller: LinearGaussian  # (C, H, …), absolute
    actions: Array  # (C, H, du), of the path; taken as they are where the measured state is of no use


class Decision(NamedTuple):
    """What to do now."""

    action: Array  # (C, du), always finite if the plan was
    plan: Plan  # from now on
    cost: Array  # (C,), of the plan under the model; inf where the model's run was not finite
    iterations: int  # of iLQR
    outcome: tuple[str, ...]  # "replanned", or "kept the shifted plan: <why>"


def on_model(model: Model, cost: Callable[[Array, Array], Array], expand: Callable[[Array, Array], QuadraticCost]) -> Problem:
    """Planning on a learned `model`; for `cost` and `expand` see ilqr.Problem."""
    return Problem(model.mean, model.derivatives, cost, expand)


def start(first: LinearGaussian) -> Plan:
    """The plan to follow controllers `first` (C, H, …); before a path is known, their offsets are its actions."""
    return Plan(first, np.array(first.k, dtype=float))


def shifted(plan: Plan) -> Plan:
    """The same plan one step later; the last step is done twice."""
    later = np.minimum(np.arange(plan.actions.shape[1]) + 1, plan.actions.shape[1] - 1)
    return Plan(LinearGaussian(*(part[:, later] for part in plan.controller)), plan.actions[:, later])


def replan(problem: Problem, states: Array, plan: Plan, config: MpcConfig | None = None) -> Decision:
    """The actions in the measured `states` (C, dx), and the better plan, from a `plan` that begins now."""
    config = config or MpcConfig()
    known = np.all(np.isfinite(states), axis=-1)
    solution = ilqr.solve(problem, np.where(known[:, None], states, 0.0), plan.controller, IlqrConfig(config.iterations, config.tolerance))
    good = known & np.isfinite(solution.cost)
    controller = LinearGaussian(
        *(
            np.where(good.reshape(-1, 1, 1, *[1] * (old.ndim - 3)), new, old)
            for new, old in zip(solution.controller, plan.controller, strict=True)
        )
    )
    actions = np.where(good[:, None, None], solution.path.actions, plan.actions)
    outcome = tuple(
        _outcome(bool(k), bool(solution.accepted[i]), why) for i, (k, why) in enumerate(zip(known, solution.outcome, strict=True))
    )
    return Decision(_first_action(states, good, plan, solution), Plan(controller, actions), solution.cost, len(solution.costs) - 1, outcome)


def _outcome(known: bool, improved: bool, solver: str) -> str:
    if not known:
        return f"{KEPT}: the measured state is not finite"
    return REPLANNED if improved or solver == ilqr.CONVERGED else f"{KEPT}: {solver}"


def _first_action(states: Array, good: Array, plan: Plan, solution: ilqr.Solution) -> Array:
    """The new path's first action; else what the old plan does in this state; else the old path's action."""
    with np.errstate(all="ignore"):
        reaction = apply(plan.controller.K[:, 0], states) + plan.controller.k[:, 0]
    usable = np.all(np.isfinite(reaction), axis=-1)
    fallback = np.where(usable[:, None], reaction, plan.actions[:, 0])
    action: Array = np.where(good[:, None], solution.path.actions[:, 0], fallback)
    return action
