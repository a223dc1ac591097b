"""The algorithms, each behind the four questions that the training loop asks."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from robot_learning.algorithms import augmented_lagrangian, badmm, local_gps, mdgps
from robot_learning.algorithms.local_gps import LocalReport, LocalState
from robot_learning.algorithms.mdgps import MdgpsConfig, MdgpsState
from robot_learning.algorithms.multipliers import DualState, LoopConfig, Turn
from robot_learning.algorithms.policy_fit import FitReport
from robot_learning.control.linear_gaussian import at
from robot_learning.core.types import LinearGaussian
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.models.policy import Policy
from robot_learning.run.demonstrations import first_controllers
from robot_learning.run.episodes import Episode, EpisodeRequest, rollouts
from robot_learning.run.experiment import Experiment
from robot_learning.run.records import Update
from robot_learning.run.seeds import derived
from robot_learning.run.setting import Setting
from robot_learning.tasks.description import Condition


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

    def policy(self, state: Any) -> Policy | None:
        """The present global policy; None if the algorithm has none."""
        ...

    def general(self, state: Any, condition: Condition) -> LinearGaussian | None:
        """The controller (T, …) that acts as the general policy in any condition; None: the network does."""
        ...


class LocalGps:
    """Local controllers alone."""

    kind = LocalState

    def __init__(self, experiment: Experiment, setting: Setting) -> None:
        self._experiment, self._setting = experiment, setting

    def start(self) -> LocalState:
        """The state before the first episodes."""
        return local_gps.start(first_controllers(self._experiment, self._setting), self._experiment.local)

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

    def policy(self, state: LocalState) -> Policy | None:
        """None."""
        return None

    def general(self, state: LocalState, condition: Condition) -> LinearGaussian | None:
        """None."""
        return None


class Taught:
    """A global policy taught by local controllers: what the algorithms of this kind share."""

    def __init__(self, experiment: Experiment, setting: Setting, algorithm: Any, config: Any) -> None:
        """`algorithm`: a module with start, samplers and update; `config`: its settings."""
        self._experiment, self._setting = experiment, setting
        self._algorithm, self._config = algorithm, config

    def start(self) -> Any:
        """The state before the first episodes."""
        first = first_controllers(self._experiment, self._setting)
        return self._algorithm.start(first, self._config, derived(self._experiment.seed, "initial"))

    def requests(self, state: Any, iteration: int) -> list[EpisodeRequest]:
        """Exploration by the controllers at first, then by those who make the algorithm's rollouts."""
        return exploration(self._experiment, self._setting, self._algorithm.samplers(state, self._config), iteration)

    def controllers(self, state: Any) -> LinearGaussian:
        """The controllers that the policy was taught by last."""
        found: LinearGaussian = state.local.controllers
        return found

    def policy(self, state: Any) -> GaussianPolicy | None:
        """The present global policy."""
        found: GaussianPolicy = state.policy
        return found

    def general(self, state: Any, condition: Condition) -> LinearGaussian | None:
        """None: the network acts in general."""
        return None

    def _step(self, state: Any, episodes: Sequence[Episode], iteration: int) -> tuple[Any, Any]:
        batch, seed = rollouts(episodes, len(self._setting.train)), derived(self._experiment.seed, "update", iteration)
        found: tuple[Any, Any] = self._algorithm.update(state, batch, self._setting.task, self._config, seed)
        return found


class Mdgps(Taught):
    """Mirror-descent guided policy search."""

    kind = MdgpsState

    def __init__(self, experiment: Experiment, setting: Setting) -> None:
        e = experiment
        super().__init__(e, setting, mdgps, MdgpsConfig(e.iterations, e.rollouts, e.hidden, e.local, e.fit, e.mdgps))

    def update(self, state: MdgpsState, episodes: Sequence[Episode], iteration: int) -> tuple[MdgpsState, Learned]:
        """The next controllers and the policy after imitating them."""
        state, report = self._step(state, episodes, iteration)
        found = learned(self._setting, report.local)
        return state, found._replace(policy=errors(report.fit), notes=(*found.notes, *fit_notes(report.fit)))


class AugmentedLagrangian(Taught):
    """Dual gradient descent on the augmented Lagrangian."""

    kind = DualState

    def __init__(self, experiment: Experiment, setting: Setting) -> None:
        config = augmented_lagrangian.AugmentedConfig(experiment.augmented_lagrangian, loop(experiment))
        super().__init__(experiment, setting, augmented_lagrangian, config)

    def update(self, state: DualState, episodes: Sequence[Episode], iteration: int) -> tuple[DualState, Learned]:
        """The next controllers, policy and multipliers."""
        state, turns = self._step(state, episodes, iteration)
        return state, learned_in_turns(self._setting, turns)


class Badmm(Taught):
    """Bregman ADMM."""

    kind = DualState

    def __init__(self, experiment: Experiment, setting: Setting) -> None:
        super().__init__(experiment, setting, badmm, badmm.BadmmConfig(experiment.badmm, loop(experiment)))

    def update(self, state: DualState, episodes: Sequence[Episode], iteration: int) -> tuple[DualState, Learned]:
        """The next controllers, policy, multipliers and weights."""
        state, turns = self._step(state, episodes, iteration)
        return state, learned_in_turns(self._setting, turns)


def loop(experiment: Experiment) -> LoopConfig:
    """The settings that the algorithms with multipliers share."""
    return LoopConfig(experiment.turns, experiment.hidden, experiment.local, experiment.fit)


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
    kept = "; the controller from before was kept"
    updates = tuple(Update(n, float(kl), float(step), o + kept * o.startswith("rejected")) for n, kl, step, o in rows)
    raised, regularized = "had an indefinite Hessian, which was raised", "had degenerate data, which were regularized further"
    repairs = [
        f"{name}: {n} steps {what}"
        for what, counts in ((raised, report.repairs), (regularized, report.regularized))
        for name, n in zip(names, counts, strict=True)
        if n
    ]
    return Learned(updates, {}, (*repairs, *([report.prior] if report.prior else [])))


def errors(fit: FitReport) -> dict[str, float]:
    """What the log says of a fit."""
    return {"error before the fit": fit.before, "error after the fit": fit.after}


def fit_notes(fit: FitReport) -> tuple[str, ...]:
    """What went wrong in a fit."""
    if fit.outcome.startswith("rejected"):
        return (f"policy: {fit.outcome}; the policy from before was kept",)
    return (f"policy: the error rose from {fit.before:.3g} to {fit.after:.3g} in the fit",) if fit.after > fit.before else ()


def learned_in_turns(setting: Setting, turns: Sequence[Turn]) -> Learned:
    """The report of an update in turns: its last turn, and what went wrong in any of them."""
    found, notes = [learned(setting, turn.local) for turn in turns], []
    for number, (turn, said) in enumerate(zip(turns, found, strict=True), start=1):
        earlier = said.updates if number < len(turns) else ()
        refused = [f"{u.condition}: {u.outcome}" for u in earlier if u.outcome.startswith("rejected")]
        kept = [f"{setting.train[c].name}: multipliers were kept, the gap to the policy is not finite" for c in turn.kept]
        notes += [f"turn {number}: {note}" for note in (*refused, *said.notes, *fit_notes(turn.fit), *kept)]
    held = [f"{turn.held} in turn {number}" for number, turn in enumerate(turns, start=1) if turn.held]
    notes += [f"weights held at a bound: {', '.join(held)}"] if held else []
    last = turns[-1]
    return found[-1]._replace(policy={**errors(last.fit), "gap of the mean actions": last.gap}, notes=tuple(notes))
