"""The simulator as known dynamics: it is the plant bit for bit, remembers nothing, and has the derivatives that it should."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.control.ilqr import Problem
from robot_learning.control.linear_gaussian import at
from robot_learning.core.errors import UsageError
from robot_learning.run import experiment
from robot_learning.run.episodes import EpisodeRequest
from robot_learning.run.in_process import InProcess
from robot_learning.run.known_dynamics import KnownDynamics
from robot_learning.run.setting import Setting, first_controllers, prepare
from robot_learning.tasks.state import observe

DX, DU, JOINTS = 32, 7, 14


def setting(task: str = "reach", mode: str = "effort") -> Setting:
    return prepare(experiment.load("reach_local", [f"task={task}", f"mode={mode}", "conditions.train=1"]))


@pytest.fixture(scope="module")
def problem() -> Iterator[Problem]:
    known = KnownDynamics(setting())
    yield known.problem(setting().train[0])
    known.close()


def moving(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """States of the arm in motion near home, and actions."""
    s, rng = setting(), np.random.default_rng(seed)
    q = np.array(s.robot.home) + 0.2 * rng.standard_normal((count, DU))
    return observe(s.chain, s.task, s.train[0], q, 0.5 * rng.standard_normal((count, DU))), rng.standard_normal((count, DU))


@pytest.mark.parametrize(("task", "mode"), [("reach", "effort"), ("reach", "position"), ("peg_insertion", "effort")])
def test_a_step_is_what_the_plant_does_bit_for_bit(task: str, mode: str) -> None:
    s = setting(task, mode)
    known, runner = KnownDynamics(s), InProcess.of(s)
    episode = runner.run([EpisodeRequest(s.train[0], at(first_controllers(s), 0), seed=1)])[0]
    following = known.problem(s.train[0]).step(episode.states[:-1], episode.actions)
    runner.close()
    known.close()
    assert "gate.changed" not in episode.counts
    assert_array_equal(following, episode.states[1:])


def test_what_was_asked_before_makes_no_difference(problem: Problem) -> None:
    states, actions = moving(5, 0)
    assert_array_equal(problem.step(states, actions)[::-1], problem.step(states[::-1], actions[::-1]))


def test_the_derivatives_foretell_what_a_small_change_does(problem: Problem) -> None:
    states, actions = moving(3, 1)
    F = problem.derivatives(states, actions)
    assert F.shape == (3, DX, DX + DU)
    rng = np.random.default_rng(2)
    change = 0.01 * rng.standard_normal((3, JOINTS + DU))
    s = setting()
    ahead, behind = (
        problem.step(
            observe(
                s.chain, s.task, s.train[0], states[:, :DU] + sign * change[:, :DU], states[:, DU:JOINTS] + sign * change[:, DU:JOINTS]
            ),
            actions + sign * change[:, JOINTS:],
        )
        for sign in (0.5, -0.5)
    )
    told = np.einsum("nij,nj->ni", np.concatenate([F[..., :JOINTS], F[..., DX:]], axis=-1), change)
    assert_allclose(told, ahead - behind, atol=1e-5)
    assert np.max(np.abs(told)) > 1e-2
    assert np.all(F[..., JOINTS:DX] == 0), "the tool's points follow from the joints"


def test_a_task_with_objects_is_refused() -> None:
    with pytest.raises(UsageError, match="task puck: objects: known dynamics are of the arm alone"):
        KnownDynamics(setting("puck"))


def test_an_experiment_that_asks_for_it_is_refused_before_anything_is_made() -> None:
    with pytest.raises(UsageError, match="experiment puck_local: task: puck has objects; ilqr knows the dynamics of the arm alone"):
        prepare(experiment.load("puck_local", ["algorithm=ilqr"]))
