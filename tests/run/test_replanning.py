"""Planning at every step: its cost is what its quadratic says, and its episodes are repeatable to the bit."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.models.planner import Planner, PlanningRules
from robot_learning.run import experiment
from robot_learning.run.episodes import EpisodeRequest
from robot_learning.run.in_process import InProcess
from robot_learning.run.replanning import KEPT_PLAN, PlanningCost, replanning
from robot_learning.run.setting import prepare
from robot_learning.tasks.cost import cost

SETTING = prepare(experiment.load("reach_local", ["conditions.train=1", "conditions.heldout=1"]))
DX, DU = 32, 7
RULES = PlanningRules()


def planning(task=SETTING.task):
    return PlanningCost(SETTING.robot, SETTING.mode, task, RULES)


def near_limits(seed):
    """States (3, 4, dx) with some joints beyond the margin on either side, and actions (3, 3, du)."""
    rng = np.random.default_rng(seed)
    lower, upper = (np.array(part) for part in (SETTING.robot.limits.position_lower, SETTING.robot.limits.position_upper))
    states = 0.1 * rng.standard_normal((3, 4, DX))
    states[..., :7] = rng.uniform(lower - 0.1, upper + 0.1, (3, 4, 7))
    states[0, :, 0], states[1, :, 1] = upper[0] - 0.5 * RULES.margin, lower[1] - 0.02
    return states, rng.standard_normal((3, 3, DU))


def test_the_quadratic_has_the_value_and_the_slope_of_the_cost():
    costs, (states, actions) = planning(), near_limits(0)
    H, g, c = costs.expand(states, actions)
    z = np.concatenate([states, np.concatenate([actions, np.zeros((3, 1, DU))], axis=1)], axis=-1)
    assert_allclose(0.5 * np.einsum("nti,ntij,ntj->nt", z, H, z) + np.sum(g * z, axis=-1) + c, costs.cost(states, actions), rtol=1e-9)
    slope = np.einsum("ntij,ntj->nti", H, z) + g
    for i in range(DX):
        h = 1e-6 * np.eye(DX)[i]
        difference = (costs.cost(states + h, actions) - costs.cost(states - h, actions)) / 2e-6
        assert_allclose(slope[..., i], difference, rtol=1e-4, atol=1e-5)
    assert np.min(np.linalg.eigvalsh(H)) >= 0


def test_away_from_the_limits_only_velocities_cost_more_than_in_the_task():
    states, actions = 0.1 * np.ones((2, DX)), np.ones((1, DU))
    states[:, :7] = np.array(SETTING.robot.home)
    extra = planning().cost(states, actions) - cost(SETTING.task, states, actions)
    assert_allclose(extra, 0.5 * RULES.velocity * 7 * 0.01)
    states[:, 3] = SETTING.robot.limits.position_upper[3] - RULES.margin + 0.1
    assert_allclose(planning().cost(states, actions) - cost(SETTING.task, states, actions), extra + 0.5 * RULES.limit * 0.01)


def test_a_task_that_slows_joints_more_keeps_its_weight():
    slow = replace(SETTING.task, cost=replace(SETTING.task.cost, velocity=2.0))
    states, actions = near_limits(1)
    assert np.all(planning(slow).cost(states, actions) >= cost(slow, states, actions))


class Still:
    """A model in which every action moves its joint's velocity, and nothing else does anything."""

    def mean(self, states, actions):
        following = states.copy()
        following[..., 7:14] += 0.1 * actions
        return following

    def derivatives(self, states, actions):
        J = np.tile(np.eye(DX, DX + DU), (*states.shape[:-1], 1, 1))
        J[..., range(7, 14), range(DX, DX + DU)] = 0.1
        return J


STILL = Planner(Still(), PlanningRules(horizon=4))


@pytest.fixture(scope="module")
def runner():
    runner = InProcess.of(SETTING._replace(task=replace(SETTING.task, horizon=10)))
    runner.load(STILL, 1)
    yield runner
    runner.close()


def test_an_episode_is_the_same_whatever_was_planned_before(runner):
    quiet = EpisodeRequest(SETTING.heldout[0], None, noise=False)
    first, _, again = runner.run([quiet, EpisodeRequest(SETTING.train[0], None, 3), quiet])
    assert first.ending == "time"
    assert_array_equal(first.states, again.states)


def test_noise_is_drawn_by_the_seed_of_the_request(runner):
    requests = [EpisodeRequest(SETTING.heldout[0], None, seed) for seed in (1, 2, 1)]
    first, other, again = runner.run(requests)
    assert_array_equal(first.actions, again.actions)
    assert not np.array_equal(first.actions, other.actions)


def test_a_moving_arm_is_slowed_down():
    act = replanning(STILL, SETTING.robot, SETTING.mode, SETTING.task, SETTING.train[0], print)
    x = np.zeros(DX)
    x[:7], x[7:14] = SETTING.train[0].initial_positions, 1.0
    assert np.all(act(0, x, None) < 0)


def test_a_task_whose_cost_needs_the_robot_is_planned_for_as_it_is_read():
    smooth = replace(SETTING.task, cost=replace(SETTING.task.cost, smooth=0.1, limits=1.0), arm=None)
    act = replanning(STILL, SETTING.robot, SETTING.mode, smooth, SETTING.train[0], print)
    x = np.concatenate([SETTING.train[0].initial_positions, np.zeros(DX - 7)])
    assert np.all(np.isfinite(act(0, x, None)))


class Nowhere(Still):
    """Leads to no finite state."""

    def mean(self, states, actions):
        return np.full_like(super().mean(states, actions), np.nan)


def test_where_no_plan_is_found_the_one_before_is_kept_and_counted(runner):
    quiet = EpisodeRequest(SETTING.heldout[0], None, noise=False)
    assert KEPT_PLAN not in " ".join(runner.run([quiet])[0].counts)
    runner.load(Planner(Nowhere(), PlanningRules(horizon=4)), 2)
    try:
        (episode,) = runner.run([quiet])
    finally:
        runner.load(STILL, 1)
    assert episode.counts[f"policy.{KEPT_PLAN}"] == 10
    assert np.isfinite(episode.actions).all()
