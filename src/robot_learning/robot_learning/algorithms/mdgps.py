"""Mirror-descent guided policy search (Montgomery and Levine 2016): local controllers teach one global policy.

Each iteration fits local dynamics to rollouts of the global policy, finds for each condition the controller of least cost within a
KL step of the policy (C-step), and trains the policy on those controllers (S-step): an approximate mirror descent whose policy can
only be as far from the controllers as supervised learning leaves it.

The loop around it, with everything that is random under a seed:

    first = stack([hold(robot, mode, c.initial_positions, dx, task.horizon) for c in conditions])
    state = mdgps.start(first, config, seed)
    for iteration in range(config.iterations):
        controllers = mdgps.samplers(state)                      # of the first rollouts; None: the global policy acts
        if controllers is None:
            runner.load(state.policy, version=iteration)
        requests = [
            EpisodeRequest(c, None if controllers is None else at(controllers, i), seed=episode_seed(seed, iteration, i, n))
            for i, c in enumerate(conditions)
            for n in range(config.rollouts)
        ]
        state, report = mdgps.update(state, rollouts(runner.run(requests), len(conditions)), task, config, seed)
        save(state); log(report)
    runner.load(state.policy, version=config.iterations)
    final = runner.run([EpisodeRequest(c, None, noise=False) for c in held_out])
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from robot_learning.algorithms import dynamics, local_gps, policy_fit
from robot_learning.algorithms.local_gps import LocalConfig, LocalReport, LocalState, fit_prior, next_steps
from robot_learning.algorithms.policy_linearization import linearize
from robot_learning.control import kl_lqr
from robot_learning.core.types import LinearGaussian, Rollouts
from robot_learning.models.gaussian_policy import HIDDEN, GaussianPolicy
from robot_learning.tasks.cost import cost, expand_mean
from robot_learning.tasks.description import TaskConfig


@dataclass(frozen=True)
class MdgpsConfig:
    """Settings."""

    __pydantic_config__ = {"extra": "forbid"}

    iterations: int = 5
    rollouts: int = 5  # per condition and iteration
    hidden: tuple[int, ...] = HIDDEN
    local: LocalConfig = field(default_factory=LocalConfig)
    fit: policy_fit.FitConfig = field(default_factory=policy_fit.FitConfig)


class MdgpsState(NamedTuple):
    """All that the next iteration depends on."""

    local: LocalState
    policy: GaussianPolicy
    iteration: int


class MdgpsReport(NamedTuple):
    """What one iteration did."""

    local: LocalReport
    fit: policy_fit.FitReport


def start(controllers: LinearGaussian, config: MdgpsConfig, seed: int) -> MdgpsState:
    """The state before the first rollouts, with the controllers (C, T, …) that make them."""
    du, dx = controllers.K.shape[-2:]
    local = local_gps.start(controllers, config.local)
    return MdgpsState(local, GaussianPolicy.initial(dx, du, seed, hidden=config.hidden), 0)


def samplers(state: MdgpsState) -> LinearGaussian | None:
    """The controllers (C, T, …) that the next rollouts come from; None: the global policy, once it has been trained."""
    return state.local.controllers if state.iteration == 0 else None


def update(state: MdgpsState, rollouts: Rollouts, task: TaskConfig, config: MdgpsConfig, seed: int) -> tuple[MdgpsState, MdgpsReport]:
    """One iteration, after `rollouts` of `samplers`: states (C, N, T + 1, dx), actions (C, N, T, du)."""
    horizon = rollouts.actions.shape[-2]
    local = state.local
    costs = np.mean(np.sum(cost(task, *rollouts), axis=-1), axis=-1)
    expansion = expand_mean(task, *rollouts)
    memory = (*local.memory, rollouts)[-config.local.memory :]
    mixture, likelihood = fit_prior(memory, local.mixture, config.local, seed)
    model = dynamics.fit(rollouts, mixture)
    previous = local.controllers if state.iteration == 0 else linearize(state.policy, rollouts.states)
    steps = next_steps(local, costs, config.local)
    initial = dynamics.initial_state(rollouts)
    result = kl_lqr.update(model, expansion, previous, initial, steps * horizon, local.eta, config.local.covariance_floor)
    policy, fitted = policy_fit.fit(state.policy, rollouts.states, result.controller, config.fit, seed + state.iteration)
    report = LocalReport(
        costs, steps, result.kl / horizon, result.improvement, result.outcome, result.repairs, result.evaluations, likelihood
    )
    after = LocalState(result.controller, steps, result.eta, result.improvement, costs, memory, mixture)
    return MdgpsState(after, policy, state.iteration + 1), MdgpsReport(report, fitted)
