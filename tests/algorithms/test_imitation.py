"""Behaviour cloning, DAgger, PLATO and nearest neighbour: who visits the states, and what is learned there."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.algorithms import behaviour_cloning, dagger, nearest_neighbour, plato
from robot_learning.algorithms.behaviour_cloning import CloningConfig, CloningState, Labels
from robot_learning.algorithms.checkpoint import pack, unpack
from robot_learning.algorithms.dagger import DaggerRules
from robot_learning.algorithms.plato import PlatoRules
from robot_learning.algorithms.policy_fit import FitConfig
from robot_learning.control import linear_gaussian, lqr, mpc
from robot_learning.control.ilqr import Problem
from robot_learning.control.linear_gaussian import at
from robot_learning.core import gaussian
from robot_learning.core.gaussian import Normal
from robot_learning.core.types import Dynamics, LinearGaussian, QuadraticCost
from robot_learning.models.gaussian_policy import GaussianPolicy

DX, DU, STEPS, DT = 4, 2, 15, 0.1
GAIN = np.array([[-3.0, 0.5, -2.5, 0.0], [0.0, -2.0, 0.3, -2.0]])
STARTS = np.array([[1.0, 0.5, 0.0, 0.0], [-0.5, 1.0, 0.0, 0.0]])
CONFIG = CloningConfig((16,), FitConfig(steps=300, batch=64, decay=0.0, least_deviation=0.01))


def plant(x, u):
    """A point mass in the plane, [place, speed], that is pushed away from the middle."""
    return np.concatenate([x[:2] + DT * x[2:], x[2:] + DT * (u + 1.5 * x[:2])])


def teachers(deviation=0.01):
    """The same linear feedback at all steps, for each start."""
    shape = (len(STARTS), STEPS)
    K, k = np.broadcast_to(GAIN, (*shape, DU, DX)), np.zeros((*shape, DU))
    return LinearGaussian(K, k, np.broadcast_to(deviation**2 * np.eye(DU), (*shape, DU, DU)))


def rollouts(actors, seed, noise=0.05, starts=STARTS):
    """States (C, N, T + 1, dx); actors: C rows of N functions (t, x) -> u, to whose actions noise is added."""
    rng = np.random.default_rng(seed)
    states = np.empty((len(actors), len(actors[0]), STEPS + 1, DX))
    for c, row in enumerate(actors):
        for n, act in enumerate(row):
            states[c, n, 0] = starts[c]
            for t in range(STEPS):
                states[c, n, t + 1] = plant(states[c, n, t], act(t, states[c, n, t]) + noise * rng.standard_normal(DU))
    return states


def by(controllers, count=2):
    """Local controllers (C, T, …) as actors."""
    parts = [at(controllers, c) for c in range(len(controllers.k))]
    return [[lambda t, x, own=own: linear_gaussian.act(own, t, x)] * count for own in parts]


def by_policy(policy, count=2):
    return [[lambda t, x: policy.act(x)] * count] * len(STARTS)


def learned(who, label, iterations=3, noise=0.05, plain=None, config=CONFIG):
    """The state after some iterations in which `who` acts: "teacher", "learner" (DAgger) or "adapted" (PLATO)."""
    plain = plain or teachers()
    state = behaviour_cloning.start(DX, DU, config, 0)
    for i in range(iterations):
        actors = by(plain)
        if who == "learner" and i > 0:
            actors = by_policy(state.policy)
        if who == "adapted":
            actors = by(plato.teachers(state, plain, PlatoRules(3.0)))
        state, report = behaviour_cloning.update(state, rollouts(actors, i, noise), label, config, i)
        assert report.outcome == "fitted"
    return state


@pytest.mark.parametrize("who", ["teacher", "learner", "adapted"])
def test_a_linear_expert_is_recovered_on_a_linear_system(who):
    state = learned(who, behaviour_cloning.controllers(teachers()))
    visited = rollouts(by_policy(state.policy), 9, noise=0.0)
    assert np.sqrt(np.mean((state.policy.mean(visited) - visited @ GAIN.T) ** 2)) < 0.05 * np.std(visited @ GAIN.T)
    assert np.max(np.abs(visited[:, :, -1] - rollouts(by(teachers()), 9, noise=0.0)[:, :, -1])) < 0.05


def test_all_lessons_are_kept_and_labelled_where_they_were_visited():
    asked = []

    def label(states):
        asked.append(states)
        return Labels(states @ GAIN.T, np.eye(DU))

    state = learned("learner", label)
    assert len(state.lessons) == 3
    for lesson, states in zip(state.lessons, asked, strict=True):
        assert_array_equal(lesson.states[..., :-1, :], states)
        assert_array_equal(lesson.actions, states @ GAIN.T)
    again = rollouts(by_policy(learned("learner", label, iterations=2).policy), 2)
    assert_array_equal(state.lessons[2].states, again)


def test_an_expert_function_and_local_controllers_that_agree_give_the_same_labels_and_precisions():
    states = rollouts(by(teachers(0.5)), 0)[..., :-1, :]
    ours, theirs = behaviour_cloning.controllers(teachers(0.5))(states), behaviour_cloning.expert(lambda x: x @ GAIN.T, 0.5)(states)
    assert_allclose(ours.actions, theirs.actions, atol=1e-12)
    assert_allclose(*np.broadcast_arrays(ours.precision, theirs.precision), rtol=1e-9)


def test_labels_count_by_their_precision():
    def label(states):
        precision = np.broadcast_to(np.eye(DU), (*states.shape[:-1], DU, DU)).copy()
        precision[0] *= 1e6
        right = states @ GAIN.T
        return Labels(np.stack([right[0], right[1] + 100.0]), precision)

    state = learned("teacher", label, iterations=2, noise=0.3)
    visited = state.lessons[-1].states[0]
    assert np.sqrt(np.mean((state.policy.mean(visited) - visited @ GAIN.T) ** 2)) < 5.0


def farthest(state, visited):
    """How far the farthest of some states is from everything that was labelled."""
    known = np.concatenate([lesson.states.reshape(-1, DX) for lesson in state.lessons])
    return max(np.min(np.linalg.norm(known - x, axis=1)) for x in visited.reshape(-1, DX))


def test_with_an_expert_that_is_only_right_near_its_states_the_lessons_of_dagger_cover_those_of_the_learner():
    def label(states):
        """Half as strong where the plain teacher never comes."""
        known = rollouts(by(teachers()), 0, noise=0.0)[:, :1, :-1]
        far = np.linalg.norm(states - known, axis=-1, keepdims=True) > 0.3
        return Labels(np.where(far, 0.5, 1.0) * (states @ GAIN.T), np.eye(DU))

    # it cannot quite do what the expert does, and goes elsewhere
    weak = CloningConfig((2,), FitConfig(steps=30, batch=64, decay=0.0, least_deviation=0.01))
    cloned = learned("teacher", label, iterations=5, noise=0.0, config=weak)
    aggregated = learned("learner", label, iterations=5, noise=0.0, config=weak)
    gaps = [farthest(state, rollouts(by_policy(state.policy), 0, noise=0.0)) for state in (cloned, aggregated)]
    assert gaps[1] < 0.5 * gaps[0]


def test_in_dagger_the_expert_acts_at_first_and_its_share_then_falls():
    for mixture in (0.0, 0.5, 1.0):
        assert np.all(dagger.by_expert(0, 4, 5, DaggerRules(mixture), 0))
    assert not np.any(dagger.by_expert(1, 4, 5, DaggerRules(0.0), 0))
    assert np.all(dagger.by_expert(7, 4, 5, DaggerRules(1.0), 0))
    shares = [np.mean(dagger.by_expert(i, 100, 100, DaggerRules(0.5), 3)) for i in (1, 2)]
    assert_allclose(shares, [0.5, 0.25], atol=0.02)
    assert_array_equal(dagger.by_expert(1, 3, 3, DaggerRules(0.5), 8), dagger.by_expert(1, 3, 3, DaggerRules(0.5), 8))


def normal(seed, scale=1.0):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((DU, DU))
    return Normal(rng.standard_normal(DU), scale * (A @ A.T + 0.1 * np.eye(DU)))


@pytest.mark.parametrize("nearness", [0.0, 0.3, 10.0])
def test_no_other_action_is_cheaper_and_nearer_than_platos(nearness):
    teacher, learner = normal(0), normal(1, 0.3)

    def objective(p):
        """E[Q] − H(p) is KL(p ‖ teacher) up to a constant, for Q with the teacher's minimum and curvature."""
        return gaussian.divergence(p, teacher) + nearness * gaussian.divergence(p, learner)

    found, rng = plato.near(teacher, learner, nearness), np.random.default_rng(2)
    for size in (1e-3, 1e-1):
        for _ in range(20):
            M = np.eye(DU) + size * rng.standard_normal((DU, DU))
            other = Normal(found.mean + size * rng.standard_normal(DU), M @ found.covariance @ M.T)
            assert objective(other) > objective(found)


