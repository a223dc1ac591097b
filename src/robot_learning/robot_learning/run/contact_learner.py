"""The steady algorithms for contact tasks, behind the four questions of the training loop.

What acts in an iteration is on trial in it. After the last iteration nothing is learned any more: what was on trial is judged, and what
is kept is the result.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robot_learning.algorithms import steady_gps, steady_local
from robot_learning.algorithms.steady_gps import SteadyConfig, SteadyGpsState, TrialReport
from robot_learning.algorithms.steady_local import SteadyState
from robot_learning.core.types import LinearGaussian, Rollouts
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.run.demonstrations import first_controllers
from robot_learning.run.episodes import Episode, EpisodeRequest, rollouts
from robot_learning.run.experiment import Experiment
from robot_learning.run.learners import Learned, errors, exploration, fit_notes, learned
from robot_learning.run.seeds import derived
from robot_learning.run.setting import Setting
from robot_learning.tasks.description import Condition

START = 1  # beside an episode's seed: of the draw of its start


class SteadyLocal:
    """Local controllers alone, whose updates are taken back when they turn out clearly worse."""

    kind = SteadyState

    def __init__(self, experiment: Experiment, setting: Setting) -> None:
        self._experiment, self._setting = experiment, setting

    def start(self) -> SteadyState:
        """The state before the first episodes."""
        return steady_local.start(first_controllers(self._experiment, self._setting), self._experiment.local)

    def requests(self, state: SteadyState, iteration: int) -> list[EpisodeRequest]:
        """Exploration by each condition's own controller, at first in a wider hole."""
        rules = self._experiment.steady
        found = exploration(self._experiment, self._setting, state.local.controllers, iteration)
        return [eased(one, rules.slack) for one in found] if iteration <= rules.easy else found

    def update(self, state: SteadyState, episodes: Sequence[Episode], iteration: int) -> tuple[SteadyState, Learned]:
        """The next controllers on trial; after the last episodes the kept ones."""
        e, s = self._experiment, self._setting
        if iteration == e.iterations:
            state, refused = steady_local.settle(self._own(state, iteration), rollouts(episodes, len(s.train)), s.task, e.steady.errors)
            return state, Learned((), {}, refusals(s, refused))
        return self.improved(state, episodes, iteration)

    def improved(self, state: SteadyState, episodes: Sequence[Episode], iteration: int) -> tuple[SteadyState, Learned]:
        """The next controllers on trial."""
        e, s = self._experiment, self._setting
        batch, seed = rollouts(episodes, len(s.train)), derived(e.seed, "update", iteration)
        state, report, refused = steady_local.update(self._own(state, iteration), batch, s.task, e.local, e.steady.errors, seed)
        state, again = steady_local.restart(state, first_controllers(e, s), s.task, e.local, e.steady.patience)
        found = learned(s, report)
        return state, found._replace(notes=(*found.notes, *refusals(s, refused), *restarts(s, again)))

    def _own(self, state: SteadyState, iteration: int) -> SteadyState:
        """In the first iteration whose hole is as wide as it is, nothing counts that was measured in a wider one."""
        return steady_local.elsewhere(state) if iteration == self._experiment.steady.easy + 1 else state

    def controllers(self, state: SteadyState) -> LinearGaussian:
        """The controllers (C, T, …) on trial; in the end the kept ones."""
        return state.local.controllers

    def policy(self, state: SteadyState) -> GaussianPolicy | None:
        """None."""
        return None

    def general(self, state: SteadyState, condition: Condition) -> LinearGaussian | None:
        """None."""
        return None


