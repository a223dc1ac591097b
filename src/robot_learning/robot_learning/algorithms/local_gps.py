"""Guided policy search's inner half alone: one local controller per condition, learned from its own rollouts.

state = local_gps.start(controllers, config)
for iteration in range(iterations):
    requests = [EpisodeRequest(c, at(state.controllers, i), seed=…) for i, c in enumerate(conditions) for _ in range(5)]
    state, report = local_gps.update(state, rollouts(runner.run(requests), len(conditions)), task, config, seed)
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from robot_learning.algorithms import dynamics, priors, step
from robot_learning.control import kl_lqr, lqr
from robot_learning.core.types import Array, Dynamics, LinearGaussian, QuadraticCost, Rollouts, StateGaussian
from robot_learning.tasks.cost import cost, expand_mean
from robot_learning.tasks.description import TaskConfig


@dataclass(frozen=True)
class LocalConfig:
    """Settings of the local updates."""

    __pydantic_config__ = {"extra": "forbid"}

    kl_step: float = 1.0  # nats per time step, at first
    kl_step_least: float = 0.1  # as a multiple of kl_step
    kl_step_most: float = 3.0
    prior: priors.Kind = "gmm"  # of the dynamics: none, gaussian, gmm (a mixture of them) or neural
    mixture_components: int = 20  # of "gmm", at most; 0: no prior
    points_per_component: int = 150  # at least
    memory: int = 4  # iterations whose transitions the prior is fitted to; a neural one to all
    covariance_floor: float = 0.0  # least variance of an action, squared action units


class LocalState(NamedTuple):
    """All that the next update depends on; arrays and NamedTuples of arrays only."""

    controllers: LinearGaussian  # (C, T, …)
    step: Array  # (C,), nats per time step
    eta: Array  # (C,), multipliers of the last update; 0: none
    predicted: Array  # (C,), improvement that the last update promised
    cost: Array  # (C,), from which it counts: mean cost of the last rollouts, plus what a bond promised to give; NaN: none yet
    memory: tuple[Rollouts, ...]  # the iterations that the prior is fitted to, newest last
    prior: priors.Learned


class LocalReport(NamedTuple):
    """What one update did."""

    cost: Array  # (C,), mean over the rollouts, summed over time
    step: Array  # (C,), nats per time step allowed
    kl: Array  # (C,), nats per time step used
    predicted: Array  # (C,), improvement of the cost
    outcome: tuple[str, ...]  # per condition, see control/kl_lqr.py
    repairs: Array  # (C,)
    evaluations: Array  # (C,)
    log_likelihood: float  # of a mixture, per point
    regularized: Array  # (C,), steps whose data were so degenerate that the fit of the dynamics had to repair them
    prior: str  # what went wrong with the prior; empty if nothing did


def start(controllers: LinearGaussian, config: LocalConfig) -> LocalState:
    """The state before the first rollouts, with the first controllers (C, T, …)."""
    count = len(controllers.k)
    unknown = np.full(count, np.nan)
    return LocalState(controllers, np.full(count, config.kl_step), np.zeros(count), np.zeros(count), unknown, (), priors.Learned())


class Evidence(NamedTuple):
    """What rollouts say about their conditions."""

    cost: Array  # (C,), mean over the rollouts, summed over time
    expansion: QuadraticCost  # (C, T + 1, …), the mean of the quadratics around them
    dynamics: Dynamics  # (C, T, …)
    initial: StateGaussian  # (C, …)
    memory: tuple[Rollouts, ...]  # with these rollouts, newest last
    prior: priors.Learned
    log_likelihood: float  # of a mixture, per point
    regularized: Array  # (C,), see LocalReport


def update(state: LocalState, rollouts: Rollouts, task: TaskConfig, config: LocalConfig, seed: int) -> tuple[LocalState, LocalReport]:
    """The next controllers after `rollouts` of the present ones; states (C, N, T + 1, dx), actions (C, N, T, du)."""
    return improve(state, state.controllers, evaluate(state, rollouts, task, config, seed), config)


def evaluate(state: LocalState, rollouts: Rollouts, task: TaskConfig, config: LocalConfig, seed: int) -> Evidence:
    """Costs and dynamics of `rollouts`, states (C, N, T + 1, dx) and actions (C, N, T, du), whoever made them."""
    costs = np.mean(np.sum(cost(task, *rollouts), axis=-1), axis=-1)
    expansion = expand_mean(task, *rollouts)
    memory = (*state.memory, rollouts) if config.prior == "neural" else (*state.memory, rollouts)[-config.memory :]
    learned, likelihood = _learn_prior(memory, state.prior, config, seed)
    model, repaired = dynamics.fitted(rollouts, learned.prior, dynamics.RIDGE_ALONE if learned.prior is None else dynamics.RIDGE)
    return Evidence(costs, expansion, model, dynamics.initial_state(rollouts), memory, learned, likelihood, repaired)


def improve(
    state: LocalState,
    previous: LinearGaussian,
    evidence: Evidence,
    config: LocalConfig,
    now: Array | None = None,
    bond: kl_lqr.Bond | None = None,
) -> tuple[LocalState, LocalReport]:
    """Controllers of less cost within a KL step of `previous` (C, T, …), which lies where the evidence is; `bond` ties them to a policy.

    now (C,): the cost that the last update led to, by which the step is judged; the rollouts' if None. With a bond the cost may
    rise while cost and bond together fall; both are promised together, and only the cost can fall short of it.
    """
    horizon = previous.k.shape[-2]
    judged = evidence.cost if now is None else now
    steps = _next_steps(state, judged, config)
    result = kl_lqr.update(
        evidence.dynamics, evidence.expansion, previous, evidence.initial, steps * horizon, state.eta, config.covariance_floor, bond
    )
    report = LocalReport(
        evidence.cost,
        steps,
        result.kl / horizon,
        result.improvement,
        result.outcome,
        result.repairs,
        result.evaluations,
        evidence.log_likelihood,
        evidence.regularized,
        evidence.prior.fault,
    )
    start = judged + (result.gain - result.improvement)
    return LocalState(result.controller, steps, result.eta, result.gain, start, evidence.memory, evidence.prior), report


def expected_cost(evidence: Evidence, controllers: LinearGaussian) -> Array:
    """The cost (C,) of `controllers` (C, T, …) under the fitted dynamics, summed over time."""
    states = lqr.forward(evidence.dynamics, controllers, evidence.initial)
    total: Array = np.sum(lqr.expected_cost(evidence.expansion, lqr.joint(states, controllers)), axis=-1)
    return total


def _learn_prior(memory: tuple[Rollouts, ...], last: priors.Learned, config: LocalConfig, seed: int) -> tuple[priors.Learned, float]:
    """The prior after the rollouts of `memory`, and its log-likelihood per point; NaN if it is not a mixture."""
    if config.prior == "neural":
        return priors.network(memory, last.net, seed), float("nan")
    most = {"none": 0, "gaussian": 1, "gmm": config.mixture_components}[config.prior]
    return priors.mixture(memory, last.mixture, most, config.points_per_component, seed)


def _next_steps(state: LocalState, costs: Array, config: LocalConfig) -> Array:
    """The KL steps (C,) after rollouts of mean cost `costs` (C,)."""
    limits = step.StepRange(config.kl_step, config.kl_step_least, config.kl_step_most)
    adapted = step.adapt(state.step, state.predicted, state.cost - costs, limits)
    return np.where(np.isnan(state.cost), state.step, adapted)
