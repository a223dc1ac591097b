"""Guided policy search for contact tasks whose last policy is its best: teachers first, then trials that only replace what they beat.

Insertion is a matter of millimetres, and a policy that keeps following its teachers and is followed by them goes back and forth
between inserting and not. Here nothing that works is given up:

    teaching    local controllers learn the task, one for each condition, with steady updates (algorithms/steady_local.py);
    agreement   a network learns what they would do in the states of their last iterations, and they learn on, tied to it. Each found
                a way of its own before, and between different ways a network goes wrong; now they become one way for all conditions.
                Every other iteration the network acts, and the best one so far is kept;
    cloning     the network learns from those that are kept in the end. It is a committee: the mean of a few that began differently
                errs less between the conditions (algorithms/committee.py);
    trials      the network acts. Its rollouts are compared with those of the kept one: successes first, then cost. If it is not
                worse it is kept. The next one on trial starts from the kept one, and learns from all lessons, the new one too
                (DAgger); each refusal in a row halves its learning rate;
    at the end  the last one on trial is judged, and what is kept is the result.

A teacher is a linear controller around its own path and says nonsense far from it. So a label is believed only where it is near what
the teacher does on its path at that step:  |u − ū_t| ≤ trust · (rms of |u − ū_t| over the teachers' own rollouts).

The tie is a price for what a teacher's mean action differs from the network's, linearized around the teacher's rollouts:

    minimise  E_p[Σ_t ℓ(x_t, u_t) + ½ bond |u_t − K̂_t x_t − k̂_t|²]        within a KL step, as in algorithms/local_gps.py

Teachers of which no kept rollout succeeds teach nothing, unless there are no others; the tie leads them where the others go. What they
found alone is as fast as the arm can be, a handful of steps, and exact from one start only. Tied teachers start from anywhere near
(`jitter`) and may be asked to be slower (`velocity`), so that feedback has to bring them to where they go, and time to do so.

    state = steady_gps.start(controllers, config, seed)
    for iteration in range(alone):                               # requests as in algorithms/steady_local.py
        local, report, refused = steady_local.update(state.teachers, batch, task, config.local, config.rules.errors, seed)
        state = state._replace(teachers=local)
    for iteration in range(together):
        state, report, fit, refused = steady_gps.agree(state, batch, task, config, seed)  # in the last one: steady_gps.clone
        state, report = steady_gps.prove(state, batch of the policy, task)
    for iteration in range(trials):
        runner.load(steady_gps.policy(state), version=iteration)
        requests = [EpisodeRequest(c, None, seed=…) for c in conditions for _ in range(5)]
        state, report = steady_gps.trial(state, rollouts(runner.run(requests), len(conditions)), task, config, seed)
        # in the last one: steady_gps.settle
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.algorithms import acceptance, committee, policy_fit, policy_linearization, steady_local
from robot_learning.algorithms.acceptance import Score
from robot_learning.algorithms.local_gps import LocalConfig, LocalReport
from robot_learning.algorithms.policy_fit import FitConfig, FitReport
from robot_learning.algorithms.steady_local import Kept, SteadyState
from robot_learning.control.kl_lqr import Bond
from robot_learning.core.matrices import apply
from robot_learning.core.types import Array, LinearGaussian, Rollouts
from robot_learning.models.gaussian_policy import HIDDEN, GaussianPolicy
from robot_learning.tasks.description import TaskConfig
from robot_learning.tasks.success import success


@dataclass(frozen=True)
class SteadyRules:
    """What can be chosen."""

    __pydantic_config__ = {"extra": "forbid"}

    easy: int = 0  # first iterations, in which the hole is wider
    slack: float = 0.0  # how much wider on each side, m
    patience: int = 6  # iterations after which a controller of which no rollout succeeds begins afresh
    alone: int = 10  # iterations in which teachers learn without a network
    bond: float = 0.3  # of tied teachers: cost of a squared difference from the network's actions, action units
    velocity: float = 0.0  # of tied teachers: what is added to the cost's weight of joint velocities, s²/rad²
    jitter: float = 0.0  # of tied teachers: how far each joint starts from where the condition says, at most, rad
    errors: float = 1.0  # standard errors of the difference from which a controller's mean cost counts as clearly worse
    trust: float = 1.0  # how far a label may be from what the teacher does on its own path, in multiples of what is usual there
    deviation: float = 0.1  # of the policy's actions on trial, action units
    members: int = 4  # of the committee


@dataclass(frozen=True)
class SteadyConfig:
    """Settings."""

    hidden: tuple[int, ...] = HIDDEN
    local: LocalConfig = field(default_factory=LocalConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    rules: SteadyRules = field(default_factory=SteadyRules)


class Lesson(NamedTuple):
    """States with labels that are believed."""

    states: Array  # (M, dx)
    actions: Array  # (M, du)


class Proven(NamedTuple):
    """A committee and what its rollouts were worth."""

    members: tuple[GaussianPolicy, ...]
    successes: int
    cost: Array  # mean over the rollouts


class SteadyGpsState(NamedTuple):
    """All that the next iteration depends on."""

    teachers: SteadyState
    members: tuple[GaussianPolicy, ...]  # of the policy on trial; in the end of the kept one
    kept: Proven | None  # None: none has been on trial yet
    refusals: int  # in a row
    lessons: tuple[Lesson, ...]


class TrialReport(NamedTuple):
    """What one trial showed, and what was learned from it."""

    score: Score
    kept: Score  # after the trial
    accepted: bool
    believed: float  # share of the labels
    fit: FitReport | None  # of the next one on trial; None: there is none


def start(controllers: LinearGaussian, config: SteadyConfig, seed: int) -> SteadyGpsState:
    """The state before the first rollouts, with the first controllers (C, T, …)."""
    du, dx = controllers.K.shape[-2:]
    members = tuple(GaussianPolicy.initial(dx, du, seed + i, hidden=config.hidden) for i in range(config.rules.members))
    return SteadyGpsState(steady_local.start(controllers, config.local), members, None, 0, ())


def policy(state: SteadyGpsState) -> GaussianPolicy:
    """The policy on trial; in the end the kept one."""
    return committee.merged(state.members)


def agree(
    state: SteadyGpsState, rollouts: Rollouts, task: TaskConfig, config: SteadyConfig, seed: int
) -> tuple[SteadyGpsState, LocalReport, FitReport, NDArray[np.bool_]]:
    """A network that follows the kept teachers, the next teachers on trial, tied to it, and where (C,) the last ones were refused."""
    task = gentle(task, config.rules)
    kept, refused = steady_local.judge(state.teachers, rollouts, task, config.rules.errors)
    lessons = _lessons(state.teachers.local.memory, kept, task, config)
    members, fitted = _fit(state.members, lessons, config, replace(config.fit, steps=max(config.fit.steps // 3, 1)), seed)
    bond = tie(committee.merged(members), kept.rollouts.states, config.rules.bond)
    teachers, report = steady_local.improve(state.teachers, kept, refused, task, config.local, seed, bond)
    return state._replace(teachers=teachers, members=members), report, fitted, refused


def gentle(task: TaskConfig, rules: SteadyRules) -> TaskConfig:
    """The task of tied teachers: fast motion costs more."""
    return replace(task, cost=replace(task.cost, velocity=task.cost.velocity + rules.velocity))


def tie(policy: GaussianPolicy, states: Array, weight: float) -> Bond:
    """What a squared difference of actions from those of `policy` costs around `states` (C, N, T + 1, dx); `weight` per action unit²."""
    near = policy_linearization.linearize(policy, states)
    *steps, du, dx = near.K.shape
    unit = np.broadcast_to(np.eye(du), near.covariance.shape)
    return Bond(near._replace(covariance=unit), np.full(steps, weight), np.zeros((*steps, dx + du)), np.zeros(steps))


def clone(
    state: SteadyGpsState, rollouts: Rollouts, task: TaskConfig, config: SteadyConfig, seed: int
) -> tuple[SteadyGpsState, FitReport, NDArray[np.bool_]]:
    """After the last `rollouts` of teachers on trial: who teaches from now on, a first policy, and where (C,) the trial was refused."""
    teachers, refused = steady_local.settle(state.teachers, rollouts, gentle(task, config.rules), config.rules.errors)
    assert teachers.kept is not None
    lessons = _lessons(teachers.local.memory, teachers.kept, task, config)
    members, report = _fit(state.members, lessons, config, config.fit, seed)
    return state._replace(teachers=teachers, members=members, lessons=lessons), report, refused


def trial(
    state: SteadyGpsState, rollouts: Rollouts, task: TaskConfig, config: SteadyConfig, seed: int
) -> tuple[SteadyGpsState, TrialReport]:
    """The next policy on trial, after `rollouts` of the present one: states (C, N, T + 1, dx), actions (C, N, T, du)."""
    state, report = settle(state, rollouts, task)
    assert state.kept is not None
    assert state.teachers.kept is not None
    new = lesson(state.teachers.kept, rollouts.states, config.rules.trust)
    lessons = (*state.lessons, new)
    settings = replace(config.fit, rate=config.fit.rate * 0.5**state.refusals)
    members, fitted = _fit(state.kept.members, lessons, config, settings, seed)
    believed = len(new.states) / rollouts.actions[..., 0].size
    return state._replace(members=members, lessons=lessons), report._replace(believed=believed, fit=fitted)


def prove(state: SteadyGpsState, rollouts: Rollouts, task: TaskConfig) -> tuple[SteadyGpsState, TrialReport]:
    """The state that remembers the policy on trial if no other was better in its `rollouts`; teachers and network go on as they are."""
    judged, report = settle(state, rollouts, task)
    return state._replace(kept=judged.kept), report


def settle(state: SteadyGpsState, rollouts: Rollouts, task: TaskConfig) -> tuple[SteadyGpsState, TrialReport]:
    """The state whose policy is the kept one, after `rollouts` of the one on trial; nothing is learned."""
    score, kept = rate(rollouts, task), state.kept
    accepted = kept is None or acceptance.at_least_as_good(score, Score(kept.successes, float(kept.cost)))
    if kept is None or accepted:
        kept = Proven(state.members, score.successes, np.array(score.cost))
    refusals = 0 if accepted else state.refusals + 1
    report = TrialReport(score, Score(kept.successes, float(kept.cost)), accepted, 0.0, None)
    return state._replace(members=kept.members, kept=kept, refusals=refusals), report


def rate(rollouts: Rollouts, task: TaskConfig) -> Score:
    """What rollouts (C, N, …) of a policy are worth."""
    done = success(task, rollouts.states[..., -1, :], global_policy=True)
    return Score(int(np.sum(done)), float(np.mean(steady_local.paid(task, rollouts))))


def lesson(kept: Kept, states: Array, trust: float) -> Lesson:
    """Labels of `states` (C, N, T + 1, dx), each by the kept teacher of its condition and step, as far as they are believed."""
    visited, own = states[..., :-1, :], _labels(kept.controllers, kept.rollouts.states[..., :-1, :])
    usual = np.mean(own, axis=1, keepdims=True)  # (C, 1, T, du)
    labels = _labels(kept.controllers, visited)
    limit = trust * np.sqrt(np.mean((own - usual) ** 2))
    believed = np.sqrt(np.mean((labels - usual) ** 2, axis=-1)) <= limit
    return Lesson(visited[believed], labels[believed])


def _lessons(memory: tuple[Rollouts, ...], kept: Kept, task: TaskConfig, config: SteadyConfig) -> tuple[Lesson, ...]:
    """What the kept teachers would do in the states of the last iterations, and in those of their own rollouts."""
    able = steady_local.able(kept, task)
    chosen = able if np.any(able) else ~able
    teachers = Kept(LinearGaussian(*(part[chosen] for part in kept.controllers)), Rollouts(*(part[chosen] for part in kept.rollouts)))
    visited = (*(part.states[chosen] for part in memory), teachers.rollouts.states)
    return tuple(lesson(teachers, states, config.rules.trust) for states in visited)


def _labels(controllers: LinearGaussian, states: Array) -> Array:
    labels: Array = apply(controllers.K[:, None], states) + controllers.k[:, None]
    return labels


def _fit(
    members: tuple[GaussianPolicy, ...], lessons: tuple[Lesson, ...], config: SteadyConfig, fit: FitConfig, seed: int
) -> tuple[tuple[GaussianPolicy, ...], FitReport]:
    """The members after all lessons, from the given ones, and the report of the one that fits worst; if one diverges, all stay."""
    x, y = (np.concatenate(parts) for parts in zip(*lessons, strict=True))
    du, deviation = y.shape[-1], config.rules.deviation
    exact = np.broadcast_to(np.eye(du) / deviation**2, (1, du, du))
    settings = replace(fit, least_deviation=deviation)
    fitted = [policy_fit.imitate(member, x, y, exact, settings, seed + i) for i, member in enumerate(members)]
    for _, report in fitted:
        if report.outcome.startswith("rejected"):
            return members, report
    return tuple(member for member, _ in fitted), max((report for _, report in fitted), key=lambda report: report.after)
