"""Mirror-descent guided policy search (Montgomery and Levine 2016): local controllers teach one global policy.

Each iteration fits local dynamics to rollouts of the global policy, finds for each condition the controller of least cost within a
KL step of the policy (C-step), and trains the policy on those controllers (S-step): an approximate mirror descent whose policy can
only be as far from the controllers as supervised learning leaves it.

Rollouts come from the policy (on-policy) or from the controllers (off-policy); the policy is linearized where they went. The KL
step follows one of two rules, which compare what the last update promised with what came of it:

    global    promised: cost of the policy − cost of the new controllers,         came: the fall of the *policy's* cost;
    classic   promised: cost of the old controllers − cost of the new ones,       came: the fall of the *controllers'* cost.

The global rule is the more careful one: it also counts what the policy lost while it imitated. Costs of what did not make the
rollouts, and all of the classic rule's, are expectations under the fitted dynamics.

The loop around it, with everything that is random under a seed:

    first = stack([hold(robot, mode, c.initial_positions, dx, task.horizon) for c in conditions])
    state = mdgps.start(first, config, seed)
    for iteration in range(config.iterations):
        controllers = mdgps.samplers(state, config)              # of the first rollouts; None: the global policy acts
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
from typing import Literal, NamedTuple

import numpy as np

from robot_learning.algorithms import local_gps, policy_fit
from robot_learning.algorithms.local_gps import Evidence, LocalConfig, LocalReport, LocalState
from robot_learning.algorithms.policy_linearization import linearize
from robot_learning.core.types import Array, LinearGaussian, Rollouts
from robot_learning.models.gaussian_policy import HIDDEN, GaussianPolicy
from robot_learning.tasks.description import TaskConfig


@dataclass(frozen=True)
class MdgpsRules:
    """What can be chosen."""

    __pydantic_config__ = {"extra": "forbid"}

    samples: Literal["policy", "controllers"] = "policy"  # who makes the rollouts; the first are always the controllers'
    step_rule: Literal["global", "classic"] = "global"


@dataclass(frozen=True)
class MdgpsConfig:
    """Settings."""

    __pydantic_config__ = {"extra": "forbid"}

    iterations: int = 4
    rollouts: int = 5  # per condition and iteration
    hidden: tuple[int, ...] = HIDDEN
    local: LocalConfig = field(default_factory=lambda: LocalConfig(kl_step=2.0))
    fit: policy_fit.FitConfig = field(default_factory=policy_fit.FitConfig)
    rules: MdgpsRules = field(default_factory=MdgpsRules)


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


def samplers(state: MdgpsState, config: MdgpsConfig) -> LinearGaussian | None:
    """The controllers (C, T, …) that the next rollouts come from; None: the global policy, once it has been trained."""
    return state.local.controllers if state.iteration == 0 or config.rules.samples == "controllers" else None


def update(state: MdgpsState, rollouts: Rollouts, task: TaskConfig, config: MdgpsConfig, seed: int) -> tuple[MdgpsState, MdgpsReport]:
    """One iteration, after `rollouts` of `samplers`: states (C, N, T + 1, dx), actions (C, N, T, du)."""
    evidence = local_gps.evaluate(state.local, rollouts, task, config.local, seed)
    previous = state.local.controllers if state.iteration == 0 else linearize(state.policy, rollouts.states)
    now = _reached(state, previous, evidence, config.rules)
    local, improved = local_gps.improve(state.local, previous, evidence, config.local, now)  # C-step
    if config.rules.step_rule == "classic":
        promised = now - local_gps.expected_cost(evidence, local.controllers)
        local = local._replace(predicted=np.where(local.predicted > 0, promised, 0.0))
    policy, fitted = policy_fit.fit(state.policy, rollouts.states, local.controllers, config.fit, seed + state.iteration)  # S-step
    return MdgpsState(local, policy, state.iteration + 1), MdgpsReport(improved, fitted)


def _reached(state: MdgpsState, previous: LinearGaussian, evidence: Evidence, rules: MdgpsRules) -> Array:
    """The cost (C,) by which the last step is judged."""
    if rules.step_rule == "classic":
        return local_gps.expected_cost(evidence, state.local.controllers)
    return evidence.cost if rules.samples == "policy" else local_gps.expected_cost(evidence, previous)