def test_plato_is_the_plain_teacher_at_zero_and_the_learner_at_infinity_and_nearer_in_between_the_larger_lambda_is():
    teacher, learner = normal(3), normal(4, 0.1)
    assert_allclose(plato.near(teacher, learner, 0.0).mean, teacher.mean)
    assert_allclose(plato.near(teacher, learner, 0.0).covariance, teacher.covariance)
    for limit in (1e12, np.inf):
        assert_allclose(plato.near(teacher, learner, limit).mean, learner.mean, atol=1e-9)
        assert_allclose(plato.near(teacher, learner, limit).covariance, learner.covariance, atol=1e-9)
    apart = [gaussian.divergence(plato.near(teacher, learner, x), learner) for x in (0.0, 0.1, 1.0, 10.0, 100.0)]
    assert np.all(np.diff(apart) < 0)


def linearized(seed):
    rng = np.random.default_rng(seed)
    K, k = rng.standard_normal((2, 3, DU, DX)), rng.standard_normal((2, 3, DU))
    return LinearGaussian(K, k, np.broadcast_to(normal(seed).covariance, (2, 3, DU, DU)))


def test_the_controllers_of_plato_do_in_every_state_what_is_best_there():
    plain, learner, x = linearized(0), linearized(1), np.random.default_rng(2).standard_normal(DX)
    whole = plato.adapted(plain, learner, 2.0)
    for c in range(2):
        for t in range(3):
            own = [Normal(p.K[c, t] @ x + p.k[c, t], p.covariance[c, t]) for p in (plain, learner)]
            best = plato.near(*own, 2.0)
            assert_allclose(whole.K[c, t] @ x + whole.k[c, t], best.mean, atol=1e-9)
            assert_allclose(whole.covariance[c, t], best.covariance, atol=1e-9)


