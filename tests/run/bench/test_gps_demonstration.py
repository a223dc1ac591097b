"""The benchmark of demonstrations: where the script leads, what counts as a sample, and that the demonstrator aims anew."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from robot_learning.run import experiment
from robot_learning.run.bench import gps_demonstration as bench
from robot_learning.run.bench import local_training
from robot_learning.run.bench.scripted import Script, joint_path
from robot_learning.run.records import Outcome
from robot_learning.run.setting import prepare

CHOSEN = experiment.load("peg_steady", ["conditions.train=2"])
SETTING = prepare(CHOSEN)


def test_the_script_goes_above_its_aim_and_straight_down_without_turning():
    condition, script = SETTING.train[0], Script(short=0.01)
    aim = condition.target[:3, 3]
    tools = SETTING.chain.pose(joint_path(SETTING.chain, condition.initial_positions, script, aim, 100))
    start = SETTING.chain.pose(condition.initial_positions)
    assert_allclose(tools[0], start, atol=1e-5)
    assert_allclose(tools[:, :3, :3], np.broadcast_to(start[:3, :3], (100, 3, 3)), atol=1e-5)
    assert_allclose(tools[40, :3, 3], aim + [0, 0, 0.1], atol=1e-5)
    assert_allclose(tools[40:, :2, 3], np.broadcast_to(aim[:2], (60, 2)), atol=1e-5)
    assert np.all(np.diff(tools[40:, 2, 3]) < 1e-5)
    assert_allclose(tools[80:, :3, 3], np.broadcast_to(aim + [0, 0, 0.01], (20, 3)), atol=1e-5)


class Slipping:
    """Runs episodes that end beside the target, by `errors` one after the other."""

    def __init__(self, errors):
        self.errors, self.asked = list(errors), []

    def run(self, requests):
        self.asked += requests
        states = np.zeros((2, 32))
        states[-1, 14:17] = self.errors[len(self.asked) - 1]
        return [SimpleNamespace(states=states, distance=float(np.linalg.norm(states[-1, 14:17])))]


def test_the_demonstrator_tries_until_it_is_done_and_aims_against_its_error():
    one = SETTING._replace(train=SETTING.train[:1])
    runner = Slipping([[0.03, 0.0, 0.06], [0.0, 0.0, 0.001], [0.0, 0.0, 0.0]])
    shown = bench.demonstrate(one, runner, Script(), 0.015)
    assert shown.tries == (2,)
    assert shown.episodes[0][0].distance == 0.001
    stiffness, horizon = np.array(SETTING.robot.modes[SETTING.mode].stiffness), SETTING.task.horizon
    for request, shift in zip(runner.asked, ([0, 0, 0], [-0.02, 0, -0.02]), strict=True):
        aim = one.train[0].target[:3, 3] + shift
        assert_allclose(request.controller.k, stiffness * joint_path(SETTING.chain, one.train[0].initial_positions, Script(), aim, horizon))


def test_a_demonstrator_who_never_succeeds_gives_the_best_try():
    runner = Slipping([[0.5, 0, 0], [0.2, 0, 0], *[[0.3, 0, 0]] * 10])
    shown = bench.demonstrate(SETTING._replace(train=SETTING.train[:1]), runner, Script(), 0.015)
    assert shown.tries == (bench.TRIES,)
    assert shown.episodes[0][0].distance == 0.2


@pytest.mark.parametrize(("done", "expected"), [({}, {"train-0": 11, "train-1": 12}), ({"train-0": 1}, {"train-0": 1, "train-1": 12})])
def test_tries_count_as_samples_and_a_first_controller_may_already_succeed(done, expected, monkeypatch):
    def training(chosen, setting, start):
        for iteration in range(1, 13):
            outcomes = [Outcome("local", "train", c.name, 0.0, 0.0, iteration >= 2, "time", "") for c in setting.train]
            yield local_training.Step(5 * iteration, None, tuple(outcomes))

    monkeypatch.setattr(bench, "steps", training)
    assert bench._learn(CHOSEN, SETTING, None, {"train-0": 1, "train-1": 2}, done).by_condition == expected


def test_following_a_demonstration_that_succeeds_succeeds_before_learning():
    one = SETTING._replace(train=SETTING.train[:1])
    arm = bench.from_demonstrations(CHOSEN, one, Script(), SETTING.task.success_distance)
    assert arm.at_once == ("train-0",)
    assert arm.samples.by_condition == {"train-0": arm.tries[0]}
