"""The algorithms, each behind the four questions that the training loop asks."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from robot_learning.algorithms import local_gps, mdgps
from robot_learning.algorithms.local_gps import LocalReport, LocalState
from robot_learning.algorithms.mdgps import MdgpsConfig, MdgpsState
from robot_learning.control.linear_gaussian import at
from robot_learning.core.types import LinearGaussian
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.run.episodes import Episode, EpisodeRequest, rollouts
from robot_learning.run.experiment import Experiment
from robot_learning.run.records import Update
from robot_learning.run.seeds import derived
from robot_learning.run.setting import Setting, first_controllers


class Learned(NamedTuple):
    """What one update tells the log."""

    updates: tuple[Update, ...]
    policy: dict[str, float]
    notes: tuple[str, ...] = ()


class Learner(Protocol):
    """One algorithm on one experiment. Its state is a value: the loop keeps and stores it."""

    kind: type[Any]  # of the state

    def start(self) -> Any:
        """The state before the first episodes."""
        ...

    def requests(self, state: Any, iteration: int) -> list[EpisodeRequest]:
        """The training episodes of an iteration, condition by condition."""
        ...

    def update(self, state: Any, episodes: Sequence[Episode], iteration: int) -> tuple[Any, Learned]:
        """The next state after those episodes."""
        ...

    def controllers(self, state: Any) -> LinearGaussian:
        """The present local controllers (C, T, …)."""
        ...

    def policy(self, state: Any) -> GaussianPolicy | None:
        """The present global policy; None if the algorithm has none."""
        ...


class LocalGps:
    """Local controllers alone."""

    kind = LocalState

    def __init__(self, experiment: Experiment, setting: Setting) -> None:
        self._experiment, self._setting = experiment, setting

    def start(self) -> LocalState:
        """The state before the first episodes."""
        return local_gps.start(first_controllers(self._setting), self._experiment.local)

    def requests(self, state: LocalState, iteration: int) -> list[EpisodeRequest]:
        """Exploration by each condition's own controller."""
        return exploration(self._experiment, self._setting, state.controllers, iteration)

    def update(self, state: LocalState, episodes: Sequence[Episode], iteration: int) -> tuple[LocalState, Learned]:
        """The next controllers."""
        batch, seed = rollouts(episodes, len(self._setting.train)), derived(self._experiment.seed, "update", iteration)
        state, report = local_gps.update(state, batch, self._setting.task, self._experiment.local, seed)
        return state, learned(self._setting, report)

    def controllers(self, state: LocalState) -> LinearGaussian:
        """The present local controllers (C, T, …)."""
        return state.controllers

    def policy(self, state: LocalState) -> GaussianPolicy | None:
        """None."""
        return None


class Mdgps:
    """Mirror-descent guided policy search: a global policy taught by local controllers."""

    kind = MdgpsState

    def __init__(self, experiment: Experiment, setting: Setting) -> None:
        self._experiment, self._setting = experiment, setting
        self._config = MdgpsConfig(experiment.iterations, experiment.rollouts, experiment.hidden, experiment.local, experiment.fit)

    def start(self) -> MdgpsState:
        """The state before the first episodes."""
        return mdgps.start(first_controllers(self._setting), self._config, derived(self._experiment.seed, "initial"))

    def requests(self, state: MdgpsState, iteration: int) -> list[EpisodeRequest]:
        """Exploration by the controllers at first, then by the global policy."""
        return exploration(self._experiment, self._setting, mdgps.samplers(state), iteration)

    def update(self, state: MdgpsState, episodes: Sequence[Episode], iteration: int) -> tuple[MdgpsState, Learned]:
        """The next controllers and the policy after imitating them."""
        batch, seed = rollouts(episodes, len(self._setting.train)), derived(self._experiment.seed, "update", iteration)
        state, report = mdgps.update(state, batch, self._setting.task, self._config, seed)
        fit = {"error before the fit": report.fit.before, "error after the fit": report.fit.after}
        return state, learned(self._setting, report.local)._replace(policy=fit)

    def controllers(self, state: MdgpsState) -> LinearGaussian:
        """The controllers that the policy was taught by last."""
        return state.local.controllers

    def policy(self, state: MdgpsState) -> GaussianPolicy | None:
        """The present global policy."""
        return state.policy


ALGORITHMS: dict[str, type[LocalGps] | type[Mdgps]] = {"local_gps": LocalGps, "mdgps": Mdgps}


def exploration(experiment: Experiment, setting: Setting, controllers: LinearGaussian | None, iteration: int) -> list[EpisodeRequest]:
    """The noisy episodes of one iteration; without controllers (C, T, …) the global policy acts."""
    return [
        EpisodeRequest(condition, None if controllers is None else at(controllers, c), derived(experiment.seed, "rollout", iteration, c, n))
        for c, condition in enumerate(setting.train)
        for n in range(experiment.rollouts)
    ]


def learned(setting: Setting, report: LocalReport) -> Learned:
    """The report of a local update, condition by condition."""
    names = [condition.name for condition in setting.train]
    rows = zip(names, report.kl, report.step, report.outcome, strict=True)
    updates = tuple(Update(name, float(kl), float(step), str(outcome)) for name, kl, step, outcome in rows)
    repairs = [(name, int(n)) for name, n in zip(names, report.repairs, strict=True) if n]
    return Learned(updates, {}, tuple(f"{name}: {n} steps had an indefinite Hessian, which was raised" for name, n in repairs))