class SteadyGps:
    """Such controllers teach a network, which only another one replaces that is not worse."""

    kind = SteadyGpsState

    def __init__(self, experiment: Experiment, setting: Setting) -> None:
        self._experiment, self._setting = experiment, setting
        self._teaching = SteadyLocal(experiment, setting)
        self._config = SteadyConfig(experiment.hidden, experiment.local, experiment.fit, experiment.steady)

    def start(self) -> SteadyGpsState:
        """The state before the first episodes."""
        return steady_gps.start(first_controllers(self._experiment, self._setting), self._config, derived(self._experiment.seed, "initial"))

    def requests(self, state: SteadyGpsState, iteration: int) -> list[EpisodeRequest]:
        """Exploration by the teachers while they learn, in turns with the policy when they are tied to it, then by the policy."""
        e = self._experiment
        if iteration <= min(e.teaching, e.steady.alone):
            return self._teaching.requests(state.teachers, iteration)
        if not self._teachers_act(iteration):
            return exploration(e, self._setting, None, iteration)
        found = exploration(e, self._setting, state.teachers.local.controllers, iteration)
        return [scattered(self._setting, one, e.steady.jitter) for one in found]

    def _teachers_act(self, iteration: int) -> bool:
        left, alone = self._experiment.teaching - iteration, iteration <= self._experiment.steady.alone
        return left >= 0 and (alone or left % 2 == 0)

    def update(self, state: SteadyGpsState, episodes: Sequence[Episode], iteration: int) -> tuple[SteadyGpsState, Learned]:
        """The next teachers, their clone, or the next policy on trial; after the last episodes the kept one."""
        e, s = self._experiment, self._setting
        batch, seed = rollouts(episodes, len(s.train)), derived(e.seed, "update", iteration)
        if iteration < min(e.teaching, e.steady.alone + 1):
            teachers, found = self._teaching.improved(state.teachers, episodes, iteration)
            return state._replace(teachers=teachers), found
        if self._teachers_act(iteration):
            return self._tied(state, batch, iteration)
        if iteration < e.teaching:
            state, judged = steady_gps.prove(state, batch, s.task)
        elif iteration < e.iterations:
            state, judged = steady_gps.trial(state, batch, s.task, self._config, seed)
        else:
            state, judged = steady_gps.settle(state, batch, s.task)
        return state, trial_learned(judged)

    def _tied(self, state: SteadyGpsState, batch: Rollouts, iteration: int) -> tuple[SteadyGpsState, Learned]:
        """The next teachers and the network that they are tied to; after their last rollouts, their clone."""
        e, s = self._experiment, self._setting
        seed = derived(e.seed, "update", iteration)
        if e.steady.jitter and iteration <= e.steady.alone + 2:  # their first rollouts from starts near by
            state = state._replace(teachers=steady_local.elsewhere(state.teachers))
        if iteration == e.teaching:
            state, fitted, refused = steady_gps.clone(state, batch, s.task, self._config, seed)
            return state, Learned((), errors(fitted), (*refusals(s, refused), *silent(s, state), *fit_notes(fitted)))
        state, report, fitted, refused = steady_gps.agree(state, batch, s.task, self._config, seed)
        found, notes = learned(s, report), (*refusals(s, refused), *silent(s, state), *fit_notes(fitted))
        return state, found._replace(policy=errors(fitted), notes=(*found.notes, *notes))

    def controllers(self, state: SteadyGpsState) -> LinearGaussian:
        """The teachers (C, T, …)."""
        return state.teachers.local.controllers

    def policy(self, state: SteadyGpsState) -> GaussianPolicy:
        """The policy on trial; in the end the kept one."""
        return steady_gps.policy(state)

    def general(self, state: SteadyGpsState, condition: Condition) -> LinearGaussian | None:
        """None: the network acts in general."""
        return None


def eased(request: EpisodeRequest, slack: float) -> EpisodeRequest:
    """The same episode with a hole that is wider by `slack` m on each side; as it is, where there is no hole."""
    given = request.condition.parameters
    wider = {"clearance": given["clearance"] + slack} if "clearance" in given else {}
    return request._replace(condition=request.condition._replace(parameters=given | wider))


def scattered(setting: Setting, request: EpisodeRequest, jitter: float) -> EpisodeRequest:
    """The same episode from a start near by: each joint up to `jitter` rad away, within the robot's limits."""
    limits, start = setting.robot.limits, request.condition.initial_positions
    away = np.random.default_rng([request.seed, START]).uniform(-jitter, jitter, len(start))
    moved = np.clip(start + away, limits.position_lower, limits.position_upper)
    return request._replace(condition=request.condition._replace(initial_positions=moved))


def refusals(setting: Setting, refused: NDArray[np.bool_]) -> tuple[str, ...]:
    """What the log says of controllers that were taken back."""
    text = "the last update was rejected, its rollouts were clearly worse; the controller from before was kept, with half the step"
    return tuple(f"{condition.name}: {text}" for condition, out in zip(setting.train, refused, strict=True) if out)


def silent(setting: Setting, state: SteadyGpsState) -> tuple[str, ...]:
    """What the log says of teachers that taught nothing in this iteration."""
    assert state.teachers.kept is not None
    able = steady_local.able(state.teachers.kept, setting.task)
    text = "none of its kept rollouts succeeds; it teaches nothing in this iteration"
    return tuple(f"{condition.name}: {text}" for condition, one in zip(setting.train, able, strict=True) if not one and able.any())


def restarts(setting: Setting, again: NDArray[np.bool_]) -> tuple[str, ...]:
    """What the log says of controllers that begin afresh."""
    text = "none of its rollouts succeeded for too long; it begins afresh"
    return tuple(f"{condition.name}: {text}" for condition, out in zip(setting.train, again, strict=True) if out)


def trial_learned(report: TrialReport) -> Learned:
    """What the log says of a trial."""
    score, kept = report.score, report.kept
    said = {
        "successes on trial": float(score.successes),
        "cost on trial": score.cost,
        "successes of the kept policy": float(kept.successes),
    }
    notes: tuple[str, ...] = ()
    if not report.accepted:
        better = f"{kept.successes} successes at cost {kept.cost:.3g}"
        worse = f"{score.successes} at {score.cost:.3g}"
        slower = "" if report.fit is None else ", the learning rate halved"
        notes = (f"policy: rejected, {worse} against {better}; the policy from before was kept{slower}",)
    if report.fit is None:
        return Learned((), said, notes)
    return Learned((), {**said, "labels believed": report.believed, **errors(report.fit)}, (*notes, *fit_notes(report.fit)))
