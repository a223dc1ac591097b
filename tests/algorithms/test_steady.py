"""Updates that are taken back when they turn out worse, and policies that only better ones replace."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from point_mass import HORIZON, LOCAL, TARGETS, TASK, first_controllers, local, rollouts

from robot_learning.algorithms import acceptance, committee, steady_gps, steady_local
from robot_learning.algorithms.acceptance import Score
from robot_learning.algorithms.checkpoint import pack, unpack
from robot_learning.algorithms.policy_fit import FitConfig
from robot_learning.algorithms.steady_gps import SteadyConfig, SteadyGpsState, SteadyRules
from robot_learning.core.types import Rollouts
from robot_learning.models.gaussian_policy import GaussianPolicy

CONFIG = SteadyConfig((16,), LOCAL, FitConfig(steps=60, batch=64), SteadyRules(trust=3.0, members=2))


@cache
def tried(iterations=1):
    """The state after some updates that were not taken back, and rollouts of what is on trial in it."""
    state = steady_local.start(first_controllers(), LOCAL)
    for i in range(iterations):
        batch = rollouts(local(state.local.controllers), 5, i)
        state, _, _ = steady_local.update(state, batch, TASK, LOCAL, 1.0, i)
    return state, rollouts(local(state.local.controllers), 5, iterations)


def spoiled(batch, conditions):
    """Rollouts whose states are twice as far from everything in some conditions."""
    states = batch.states.copy()
    states[conditions] *= 2.0
    return Rollouts(states + np.where(np.isin(np.arange(len(states)), conditions), 1.0, 0.0)[:, None, None, None], batch.actions)


def test_a_clearly_worse_update_leaves_its_condition_as_it_was_and_halves_the_step():
    state, batch = tried()
    after, report, refused = steady_local.update(state, spoiled(batch, [1]), TASK, LOCAL, 1.0, 7)
    assert_array_equal(refused, [False, True, False])
    for old, new in zip((*state.kept.controllers, *state.kept.rollouts), (*after.kept.controllers, *after.kept.rollouts), strict=True):
        assert_array_equal(new[1], old[1])
    for trial, new in zip((*state.local.controllers, *batch), (*after.kept.controllers, *after.kept.rollouts), strict=True):
        assert_array_equal(new[[0, 2]], trial[[0, 2]])
    assert report.step[1] == 0.5 * state.local.step[1]
    assert report.cost[1] == np.mean(steady_local.paid(TASK, state.kept.rollouts)[1])


def test_what_is_kept_is_never_clearly_worse_than_what_was_kept_before():
    state, batch = tried()
    for number in range(4):
        noise = np.random.default_rng(number).normal(scale=0.3, size=batch.states.shape)
        before = state.kept
        state, _, _ = steady_local.update(state, Rollouts(batch.states + noise, batch.actions), TASK, LOCAL, 0.0, number)
        assert np.all(np.mean(steady_local.paid(TASK, state.kept.rollouts), -1) <= np.mean(steady_local.paid(TASK, before.rollouts), -1))


def test_on_a_linear_system_nothing_is_refused_and_the_cost_falls():
    state, batch = tried(3)
    assert np.all(
        np.mean(steady_local.paid(TASK, batch), -1) < np.mean(steady_local.paid(TASK, rollouts(local(first_controllers()), 5, 0)), -1)
    )
    final, refused = steady_local.settle(state, batch, TASK, 1.0)
    assert not np.any(refused)
    assert_array_equal(final.local.controllers.K, state.local.controllers.K)


def test_in_the_end_the_kept_controllers_act():
    state, batch = tried()
    final, refused = steady_local.settle(state, spoiled(batch, [0, 2]), TASK, 1.0)
    assert_array_equal(refused, [True, False, True])
    assert_array_equal(final.local.controllers.K[[0, 2]], state.kept.controllers.K[[0, 2]])
    assert_array_equal(final.local.controllers.K[1], state.local.controllers.K[1])


def at_target(kept, conditions):
    """What was kept, with rollouts that end at the target in some conditions and nowhere near it in the others."""
    states = kept.rollouts.states.copy()
    states[..., -1, 6:9] = 1.0
    states[conditions, :, -1, 6:9] = 0.0
    return kept._replace(rollouts=Rollouts(states, kept.rollouts.actions))


def test_a_controller_that_never_succeeds_begins_afresh_and_is_judged_by_nothing_before():
    state, batch = tried(3)
    state = state._replace(kept=at_target(state.kept, [0, 2]))
    assert not np.any(steady_local.restart(state, first_controllers(), TASK, LOCAL, 4)[1])
    after, again = steady_local.restart(state, first_controllers(), TASK, LOCAL, 3)
    assert_array_equal(again, [False, True, False])
    assert_array_equal(after.local.controllers.K[1], first_controllers().K[1])
    assert_array_equal(after.local.controllers.k[[0, 2]], state.local.controllers.k[[0, 2]])
    assert_array_equal(after.age, [3, 0, 3])
    _, refused = steady_local.judge(after, spoiled(batch, [0, 1]), TASK, 1.0)
    assert_array_equal(refused, [True, False, False])
    then, report, _ = steady_local.update(after, batch, TASK, LOCAL, 1.0, 5)
    assert report.step[1] == LOCAL.kl_step
    assert_array_equal(then.age, [4, 1, 4])


def test_before_anything_was_measured_nothing_begins_afresh():
    state = steady_local.start(first_controllers(), LOCAL)
    assert not np.any(steady_local.restart(state, first_controllers(), TASK, LOCAL, 0)[1])


@pytest.mark.parametrize("cost", [np.nan, np.inf])
def test_costs_that_are_not_finite_are_worse(cost):
    assert acceptance.clearly_worse(np.array([[1.0, cost]]), np.array([[2.0, 3.0]]), 1.0)[0]
    assert not acceptance.at_least_as_good(Score(3, cost), Score(3, 0.0))


def test_a_difference_within_the_errors_is_not_clear():
    kept, costs = np.array([[0.0, 2.0]]), np.array([[1.0, 3.0]])  # means 1 and 2, each with a standard error of 1
    assert acceptance.clearly_worse(costs, kept, 0.5)[0]
    assert not acceptance.clearly_worse(costs, kept, 1.0)[0]


def test_successes_count_before_cost():
    assert acceptance.at_least_as_good(Score(4, 9.0), Score(3, 1.0))
    assert not acceptance.at_least_as_good(Score(3, 1.0), Score(4, 9.0))
    assert acceptance.at_least_as_good(Score(4, 1.0), Score(4, 1.0))
    assert not acceptance.at_least_as_good(Score(4, 1.1), Score(4, 1.0))


def apart(state):
    """How far (C,) the teachers on trial are from the network on the kept rollouts: mean squared difference of actions."""
    states, (K, k, _) = state.teachers.kept.rollouts.states[..., :-1, :], state.teachers.local.controllers
    actions = np.einsum("ctux,cntx->cntu", K, states) + k[:, None]
    return np.mean((actions - steady_gps.policy(state).mean(states)) ** 2, axis=(1, 2, 3))


def agreed(bond):
    """The state after one iteration of agreement."""
    teachers, batch = tried(2)
    state = steady_gps.start(first_controllers(), CONFIG, 0)._replace(teachers=teachers)
    tied = replace(CONFIG, rules=replace(CONFIG.rules, bond=bond))
    return steady_gps.agree(state, batch, TASK, tied, 3)


def test_the_tie_brings_teachers_and_network_together():
    loose, report, fit, refused = agreed(0.0)
    tied, *_ = agreed(10.0)
    assert np.all(apart(tied) < 0.3 * apart(loose))
    assert (len(report.outcome), fit.outcome, len(refused)) == (len(TARGETS), "fitted", len(TARGETS))
    alone, *_ = steady_local.update(tried(2)[0], tried(2)[1], TASK, LOCAL, CONFIG.rules.errors, 3)
    assert_allclose(loose.teachers.local.controllers.K, alone.local.controllers.K, rtol=1e-3, atol=1e-3)


def test_tied_teachers_are_slower_if_speed_costs_more():
    def speed(velocity):
        teachers, batch = tried(2)
        state = steady_gps.start(first_controllers(), CONFIG, 0)._replace(teachers=teachers)
        rules = replace(CONFIG.rules, bond=0.0, velocity=velocity)
        state, *_ = steady_gps.agree(state, batch, TASK, replace(CONFIG, rules=rules), 3)
        return np.mean(rollouts(local(state.teachers.local.controllers), 5, 8).states[..., 3:6] ** 2, axis=(1, 2, 3))

    assert np.all(speed(3.0) < 0.9 * speed(0.0))


def test_a_tie_is_centred_on_what_the_network_does():
    state, states = cloned(), cloned().teachers.kept.rollouts.states
    bond = steady_gps.tie(steady_gps.policy(state), states, 2.0)
    middle = np.mean(states[..., :-1, :], axis=1)
    wanted = np.mean(steady_gps.policy(state).mean(states[..., :-1, :]), axis=1)
    assert_allclose(np.einsum("ctux,ctx->ctu", bond.policy.K, middle) + bond.policy.k, wanted, atol=1e-9)
    assert np.all(bond.weight == 2.0)


def test_who_never_succeeds_teaches_nothing():
    teachers, batch = tried(2)
    start = steady_gps.start(first_controllers(), CONFIG, 0)
    taught = []
    for conditions in ([0, 1, 2], [0, 2], []):
        kept = at_target(teachers.kept, conditions)
        never = teachers._replace(kept=kept, age=np.zeros(3, dtype=int))
        trial = at_target(kept._replace(rollouts=batch), conditions).rollouts
        state, _, _ = steady_gps.clone(start._replace(teachers=never), trial, TASK, CONFIG, 3)
        taught.append(np.concatenate([lesson.states for lesson in state.lessons]))
    goals = [np.unique(np.round(x[:, 0] - x[:, 6], 6)) for x in taught]  # q − (q − target)
    assert [len(found) for found in goals] == [3, 2, 3]
    assert TARGETS[1, 0] not in goals[1]


@cache
def cloned():
    """The state with a first policy on trial."""
    teachers, batch = tried(2)
    state = steady_gps.start(first_controllers(), CONFIG, 0)._replace(teachers=teachers)
    state, _, _ = steady_gps.clone(state, batch, TASK, CONFIG, 3)
    return state


def shown(state, seed):
    """Rollouts of the policy on trial."""
    policy = steady_gps.policy(state)
    return rollouts([lambda t, x, n: policy.act(x, n)] * len(TARGETS), 2, seed)


def test_a_policy_replaces_the_kept_one_only_if_its_rollouts_are_not_worse():
    state, scores = cloned(), []
    for i in range(4):
        before = state
        batch = shown(state, i) if i != 2 else spoiled(shown(state, i), [0, 1, 2])
        state, report = steady_gps.trial(state, batch, TASK, CONFIG, i)
        scores.append(report.kept)
        assert report.score == steady_gps.rate(batch, TASK)
        if not report.accepted:
            assert state.kept == before.kept
        assert state.refusals == (0 if report.accepted else before.refusals + 1)
        assert report.fit.outcome == "fitted"
    assert not any(acceptance.at_least_as_good(old, new) and old != new for old, new in zip(scores[:-1], scores[1:], strict=True))
    final, report = steady_gps.settle(state, spoiled(shown(state, 9), [0, 1, 2]), TASK)
    assert not report.accepted
    assert final.members is state.kept.members


def test_the_best_network_is_remembered_while_another_one_goes_on():
    state = cloned()
    good, bad = shown(state, 0), spoiled(shown(state, 0), [0, 1, 2])
    first, report = steady_gps.prove(state, good, TASK)
    assert report.accepted
    later, report = steady_gps.prove(first._replace(members=first.members[::-1]), bad, TASK)
    assert not report.accepted
    assert later.kept is first.kept
    assert later.members == first.members[::-1]
    final, _ = steady_gps.settle(later, bad, TASK)
    assert final.members is first.members


def test_labels_are_believed_near_what_the_teacher_does_and_not_far_from_it():
    state = cloned()
    own = state.teachers.kept.rollouts.states
    near, far = (steady_gps.lesson(state.teachers.kept, states, 3.0) for states in (own, own + 10.0))
    assert len(near.states) > 0.9 * own[..., :-1, 0].size
    assert len(far.states) == 0
    assert np.max(np.abs(near.actions)) < 10.0
    assert all(len(lesson.states) == len(lesson.actions) <= len(TARGETS) * 5 * HORIZON for lesson in state.lessons)


def test_a_trial_depends_on_nothing_but_its_arguments_and_survives_a_checkpoint():
    state = cloned()
    batch = shown(state, 1)
    state, _ = steady_gps.trial(state, batch, TASK, CONFIG, 5)
    restored = unpack(SteadyGpsState, pack(state))
    again = [steady_gps.trial(each, batch, TASK, CONFIG, 6)[0] for each in (state, restored)]
    first, second = (pack(each) for each in again)
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert_array_equal(second[name], array)


@pytest.mark.parametrize("hidden", [(5,), (6, 4), (6, 4, 3)])
def test_a_committee_acts_by_the_mean_of_its_members(hidden):
    members = [GaussianPolicy.initial(4, 2, seed, hidden=hidden) for seed in range(3)]
    states = np.random.default_rng(0).normal(size=(7, 4))
    assert_allclose(committee.merged(members).mean(states), np.mean([m.mean(states) for m in members], axis=0), atol=1e-6)
    assert committee.merged(members[:1]) is members[0]


def test_a_committee_that_is_not_normalized_alike_is_refused():
    one, other = (GaussianPolicy.initial(4, 2, seed) for seed in (0, 1))
    moved = GaussianPolicy(other.layers, other.center + 1.0, other.scale, other.covariance)
    with pytest.raises(ValueError, match="normalized alike"):
        committee.merged([one, moved])


def test_if_one_member_diverges_all_stay():
    state = cloned()
    wild = replace(CONFIG, fit=FitConfig(steps=60, batch=64, rate=1e30))
    with np.errstate(all="ignore"):
        after, report, _ = steady_gps.clone(state, state.teachers.kept.rollouts, TASK, wild, 3)
    assert report.outcome.startswith("rejected")
    assert after.members is state.members
