"""Who acts, who is judged and what is said when controllers and policies are on trial, in a whole training of a fake arm."""

import pytest
from fake_runner import FakeRunner  # tests/run/conftest.py puts this folder on the path
from numpy.testing import assert_array_equal

from robot_learning.core.errors import UsageError
from robot_learning.run import algorithms, experiment
from robot_learning.run.setting import prepare

QUICK = ["conditions.train=2", "rollouts=2", "local.mixture_components=0", "fit.steps=20"]


def trained(name, settings):
    """The learner, its states from the first on, the requests and what was said, iteration by iteration."""
    chosen = experiment.load(name, [*QUICK, *settings])
    setting = prepare(chosen)
    learner, runner = algorithms.learner(chosen, setting), FakeRunner(setting)
    states, requests, said = [learner.start()], [], []
    for iteration in range(1, chosen.iterations + 1):
        if learner.policy(states[-1]) is not None:
            runner.load(learner.policy(states[-1]), iteration)
        requests.append(learner.requests(states[-1], iteration))
        state, report = learner.update(states[-1], runner.run(requests[-1]), iteration)
        states.append(state)
        said.append(report)
    return learner, states, requests, said


def test_two_updates_of_steady_controllers_end_with_the_kept_ones():
    learner, states, requests, said = trained("peg_steady", ["iterations=2"])
    assert [r.controller is not None for r in requests[1]] == [True] * 4
    for acting, kept in zip(learner.controllers(states[2]), states[2].kept.controllers, strict=True):
        assert_array_equal(acting, kept)
    assert [len(report.updates) for report in said] == [2, 0]
    assert learner.policy(states[2]) is None


def test_teachers_act_first_then_the_policy_and_the_last_iteration_only_judges():
    settings = ["iterations=4", "teaching=2", "conditions.heldout=2", "hidden=[8]"]
    learner, states, requests, said = trained("peg_policy", settings)
    assert [{r.controller is None for r in some} for some in requests] == [{False}, {False}, {True}, {True}]
    assert states[4].members is states[4].kept.members
    assert "error after the fit" in said[1].policy
    assert "labels believed" in said[2].policy
    assert "error after the fit" not in said[3].policy
    assert states[2].teachers is states[3].teachers is states[4].teachers
    for report in said[2:]:
        assert report.policy["successes of the kept policy"] >= report.policy["successes on trial"]


def test_a_refusal_is_said():
    learner, states, requests, _ = trained("peg_policy", ["iterations=4", "teaching=2", "conditions.heldout=0", "hidden=[8]"])
    chosen = experiment.load("peg_policy", [*QUICK, "iterations=4", "teaching=2"])
    kept = states[3].kept._replace(successes=100)
    runner = FakeRunner(prepare(chosen))
    runner.load(learner.policy(states[3]), 3)
    _, report = learner.update(states[3]._replace(kept=kept), runner.run(requests[3]), 4)
    assert [note for note in report.notes if "policy: rejected" in note and "against 100 successes" in note]


def test_the_teachers_have_to_leave_iterations_for_the_policy():
    with pytest.raises(UsageError, match="teaching: 20; less than iterations"):
        experiment.load("peg_policy", ["teaching=20"])
