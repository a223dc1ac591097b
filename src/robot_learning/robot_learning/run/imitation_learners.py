"""Imitation of local controllers, behind the four questions of the training loop.

At first local controllers learn the task, one for each training condition, as in local_gps: `teaching` iterations. They then stay as
they are, and the policy learns from them in the iterations that are left. Behaviour cloning, DAgger and PLATO differ in who acts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from robot_learning.algorithms import behaviour_cloning, dagger, nearest_neighbour, plato
from robot_learning.algorithms.behaviour_cloning import CloningConfig, CloningState
from robot_learning.algorithms.local_gps import LocalState
from robot_learning.control.linear_gaussian import at
from robot_learning.core.types import Array, LinearGaussian
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.run.episodes import Episode, EpisodeRequest, rollouts
from robot_learning.run.evaluate import complete
from robot_learning.run.experiment import Experiment
from robot_learning.run.learners import Learned, LocalGps, errors, exploration, fit_notes
from robot_learning.run.seeds import derived
from robot_learning.run.setting import Setting
from robot_learning.tasks.description import Condition
from robot_learning.tasks.state import observe, state_dim

FAILED = "training episodes that failed"
DIVERGENCE = "divergence of those who acted from the policy"  # nats per step


class ImitationState(NamedTuple):
    """All that the next iteration depends on."""

    local: LocalState  # the teachers
    cloning: CloningState


class BehaviourCloning:
    """The policy learns from what the teachers do where they go."""

    kind = ImitationState

    def __init__(self, experiment: Experiment, setting: Setting) -> None:
        self._experiment, self._setting = experiment, setting
        self._teaching = LocalGps(experiment, setting)
        self._config = CloningConfig(experiment.hidden, experiment.fit)

    def start(self) -> ImitationState:
        """The state before the first episodes."""
        dx, du = state_dim(self._setting.task, len(self._setting.robot.joints)), len(self._setting.robot.joints)
        fresh = behaviour_cloning.start(dx, du, self._config, derived(self._experiment.seed, "initial"))
        return ImitationState(self._teaching.start(), fresh)

    def requests(self, state: ImitationState, iteration: int) -> list[EpisodeRequest]:
        """Exploration by the teachers while they learn; then the episodes that the policy learns from."""
        if iteration <= self._experiment.teaching:
            return self._teaching.requests(state.local, iteration)
        return self._visits(state, iteration)

    def _visits(self, state: ImitationState, iteration: int) -> list[EpisodeRequest]:
        return exploration(self._experiment, self._setting, self._acting(state), iteration)

    def _acting(self, state: ImitationState) -> LinearGaussian | None:
        """The controllers (C, T, …) that act in the next episodes, if all are of one kind."""
        return state.local.controllers

    def update(self, state: ImitationState, episodes: Sequence[Episode], iteration: int) -> tuple[ImitationState, Learned]:
        """The next teachers, or the policy after one more lesson."""
        if iteration <= self._experiment.teaching:
            local, learned = self._teaching.update(state.local, episodes, iteration)
            return state._replace(local=local), learned
        states = rollouts(episodes, len(self._setting.train)).states
        label = behaviour_cloning.controllers(state.local.controllers)
        seed = derived(self._experiment.seed, "update", iteration)
        cloning, report = behaviour_cloning.update(state.cloning, states, label, self._config, seed)
        said = {**errors(report), FAILED: float(self._failed(episodes)), **self._divergence(state, states)}
        return state._replace(cloning=cloning), Learned((), said, fit_notes(report))

    def _failed(self, episodes: Sequence[Episode]) -> int:
        """Episodes that did not run to their end or did not end at the target, by the measure of global policies."""
        task = self._setting.task
        return sum(not complete(e, task.horizon) or e.distance >= task.success_distance_global for e in episodes)

    def _divergence(self, state: ImitationState, states: Array) -> dict[str, float]:
        acting = self._acting(state)
        return {} if acting is None else {DIVERGENCE: plato.divergence(acting, state.cloning.policy, states)}

    def controllers(self, state: ImitationState) -> LinearGaussian:
        """The teachers."""
        return state.local.controllers

    def policy(self, state: ImitationState) -> GaussianPolicy:
        """The present global policy."""
        return state.cloning.policy

    def general(self, state: ImitationState, condition: Condition) -> LinearGaussian | None:
        """None: the network acts in general."""
        return None


class Dagger(BehaviourCloning):
    """The policy acts, and learns what the teachers would have done there."""

    def _visits(self, state: ImitationState, iteration: int) -> list[EpisodeRequest]:
        e, teachers = self._experiment, exploration(self._experiment, self._setting, state.local.controllers, iteration)
        number, seed = iteration - e.teaching - 1, derived(e.seed, "mixture", iteration)
        teaches = dagger.by_expert(number, len(self._setting.train), e.rollouts, e.dagger, seed).ravel()
        return [r if by_teacher else r._replace(controller=None) for r, by_teacher in zip(teachers, teaches, strict=True)]

    def _acting(self, state: ImitationState) -> LinearGaussian | None:
        return None


class Plato(BehaviourCloning):
    """The teachers act as near to the policy as they may, and the policy learns what they would have done without it."""

    def _acting(self, state: ImitationState) -> LinearGaussian | None:
        return plato.teachers(state.cloning, state.local.controllers, self._experiment.plato)


class NearestNeighbour(LocalGps):
    """Local controllers, and in any other condition the one whose own condition is nearest. No network."""

    def general(self, state: LocalState, condition: Condition) -> LinearGaussian | None:
        """The controller whose first state is nearest to that of `condition`."""
        places = nearest_neighbour.learn(np.stack([self._first(own) for own in self._setting.train]))
        return at(nearest_neighbour.select(state.controllers, places, self._first(condition)[None]), 0)

    def _first(self, condition: Condition) -> Array:
        s, q = self._setting, condition.initial_positions
        return observe(s.chain, s.task, condition, q, np.zeros_like(q))
