"""Local controllers for contact tasks: an update whose rollouts are clearly worse than those before it is taken back.

Where contact makes dynamics jump, fitted linear ones are wrong just beyond the states that were seen, and a step that its model
promised much of may end beside the hole. So a controller is on trial until its own rollouts have been seen. Per condition:

    rollouts of the controller on trial not clearly worse than those of the kept one:  it becomes the kept one;
    clearly worse:  the kept controller is improved anew, from its own rollouts, within half of the step that failed.

Nothing else is measured for that: the rollouts are those of plain local updates (algorithms/local_gps.py). A controller that stays on
the rim is in a valley of the cost that steps do not lead out of. If none of the kept rollouts succeeds after some iterations, the
condition begins afresh (`restart`), with a prior of the dynamics that has learned from all conditions meanwhile.

    state = steady_local.start(controllers, config)
    for iteration in range(iterations):  # in the last one `settle` instead of `update`: only what was tried is kept
        requests = [EpisodeRequest(c, at(state.local.controllers, i), seed=…) for i, c in enumerate(conditions) for _ in range(5)]
        state, report, refused = steady_local.update(state, rollouts(runner.run(requests), len(conditions)), task, config, errors, seed)
        state, again = steady_local.restart(state, controllers, task, config, patience)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.algorithms import acceptance, local_gps
from robot_learning.algorithms.local_gps import LocalConfig, LocalReport, LocalState
from robot_learning.control.kl_lqr import Bond
from robot_learning.core.types import Array, LinearGaussian, Rollouts
from robot_learning.tasks.cost import cost
from robot_learning.tasks.description import TaskConfig
from robot_learning.tasks.success import success


class Kept(NamedTuple):
    """What a condition returns to."""

    controllers: LinearGaussian  # (C, T, …)
    rollouts: Rollouts  # theirs, (C, N, …)


class SteadyState(NamedTuple):
    """All that the next update depends on."""

    local: LocalState  # with the controllers on trial
    kept: Kept | None  # None: nothing has been measured yet
    age: NDArray[np.int_]  # (C,), how often rollouts were judged since a condition began; 0: the next ones are kept whatever they are


def start(controllers: LinearGaussian, config: LocalConfig) -> SteadyState:
    """The state before the first rollouts, with the first controllers (C, T, …)."""
    return SteadyState(local_gps.start(controllers, config), None, np.zeros(len(controllers.k), dtype=int))


def update(
    state: SteadyState, rollouts: Rollouts, task: TaskConfig, config: LocalConfig, errors: float, seed: int
) -> tuple[SteadyState, LocalReport, NDArray[np.bool_]]:
    """The next state, what the update did, and where (C,) the last one was taken back; `rollouts` are those of the controllers on trial.

    errors: standard errors of the difference from which a mean cost counts as clearly worse.
    """
    kept, refused = judge(state, rollouts, task, errors)
    state, report = improve(state, kept, refused, task, config, seed)
    return state, report, refused


def improve(
    state: SteadyState, kept: Kept, refused: NDArray[np.bool_], task: TaskConfig, config: LocalConfig, seed: int, bond: Bond | None = None
) -> tuple[SteadyState, LocalReport]:
    """Controllers on trial that are better than what `judge` kept, and nearer to a policy if a `bond` ties them to one."""
    tried = state.local._replace(predicted=np.where(refused, 0.0, state.local.predicted))  # nothing came of it: half the step
    evidence = local_gps.evaluate(tried, kept.rollouts, task, config, seed)
    local, report = local_gps.improve(tried, kept.controllers, evidence, config, bond=bond)
    return SteadyState(local, kept, state.age + 1), report


def restart(
    state: SteadyState, first: LinearGaussian, task: TaskConfig, config: LocalConfig, patience: int
) -> tuple[SteadyState, NDArray[np.bool_]]:
    """Begin afresh, with the `first` controllers (C, T, …), where no kept rollout succeeds at an age of `patience`; and where (C,)."""
    stuck = np.zeros(len(state.age), dtype=bool) if state.kept is None else ~able(state.kept, task)
    again = stuck & (state.age >= patience)
    K, k, covariance = (_where(again, new, now) for now, new in zip(state.local.controllers, first, strict=True))
    old = state.local
    local = old._replace(
        controllers=LinearGaussian(K, k, covariance),
        step=np.where(again, config.kl_step, old.step),
        eta=np.where(again, 0.0, old.eta),
        predicted=np.where(again, 0.0, old.predicted),
        cost=np.where(again, np.nan, old.cost),
    )
    return state._replace(local=local, age=np.where(again, 0, state.age)), again


def elsewhere(state: SteadyState) -> SteadyState:
    """The same controllers where episodes have changed, so that what was measured before counts no more: the next trial is kept."""
    return state._replace(age=np.zeros_like(state.age))


def able(kept: Kept, task: TaskConfig) -> NDArray[np.bool_]:
    """Where (C,) any of the kept rollouts succeeds."""
    found: NDArray[np.bool_] = np.any(success(task, kept.rollouts.states[..., -1, :], global_policy=False), axis=-1)
    return found


def judge(state: SteadyState, rollouts: Rollouts, task: TaskConfig, errors: float) -> tuple[Kept, NDArray[np.bool_]]:
    """What is kept after `rollouts` of the controllers on trial, and where (C,) these were refused."""
    if state.kept is None:
        return Kept(state.local.controllers, rollouts), np.zeros(len(rollouts.states), dtype=bool)
    refused = acceptance.clearly_worse(paid(task, rollouts), paid(task, state.kept.rollouts), errors) & (state.age > 0)
    trial, kept = (*state.local.controllers, *rollouts), (*state.kept.controllers, *state.kept.rollouts)
    K, k, covariance, states, actions = (_where(refused, old, new) for old, new in zip(kept, trial, strict=True))
    return Kept(LinearGaussian(K, k, covariance), Rollouts(states, actions)), refused


def settle(state: SteadyState, rollouts: Rollouts, task: TaskConfig, errors: float) -> tuple[SteadyState, NDArray[np.bool_]]:
    """The end: `rollouts` of the controllers on trial are judged, and what is kept acts from now on; where (C,) the trial was refused."""
    kept, refused = judge(state, rollouts, task, errors)
    return state._replace(local=state.local._replace(controllers=kept.controllers), kept=kept), refused


def paid(task: TaskConfig, rollouts: Rollouts) -> Array:
    """The cost (C, N) of each rollout."""
    total: Array = np.sum(cost(task, *rollouts), axis=-1)
    return total


def _where(chosen: NDArray[np.bool_], these: Array, others: Array) -> Array:
    return np.where(chosen.reshape(-1, *[1] * (these.ndim - 1)), these, others)