def test_platos_teachers_stay_near_the_learner_that_was_trained_last_and_are_the_plain_ones_before():
    plain, fresh = teachers(), behaviour_cloning.start(DX, DU, CONFIG, 0)
    assert plato.teachers(fresh, plain, PlatoRules()) is plain
    state, _ = behaviour_cloning.update(fresh, rollouts(by(plain), 0), behaviour_cloning.controllers(plain), CONFIG, 0)
    apart = []
    for nearness in (0.0, 1.0, 100.0):
        acting = plato.teachers(state, plain, PlatoRules(nearness))
        apart.append(plato.divergence(acting, state.policy, rollouts(by(acting), 1)))
    assert apart[0] > 2 * apart[1] > 4 * apart[2]


def regulated():
    """A linear-quadratic problem, its regulator (1, T, …), and the same as a problem for iLQR."""
    F = np.array([np.concatenate([plant(np.eye(DX)[i], np.zeros(DU))[:, None] for i in range(DX)], axis=1)])[0]
    F = np.concatenate([F, np.stack([plant(np.zeros(DX), u) for u in np.eye(DU)], axis=1)], axis=1)
    H = np.broadcast_to(np.diag([5.0, 5.0, 0.5, 0.5, 1.0, 1.0]), (1, STEPS + 1, DX + DU, DX + DU)).copy()
    H[:, -1, DX:] = 0.0
    cost = QuadraticCost(H, np.zeros((1, STEPS + 1, DX + DU)), np.zeros((1, STEPS + 1)))
    shape = (1, STEPS)
    dynamics = Dynamics(np.broadcast_to(F, (*shape, *F.shape)), np.zeros((*shape, DX)), np.zeros((*shape, DX, DX)))

    def value(states, actions):
        z = np.concatenate([states, np.concatenate([actions, np.zeros_like(actions[..., :1, :])], axis=-2)], axis=-1)
        return 0.5 * np.sum(np.diagonal(H[0], axis1=-2, axis2=-1) * z * z, axis=-1)

    def expand(states, actions):
        return QuadraticCost(*(np.broadcast_to(part[0], (*states.shape[:-2], *part.shape[1:])) for part in cost))

    problem = Problem(lambda x, u: np.concatenate([x, u], axis=1) @ F.T, lambda x, u: np.broadcast_to(F, (len(x), *F.shape)), value, expand)
    return lqr.backward(dynamics, cost).controller, problem


