"""A demonstration is a start: for iLQR it saves iterations, and its controllers stay near the path."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from plants import cartpole, cartpole_swing_up, quadratic, swing_up, to_goal

from robot_learning.algorithms import local_gps
from robot_learning.control import demonstration, ilqr
from robot_learning.control.ilqr import IlqrConfig
from robot_learning.control.trajectory import Trajectory, open_loop, run
from robot_learning.core.errors import WorkFailed
from robot_learning.core.types import Dynamics, LinearGaussian, Rollouts

HORIZON = 60


def executed(controller, starts):
    """Runs of one controller (T, …) in the cart-pole, as a teacher's demonstrations of one condition."""
    count = len(starts)
    many = LinearGaussian(*(np.broadcast_to(part, (count, *part.shape)) for part in controller))
    origin = Trajectory(np.zeros((count, HORIZON + 1, 4)), np.zeros((count, HORIZON, 1)))
    return Rollouts(*run(cartpole, starts, origin, many.K, many.k)[0])


@pytest.fixture(scope="module")
def taught():
    """Three demonstrations by a teacher who cares little for effort, and is not exact."""
    coarse = to_goal([0, np.pi, 0, 0], [0.5, 0.5, 0.05, 0.05], 0.3, [20, 20, 2, 2], HORIZON)
    problem = cartpole_swing_up(HORIZON)._replace(**dict(zip(("cost", "expand"), quadratic(coarse), strict=True)))
    rest = open_loop(np.zeros((1, HORIZON, 1)), 4)
    teacher = ilqr.solve(problem, np.zeros((1, 4)), rest, IlqrConfig(iterations=100, tolerance=1e-3)).controller
    rng = np.random.default_rng(0)
    shaky = LinearGaussian(teacher.K[0], teacher.k[0] + 0.05 * rng.standard_normal((HORIZON, 1)), teacher.covariance[0])
    return executed(shaky, 0.02 * rng.standard_normal((3, 4)))


def linearized(problem, path):
    F = problem.derivatives(path.states[:-1], path.actions).reshape(HORIZON, 4, 5)
    z = np.concatenate([path.states[:-1], path.actions], axis=-1)
    f = path.states[1:] - np.einsum("tij,tj->ti", F, z)
    return Dynamics(F, f, np.zeros((HORIZON, 4, 4)))


def test_it_needs_fewer_iterations_than_rest(taught):
    problem, config = cartpole_swing_up(HORIZON), IlqrConfig(iterations=250, tolerance=1e-5)
    path = demonstration.path(taught, HORIZON)
    first = demonstration.regulating(path, linearized(problem, path), problem.expand(*path), 0.1)
    starts = [open_loop(np.zeros((1, HORIZON, 1)), 4), LinearGaussian(*(part[None] for part in first))]
    rest, shown = (ilqr.solve(problem, np.zeros((1, 4)), start, config) for start in starts)
    assert rest.outcome == shown.outcome == (ilqr.CONVERGED,)
    assert shown.costs[0, 0] < 0.5 * rest.costs[0, 0]
    assert 2 * shown.accepted[0] < rest.accepted[0]
    assert shown.cost[0] <= 1.01 * rest.cost[0]


def test_the_controller_repeats_the_path_and_returns_to_it(taught):
    problem = cartpole_swing_up(HORIZON)
    path = demonstration.path(taught, HORIZON)
    first = demonstration.regulating(path, linearized(problem, path), problem.expand(*path), 0.1)
    again = executed(first, path.states[:1])
    assert_allclose(again.states[0], path.states, atol=1e-6)
    off = path.states[:1] + [[0.0, 0.05, 0.0, 0.0]]
    with_gains, without = executed(first, off), executed(open_loop(path.actions, 4), off)
    assert np.linalg.norm(with_gains.states[0, -1] - path.states[-1]) < 0.3 * np.linalg.norm(without.states[0, -1] - path.states[-1])


def test_the_robots_own_gains_and_a_variance_per_action_are_taken():
    rng = np.random.default_rng(0)
    path = Trajectory(rng.standard_normal((2, 6, 4)), rng.standard_normal((2, 5, 3)))
    gains = -np.hstack([np.eye(3), np.zeros((3, 1))])
    first = demonstration.tracking(path, gains, np.array([0.1, 0.2, 0.3]))
    assert first.K.shape == (2, 5, 3, 4)
    on_path = np.einsum("ctij,ctj->cti", first.K, path.states[:, :-1]) + first.k
    assert_allclose(on_path, path.actions, atol=1e-12)
    assert_allclose(first.covariance[1, 2], np.diag([0.1, 0.2, 0.3]))


def test_local_gps_starts_from_it():
    path = Trajectory(np.zeros((2, 6, 4)), np.zeros((2, 5, 3)))
    state = local_gps.start(demonstration.tracking(path, np.zeros((3, 4)), 0.1), local_gps.LocalConfig())
    assert state.controllers.K.shape == (2, 5, 3, 4)
    assert np.all(np.linalg.eigvalsh(state.controllers.covariance) > 0)


def test_the_path_is_a_demonstration_and_not_the_odd_one():
    rng = np.random.default_rng(0)
    states, actions = 0.1 * rng.standard_normal((2, 5, 8, 3)), rng.standard_normal((2, 5, 7, 1))
    states[0, 1] += 5.0
    states[1, :, :, 2] = 0.0  # a coordinate that never changes
    path = demonstration.path(Rollouts(states, actions), 7)
    for c in range(2):
        chosen = [n for n in range(5) if np.array_equal(path.states[c], states[c, n])]
        assert len(chosen) == 1
        assert np.array_equal(path.actions[c], actions[c, chosen[0]])
        assert c or chosen[0] != 1


def test_a_longer_demonstration_is_cut_and_a_shorter_one_waits():
    states, actions = np.arange(8.0).reshape(1, 8, 1), np.ones((1, 7, 1))
    cut, waiting = (demonstration.path(Rollouts(states, actions), horizon) for horizon in (4, 9))
    assert cut.states[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert cut.actions.shape == (4, 1)
    assert waiting.states[:, 0].tolist() == [*range(8), 7, 7]
    assert waiting.actions[:, 0].tolist() == [1] * 7 + [0] * 2


def test_what_cannot_be_used_is_refused_in_one_line():
    states, actions = np.zeros((1, 4, 2)), np.zeros((1, 3, 1))
    with pytest.raises(WorkFailed, match="finite"):
        demonstration.path(Rollouts(np.where(np.eye(4)[:, :2], np.nan, states), actions), 3)
    with pytest.raises(WorkFailed, match="0 steps"):
        demonstration.path(Rollouts(states[:, :1], actions[:, :0]), 3)
    problem = swing_up(3)
    path = demonstration.path(Rollouts(states, actions), 3)
    dynamics = Dynamics(np.full((3, 2, 3), np.nan), np.zeros((3, 2)), np.zeros((3, 2, 2)))
    with pytest.raises(WorkFailed, match="gains"):
        demonstration.regulating(path, dynamics, problem.expand(*path), 0.1)
