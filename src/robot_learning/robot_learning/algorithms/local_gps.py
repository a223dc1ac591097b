"""Guided policy search's inner half alone: one local controller per condition, learned from its own rollouts.

state = local_gps.start(controllers, config)
for iteration in range(iterations):
    requests = [EpisodeRequest(c, at(state.controllers, i), seed=…) for i, c in enumerate(conditions) for _ in range(5)]
    state, report = local_gps.update(state, rollouts(runner.run(requests), len(conditions)), task, config, seed)
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from robot_learning.algorithms import dynamics, step
from robot_learning.control import kl_lqr
from robot_learning.core import gmm
from robot_learning.core.types import Array, LinearGaussian, Rollouts
from robot_learning.tasks.cost import cost, expand_mean
from robot_learning.tasks.description import TaskConfig


@dataclass(frozen=True)
class LocalConfig:
    """Settings of the local updates."""

    __pydantic_config__ = {"extra": "forbid"}

    kl_step: float = 1.0  # nats per time step, at first
    kl_step_least: float = 0.1  # as a multiple of kl_step
    kl_step_most: float = 3.0
    mixture_components: int = 20  # of the dynamics prior; 0: no prior
    points_per_component: int = 150  # at least
    memory: int = 4  # iterations whose transitions the prior is fitted to
    covariance_floor: float = 0.0  # least variance of an action, squared action units


class LocalState(NamedTuple):
    """All that the next update depends on; arrays and NamedTuples of arrays only."""

    controllers: LinearGaussian  # (C, T, …)
    step: Array  # (C,), nats per time step
    eta: Array  # (C,), multipliers of the last update; 0: none
    predicted: Array  # (C,), improvement of the cost that the last update promised
    cost: Array  # (C,), mean cost of the last rollouts; NaN: none yet
    memory: tuple[Rollouts, ...]  # the last iterations, newest last
    mixture: gmm.Mixture | None


class LocalReport(NamedTuple):
    """What one update did."""

    cost: Array  # (C,), mean over the rollouts, summed over time
    step: Array  # (C,), nats per time step allowed
    kl: Array  # (C,), nats per time step used
    predicted: Array  # (C,), improvement of the cost
    outcome: tuple[str, ...]  # per condition, see control/kl_lqr.py
    repairs: Array  # (C,)
    evaluations: Array  # (C,)
    log_likelihood: float  # of the mixture, per point


def start(controllers: LinearGaussian, config: LocalConfig) -> LocalState:
    """The state before the first rollouts, with the first controllers (C, T, …)."""
    count = len(controllers.k)
    unknown = np.full(count, np.nan)
    return LocalState(controllers, np.full(count, config.kl_step), np.zeros(count), np.zeros(count), unknown, (), None)


def update(state: LocalState, rollouts: Rollouts, task: TaskConfig, config: LocalConfig, seed: int) -> tuple[LocalState, LocalReport]:
    """The next controllers after `rollouts` of the present ones; states (C, N, T + 1, dx), actions (C, N, T, du)."""
    return improve(state, state.controllers, rollouts, task, config, seed)


def improve(
    state: LocalState, previous: LinearGaussian, rollouts: Rollouts, task: TaskConfig, config: LocalConfig, seed: int
) -> tuple[LocalState, LocalReport]:
    """Controllers of less cost within a KL step of `previous` (C, T, …), which made the rollouts: evaluate, fit, constrain, solve."""
    horizon = rollouts.actions.shape[-2]
    costs = np.mean(np.sum(cost(task, *rollouts), axis=-1), axis=-1)
    expansion = expand_mean(task, *rollouts)
    memory = (*state.memory, rollouts)[-config.memory :]
    mixture, likelihood = _fit_prior(memory, state.mixture, config, seed)
    model = dynamics.fit(rollouts, mixture)
    initial = dynamics.initial_state(rollouts)
    steps = _next_steps(state, costs, config)
    result = kl_lqr.update(model, expansion, previous, initial, steps * horizon, state.eta, config.covariance_floor)
    report = LocalReport(
        costs, steps, result.kl / horizon, result.improvement, result.outcome, result.repairs, result.evaluations, likelihood
    )
    return LocalState(result.controller, steps, result.eta, result.improvement, costs, memory, mixture), report


def _fit_prior(memory: tuple[Rollouts, ...], last: gmm.Mixture | None, config: LocalConfig, seed: int) -> tuple[gmm.Mixture | None, float]:
    """The mixture over the transitions of recent iterations, and its log-likelihood per point; None and NaN without components."""
    points = np.concatenate([part.reshape(-1, part.shape[-1]) for part in map(dynamics.transitions, memory)])
    components = min(config.mixture_components, len(points) // config.points_per_component)
    if components == 0:
        return None, float("nan")
    fitted = gmm.fit(points, components, seed, last if last is not None and len(last.weights) == components else None)
    return fitted.mixture, fitted.log_likelihood[-1]


def _next_steps(state: LocalState, costs: Array, config: LocalConfig) -> Array:
    """The KL steps (C,) after rollouts of mean cost `costs` (C,)."""
    if np.any(np.isnan(state.cost)):
        return state.step
    limits = step.StepRange(config.kl_step, config.kl_step_least, config.kl_step_most)
    return step.adapt(state.step, state.predicted, state.cost - costs, limits)
