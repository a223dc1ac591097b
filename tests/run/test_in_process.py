"""Episodes in process: complete, repeatable to the bit, and what they say they are."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.control.initial import hold
from robot_learning.core.errors import WorkFailed
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.run.actor import local
from robot_learning.run.episodes import EpisodeRequest, rollouts
from robot_learning.run.in_process import InProcess
from robot_learning.run.robots import load_chain, load_robot, urdf_path
from robot_learning.run.tasks import load_task
from robot_learning.tasks.conditions import draw
from robot_learning.tasks.cost import cost
from robot_learning.tasks.cost_terms import with_robot
from robot_learning.tasks.state import observe, points_at, state_dim

FR3, TASK = load_robot("fr3"), load_task("reach")
CHAIN = load_chain(FR3)
CONDITIONS = draw(TASK, FR3, CHAIN, "train", 2, 0)


@pytest.fixture(scope="module")
def runner():
    runner = InProcess(FR3, CHAIN, urdf_path(FR3), TASK)
    yield runner
    runner.close()


def request_of(condition, seed=0, noise=True):
    controller = hold(FR3, FR3.command_mode, condition.initial_positions, state_dim(TASK, 7), TASK.horizon)
    return EpisodeRequest(condition, controller, seed, noise)


def test_the_same_request_gives_the_same_bits_whatever_ran_before(runner):
    first, other, again = runner.run([request_of(CONDITIONS[0], 1), request_of(CONDITIONS[1], 2), request_of(CONDITIONS[0], 1)])
    for a, b in zip(first.recording, again.recording, strict=True):
        assert_array_equal(a, b)
    assert_array_equal(first.cost, again.cost)
    assert not np.array_equal(first.states, other.states)


def test_an_episode_is_complete_and_consistent(runner):
    (episode,) = runner.run([request_of(CONDITIONS[1], 3)])
    record = episode.recording
    assert episode.ending == "time"
    assert record.commands.shape == (TASK.horizon, 7)
    assert_array_equal(np.diff(record.stamps_ns), 50_000_000)
    assert_array_equal(record.positions[0], CONDITIONS[1].initial_positions)
    assert_array_equal(episode.states, observe(CHAIN, TASK, CONDITIONS[1], record.positions, record.velocities))
    assert_array_equal(episode.cost, cost(TASK, episode.states, episode.actions))
    error = CHAIN.pose(record.positions[-1])[:3, 3] - CONDITIONS[1].target[:3, 3]
    assert episode.distance == pytest.approx(np.linalg.norm(error), abs=1e-9)
    assert sum(episode.counts.get(f"gate.{kind}", 0) for kind in ("passed", "changed")) == TASK.horizon


def test_the_mean_controller_holds_the_start(runner):
    (episode,) = runner.run([request_of(CONDITIONS[0], noise=False)])
    assert_allclose(episode.recording.positions, np.broadcast_to(CONDITIONS[0].initial_positions, (TASK.horizon + 1, 7)), atol=1e-3)


def test_the_global_policy_acts_once_it_is_loaded():
    runner = InProcess(FR3, CHAIN, urdf_path(FR3), TASK)
    request = EpisodeRequest(CONDITIONS[0], None, noise=False)
    with pytest.raises(WorkFailed, match="policy"):
        runner.run([request])
    policy = GaussianPolicy.initial(32, 7, 0)
    runner.load(policy, 1)
    (episode,) = runner.run([request])
    runner.close()
    assert_allclose(episode.actions[0], policy.act(episode.states[0]), atol=1e-12)


def test_episodes_are_batched_by_condition(runner):
    episodes = runner.run([request_of(c, seed) for c in CONDITIONS for seed in range(2)])
    batch = rollouts(episodes, 2)
    assert batch.states.shape == (2, 2, TASK.horizon + 1, 32)
    assert_array_equal(batch.actions[1, 0], episodes[2].actions)


def test_a_puck_is_seen_at_every_step_as_it_is_recorded():
    task = load_task("puck")
    conditions = draw(task, FR3, CHAIN, "train", 2, 0)
    runner = InProcess(FR3, CHAIN, urdf_path(FR3), task)
    controller = hold(FR3, FR3.command_mode, conditions[1].initial_positions, state_dim(task, 7), task.horizon)
    controller.k[10:40, 1] += 3.0
    seen = []

    def act(step, x, noise_t):
        seen.append(x)
        return local(controller)(step, x, noise_t)

    runner._act = lambda request, count: act
    (episode,) = runner.run([EpisodeRequest(conditions[1], None, seed=1)])
    runner.close()
    record = episode.recording
    assert record.objects.shape == (task.horizon + 1, 1, 3)
    assert np.ptp(record.objects[:, 0, 0]) > 0.02, "it was hit"
    assert_array_equal(episode.states[:-1], np.stack(seen))
    goal = points_at(conditions[1].target, np.array(task.tool_points))[0]
    assert episode.distance == pytest.approx(np.hypot(*(record.objects[-1, 0] - goal)[:2]))


def test_the_cost_knows_the_robot_where_it_has_to():
    task = replace(TASK, horizon=5, cost=replace(TASK.cost, smooth=0.1, limits=1.0))
    runner = InProcess(FR3, CHAIN, urdf_path(FR3), task)
    (episode,) = runner.run([request_of(CONDITIONS[0], 1)])
    runner.close()
    expected = cost(with_robot(task, FR3, "effort"), episode.states, episode.actions)
    assert_array_equal(episode.cost, expected)
    assert np.all(episode.cost > cost(replace(task, cost=TASK.cost), episode.states, episode.actions))
