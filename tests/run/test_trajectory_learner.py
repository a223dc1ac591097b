"""iLQR in the training loop: what it plans is what comes, and what it cannot improve it keeps."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.algorithms.checkpoint import pack, unpack
from robot_learning.run import algorithms, experiment
from robot_learning.run.experiment import Experiment
from robot_learning.run.in_process import InProcess
from robot_learning.run.setting import Setting, prepare
from robot_learning.run.trajectory_learner import Ilqr, IlqrState


def short(*settings: str) -> tuple[Experiment, Setting]:
    chosen = experiment.load("reach_ilqr", ["conditions.train=2", "ilqr.iterations=1", *settings])
    s = prepare(chosen)
    return chosen, s._replace(task=replace(s.task, horizon=8))


REJECTED = "rejected: no step accepted: the first run is not finite; the controller from before was kept"


@pytest.fixture(scope="module")
def runner() -> Iterator[InProcess]:
    _, s = short()
    runner = InProcess.of(s)
    yield runner
    runner.close()


def test_two_updates_lower_the_cost_as_planned(runner: InProcess) -> None:
    chosen, s = short()
    learner = algorithms.learner(chosen, s)
    state, costs, plans = learner.start(), [], []
    for iteration in (1, 2, 3):
        requests = learner.requests(state, iteration)
        assert not any(request.noise for request in requests)
        episodes = runner.run(requests)
        costs.append([float(np.sum(episode.cost)) for episode in episodes])
        if iteration < 3:
            state, said = learner.update(state, episodes, iteration)
            plans.append(state.planned)
            assert [u.outcome for u in said.updates] == ["iterations used up"] * 2
            assert said.notes == ()
    assert_allclose(costs[1:], plans, rtol=1e-9)
    assert np.all(np.diff(costs, axis=0) < 0)
    again = unpack(IlqrState, pack(state))
    for before, after in zip((*state.controllers, state.planned), (*again.controllers, again.planned), strict=True):
        assert_array_equal(before, after)


def test_an_episode_that_differs_from_its_plan_is_noted(runner: InProcess) -> None:
    chosen, s = short()
    learner = Ilqr(chosen, s)
    state = learner.start()
    episodes = runner.run(learner.requests(state, 1))
    cost = np.array([float(np.sum(episode.cost)) for episode in episodes])
    _, said = learner.update(state._replace(planned=cost - [0.0, 1.0]), episodes, 1)
    assert len(said.notes) == 1
    assert said.notes[0].startswith("train-1: the plan's cost was ")


def test_a_condition_in_which_no_step_is_accepted_keeps_its_controller_and_says_so(runner: InProcess) -> None:
    chosen, s = short()
    learner = Ilqr(chosen, s)
    state = learner.start()
    episodes = runner.run(learner.requests(state, 1))
    lost = episodes[1]._replace(states=np.full_like(episodes[1].states, np.nan))
    following, said = learner.update(state, [episodes[0], lost], 1)
    assert [u.outcome for u in said.updates] == ["iterations used up", REJECTED]
    assert_array_equal(following.controllers.K[1], state.controllers.K[1])
    assert np.any(following.controllers.K[0] != state.controllers.K[0])
    assert np.isnan(following.planned[1])


def test_each_condition_has_as_many_episodes_as_the_experiment_says() -> None:
    chosen, s = short("rollouts=3")
    learner = Ilqr(chosen, s)
    assert [r.condition.name for r in learner.requests(learner.start(), 1)] == ["train-0"] * 3 + ["train-1"] * 3
