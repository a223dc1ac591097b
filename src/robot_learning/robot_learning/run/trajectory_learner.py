"""Trajectory optimization under known dynamics, behind the four questions of the training loop.

Each iteration measures where the episodes of the present controllers begin and what they cost, then improves the controllers by iLQR on
the simulator. Nothing is sampled: one episode without noise for each condition is enough.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from robot_learning.control import ilqr
from robot_learning.control.ilqr import Solution
from robot_learning.control.linear_gaussian import at, stack
from robot_learning.core.types import Array, LinearGaussian
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.run.demonstrations import first_controllers
from robot_learning.run.episodes import Episode, EpisodeRequest
from robot_learning.run.experiment import Experiment
from robot_learning.run.known_dynamics import KnownDynamics
from robot_learning.run.learners import Learned
from robot_learning.run.records import Update
from robot_learning.run.setting import Setting
from robot_learning.tasks.description import Condition

SAME = 1e-6  # relative: an episode whose cost is so near to its plan's went as planned


class IlqrState(NamedTuple):
    """What the next iteration depends on."""

    controllers: LinearGaussian  # (C, T, …), around the planned trajectories
    planned: Array  # (C,), cost that they were planned to have; NaN: not planned yet


class Ilqr:
    """Time-varying linear controllers around trajectories that are optimal for the simulated arm."""

    kind = IlqrState

    def __init__(self, experiment: Experiment, setting: Setting) -> None:
        self._experiment, self._setting = experiment, setting
        self._known = KnownDynamics(setting)

    def start(self) -> IlqrState:
        """The controllers of a demonstration where there is one, or those that hold the start."""
        first = first_controllers(self._experiment, self._setting)
        return IlqrState(first, np.full(len(first.k), np.nan))

    def requests(self, state: IlqrState, iteration: int) -> list[EpisodeRequest]:
        """Each condition's own controller, without noise."""
        each = [EpisodeRequest(c, at(state.controllers, i), noise=False) for i, c in enumerate(self._setting.train)]
        return [request for request in each for _ in range(self._experiment.rollouts)]

    def update(self, state: IlqrState, episodes: Sequence[Episode], iteration: int) -> tuple[IlqrState, Learned]:
        """The next controllers, from where the episodes began; a condition in which no step lowers the cost keeps its own."""
        firsts, found = episodes[:: self._experiment.rollouts], []
        for i, (condition, episode) in enumerate(zip(self._setting.train, firsts, strict=True)):
            problem, first = self._known.problem(condition), stack([at(state.controllers, i)])
            found.append(ilqr.solve(problem, episode.states[:1], first, self._experiment.ilqr))
        kept = [not solution.accepted[0] and solution.outcome[0] != ilqr.CONVERGED for solution in found]
        following = [at(state.controllers, i) if keep else at(found[i].controller, 0) for i, keep in enumerate(kept)]
        planned = np.where(kept, state.planned, [solution.cost[0] for solution in found])
        return IlqrState(stack(following), planned), learned(self._setting, state.planned, firsts, found, kept)

    def controllers(self, state: IlqrState) -> LinearGaussian:
        """The present controllers (C, T, …)."""
        return state.controllers

    def policy(self, state: IlqrState) -> GaussianPolicy | None:
        """None."""
        return None

    def general(self, state: IlqrState, condition: Condition) -> LinearGaussian | None:
        """None."""
        return None


def learned(setting: Setting, planned: Array, episodes: Sequence[Episode], found: Sequence[Solution], kept: Sequence[bool]) -> Learned:
    """What the log says of one iteration: one episode and one solution for each condition, and which kept their controllers."""
    updates, notes = [], []
    for condition, cost, episode, solution, keep in zip(setting.train, planned, episodes, found, kept, strict=True):
        outcome = f"rejected: {solution.outcome[0]}; the controller from before was kept" if keep else solution.outcome[0]
        updates.append(Update(condition.name, np.nan, np.nan, outcome))
        came = float(np.sum(episode.cost))
        if not np.isnan(cost) and not np.isclose(came, cost, rtol=SAME):
            changed = episode.counts.get("gate.changed", 0)
            notes.append(f"{condition.name}: the plan's cost was {cost:.4g}, the episode's {came:.4g}; the gate changed {changed} commands")
        if solution.repairs[0]:
            notes.append(f"{condition.name}: {solution.repairs[0]} steps had an indefinite Hessian, which was raised")
    return Learned(tuple(updates), {}, tuple(notes))