def test_replanning_near_the_learner_is_what_the_adapted_controller_does_where_all_is_linear_and_quadratic():
    plain, problem = regulated()
    x = np.array([[0.7, -0.4, 0.2, 0.1]])
    learner = GaussianPolicy.initial(DX, DU, 1, 0.3)
    still = mpc.start(LinearGaussian(np.zeros_like(plain.K), np.zeros_like(plain.k), plain.covariance))
    actions, jacobian = learner.jacobian(x)
    line = LinearGaussian(jacobian[:, None], (actions - (jacobian @ x[..., None])[..., 0])[:, None], learner.covariance[None, None])
    first = LinearGaussian(*(part[:, :1] for part in plain))
    for nearness in (0.0, 2.0):
        decision, chosen = plato.replanned(problem, x, still, learner, PlatoRules(nearness))
        expected = plato.adapted(first, line, nearness)
        assert_allclose(decision.action, (plain.K[:, 0] @ x[..., None])[..., 0], atol=1e-6)
        assert_allclose(chosen.mean, (expected.K[:, 0] @ x[..., None])[..., 0] + expected.k[:, 0], atol=1e-6)
        assert_allclose(chosen.covariance, expected.covariance[:, 0], atol=1e-6)


def test_where_nothing_was_measured_the_planned_action_is_taken():
    plain, problem = regulated()
    plan = mpc.start(plain)
    _, chosen = plato.replanned(problem, np.full((1, DX), np.nan), plan, GaussianPolicy.initial(DX, DU, 1), PlatoRules())
    assert_allclose(chosen.mean, plan.actions[:, 0])
    assert np.all(np.isfinite(chosen.covariance))


def test_a_controller_is_nearest_to_its_own_place_in_whatever_units():
    rng = np.random.default_rng(5)
    points = rng.standard_normal((6, 3))
    points[:, 2] = 1.0  # the same for all
    for units in (np.ones(3), np.array([1e-3, 1e4, 1.0])):
        places = nearest_neighbour.learn(points * units)
        assert_array_equal(nearest_neighbour.nearest(places, points * units), np.arange(6))
        near = points + 1e-3 * rng.standard_normal((6, 3)) * [1.0, 1.0, 0.0]
        assert_array_equal(nearest_neighbour.nearest(places, near * units), np.arange(6))


def test_the_controller_of_the_nearest_condition_is_selected():
    plain = teachers()._replace(k=np.arange(len(STARTS))[:, None, None] * np.ones((len(STARTS), STEPS, DU)))
    found = nearest_neighbour.select(plain, nearest_neighbour.learn(STARTS), STARTS[[1, 0, 1]] + 0.1)
    assert_array_equal(found.k[:, 0, 0], [1, 0, 1])
    assert_array_equal(found.K, plain.K[[1, 0, 1]])


def test_it_chooses_anew_when_the_paths_cross():
    paths = np.stack([np.linspace([-1.0], [1.0], 11), np.linspace([1.0], [-1.0], 11)])
    places = nearest_neighbour.learn(paths)
    assert [nearest_neighbour.nearest_now(places, t, np.array([0.8])) for t in (0, 2, 8, 10)] == [1, 1, 0, 0]


def test_the_state_can_be_stored():
    state = learned("learner", behaviour_cloning.controllers(teachers()), iterations=2)
    found = unpack(CloningState, pack(state))
    for a, b in zip(pack(found).values(), pack(state).values(), strict=True):
        assert_array_equal(a, b)
    assert len(found.lessons) == 2
