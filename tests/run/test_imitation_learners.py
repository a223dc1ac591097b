"""Who acts and who is asked when controllers are imitated, in a whole training of a fake arm."""

from dataclasses import replace

import numpy as np
import pytest
from fake_runner import FakeRunner  # tests/run/conftest.py puts this folder on the path
from numpy.testing import assert_array_equal

from robot_learning.run import algorithms, experiment
from robot_learning.run.evaluate import plans
from robot_learning.run.imitation_learners import DIVERGENCE, FAILED
from robot_learning.run.setting import prepare

QUICK = ["conditions.train=2", "conditions.heldout=2", "rollouts=2", "local.mixture_components=0", "fit.steps=20", "hidden=[8]"]
IMITATE = [*QUICK, "iterations=4", "teaching=2"]


def trained(name, settings=IMITATE):
    """The learner, its states from the first on, the requests, the episodes and what was said, iteration by iteration."""
    chosen = experiment.load(name, settings)
    setting = prepare(chosen)
    learner, runner = algorithms.learner(chosen, setting), FakeRunner(setting)
    states, requests, episodes, said = [learner.start()], [], [], []
    for iteration in range(1, chosen.iterations + 1):
        if learner.policy(states[-1]) is not None:
            runner.load(learner.policy(states[-1]), iteration)
        requests.append(learner.requests(states[-1], iteration))
        episodes.append(runner.run(requests[-1]))
        state, report = learner.update(states[-1], episodes[-1], iteration)
        states.append(state)
        said.append(report)
    return learner, states, requests, episodes, said


def teacher_acts(learner, state, requests):
    """For each request whether the plain teacher of its condition acts."""
    K = learner.controllers(state).K
    return [r.controller is not None and np.array_equal(r.controller.K, K[int(r.condition.name[-1])]) for r in requests]


@pytest.mark.parametrize(
    ("name", "settings", "third", "fourth"),
    [
        ("jitter_cloning", [], {True}, {True}),
        ("jitter_dagger", [], {True}, {False}),
        ("jitter_dagger", ["dagger.mixture=1"], {True}, {True}),
        ("jitter_plato", [], {True}, {False}),
        ("jitter_plato", ["plato.nearness=0"], {True}, {True}),
    ],
)
def test_who_acts_after_the_teachers_have_learned(name, settings, third, fourth):
    learner, states, requests, _, _ = trained(name, [*IMITATE, *settings])
    for iteration, expected in enumerate(({True}, {True}, third), start=1):
        assert set(teacher_acts(learner, states[iteration - 1], requests[iteration - 1])) == expected
    if settings == ["plato.nearness=0"]:  # the plain teacher up to rounding
        for request in requests[3]:
            own = learner.controllers(states[3]).K[int(request.condition.name[-1])]
            np.testing.assert_allclose(request.controller.K, own, atol=1e-9)
        return
    assert set(teacher_acts(learner, states[3], requests[3])) == fourth
    assert {r.controller is None for r in requests[3]} == {name == "jitter_dagger" and not settings}


def test_all_of_them_have_the_same_teachers_and_as_much_data():
    runs = [trained(name) for name in ("jitter_cloning", "jitter_dagger", "jitter_plato")]
    for learner, states, requests, _, _ in runs:
        for first, second in zip(runs[0][0].controllers(runs[0][1][2]), learner.controllers(states[4]), strict=True):
            assert_array_equal(first, second)
        assert [lesson.actions.shape for lesson in states[-1].cloning.lessons] == [(2, 2, 100, 7)] * 2
        assert [r.seed for r in requests[3]] == [r.seed for r in runs[0][2][3]]


def test_failed_episodes_are_counted_by_the_measure_of_global_policies():
    learner, states, _, episodes, said = trained("jitter_plato")
    limit = 0.02
    assert said[2].policy[FAILED] == sum(e.distance >= limit for e in episodes[2])
    near = [e._replace(distance=0.019) for e in episodes[3]]
    near[0], near[2] = near[0]._replace(distance=0.021), near[2]._replace(ending="fault: stopped")
    _, report = learner.update(states[3], near, 4)
    assert report.policy[FAILED] == 2


def test_a_teacher_near_the_policy_says_so():
    divergences = {
        nearness: trained("jitter_plato", [*IMITATE, f"plato.nearness={nearness}"])[-1][3].policy[DIVERGENCE] for nearness in (0, 100)
    }
    assert divergences[100] < 0.1 * divergences[0]


def test_the_nearest_controller_acts_in_general():
    learner, states, *_ = trained("jitter_nearest", [*QUICK, "iterations=2"])
    chosen = experiment.load("jitter_nearest", QUICK)
    setting = prepare(chosen)
    for c, condition in enumerate(setting.train):
        moved = condition._replace(name="other", initial_positions=condition.initial_positions + 0.01)
        assert_array_equal(learner.general(states[-1], moved).K, learner.controllers(states[-1]).K[c])
    wanted = plans(setting, learner.controllers(states[-1]), True, general=lambda c: learner.general(states[-1], c))
    general = [plan for plan in wanted if plan.controller == "policy"]
    assert [plan.split for plan in general] == ["train", "train", "heldout", "heldout"]
    assert all(plan.request.controller is not None and not plan.request.noise for plan in general)


@pytest.mark.parametrize(
    ("name", "rules"), [("jitter_cloning", {"hidden": (9,)}), ("jitter_dagger", {"hidden": (9,)}), ("jitter_plato", {"hidden": (9,)})]
)
def test_the_settings_of_an_experiment_reach_the_policy(name, rules):
    chosen = replace(experiment.load(name, IMITATE), **rules)
    learner = algorithms.learner(chosen, prepare(chosen))
    assert len(learner.policy(learner.start()).layers[0].b) == 9
