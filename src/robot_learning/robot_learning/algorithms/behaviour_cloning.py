"""Behaviour cloning: a global policy learns what an expert would do in the states that were visited, by supervised learning.

    minimise  Σ_i ½ (π(x_i) − μ_i)ᵀ P_i (π(x_i) − μ_i)        over all states x_i visited so far,

with μ_i the expert's action there, its *label*, and P_i how exactly that is meant. The expert is asked by a function, so that it may
be a set of local controllers, a planner or a human. Who visits the states makes three algorithms out of this one:

    behaviour cloning   the expert itself;
    DAgger              the learner (algorithms/dagger.py);
    PLATO               the expert, as near to the learner as its task allows (algorithms/plato.py).

The loop, with teachers (C, T, …) that can already do the task:

    state = behaviour_cloning.start(dx, du, config, seed)
    for iteration in range(iterations):
        requests = [EpisodeRequest(c, at(teachers, i), seed=…) for i, c in enumerate(conditions) for _ in range(rollouts)]
        batch = rollouts(runner.run(requests), len(conditions))
        state, report = behaviour_cloning.update(state, batch.states, controllers(teachers), config, seed)
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from robot_learning.algorithms import policy_fit
from robot_learning.core.matrices import apply, inverse_root, transpose
from robot_learning.core.types import Array, LinearGaussian
from robot_learning.models.gaussian_policy import HIDDEN, GaussianPolicy


class Labels(NamedTuple):
    """What an expert says about the states of C conditions × N rollouts × T steps."""

    actions: Array  # (C, N, T, du), what it would do
    precision: Array  # P (C, N, T, du, du), or what broadcasts to it; only ratios matter to the mean, the size to the policy's covariance


class Labeller(Protocol):
    """An expert that can be asked afterwards."""

    def __call__(self, states: Array) -> Labels:
        """The labels of `states` (C, N, T, dx), condition by condition, step by step, whoever visited them."""
        ...


class Lesson(NamedTuple):
    """Labelled rollouts of one iteration."""

    states: Array  # (C, N, T + 1, dx); the last ones have no label
    actions: Array  # (C, N, T, du)
    precision: Array  # (C, N, T, du, du)


@dataclass(frozen=True)
class CloningConfig:
    """Settings."""

    hidden: tuple[int, ...] = HIDDEN
    fit: policy_fit.FitConfig = field(default_factory=lambda: policy_fit.FitConfig(steps=500, least_deviation=0.005))


class CloningState(NamedTuple):
    """All that the next iteration depends on."""

    policy: GaussianPolicy
    lessons: tuple[Lesson, ...]  # of all iterations, newest last


def start(state_dim: int, action_dim: int, config: CloningConfig, seed: int) -> CloningState:
    """A policy that has learned nothing yet."""
    return CloningState(GaussianPolicy.initial(state_dim, action_dim, seed, hidden=config.hidden), ())


def controllers(teachers: LinearGaussian) -> Labeller:
    """The labels of local controllers (C, T, …), each for the rollouts of its own condition and at its own steps."""
    R, _ = inverse_root(teachers.covariance)
    precision = (transpose(R) @ R)[:, None]

    def label(states: Array) -> Labels:
        return Labels(apply(teachers.K[:, None], states) + teachers.k[:, None], precision)

    return label


def expert(act: Callable[[Array], Array], deviation: float = 1.0) -> Labeller:
    """The labels of a function from states (…, dx) to actions (…, du), all equally exact: within a standard `deviation`, action units."""

    def label(states: Array) -> Labels:
        actions = act(states)
        return Labels(actions, np.eye(actions.shape[-1]) / deviation**2)

    return label


def update(
    state: CloningState, states: Array, label: Labeller, config: CloningConfig, seed: int
) -> tuple[CloningState, policy_fit.FitReport]:
    """The state after learning from all lessons so far and one more: new `states` (C, N, T + 1, dx), which are labelled first."""
    actions, precision = label(states[..., :-1, :])
    du = actions.shape[-1]
    lessons = (*state.lessons, Lesson(states, actions, np.broadcast_to(precision, (*actions.shape, du))))
    x = np.concatenate([lesson.states[..., :-1, :].reshape(-1, states.shape[-1]) for lesson in lessons])
    y = np.concatenate([lesson.actions.reshape(-1, du) for lesson in lessons])
    P = np.concatenate([lesson.precision.reshape(-1, du, du) for lesson in lessons])
    policy, report = policy_fit.imitate(state.policy, x, y, P, config.fit, seed)
    return CloningState(policy, lessons), report
