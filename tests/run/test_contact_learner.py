"""Who acts, who is judged and what is said when controllers and policies are on trial, in a whole training of a fake arm."""

import numpy as np
import pytest
from fake_runner import FakeRunner  # tests/run/conftest.py puts this folder on the path
from numpy.testing import assert_array_equal

from robot_learning.core.errors import UsageError
from robot_learning.run import algorithms, contact_learner, experiment
from robot_learning.run.episodes import EpisodeRequest
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


def test_after_a_while_alone_teachers_and_network_learn_in_turns():
    settings = ["iterations=8", "teaching=7", "steady.alone=2", "conditions.heldout=0", "hidden=[8]"]
    _, states, requests, said = trained("peg_policy", settings)
    assert [{r.controller is None for r in some} for some in requests] == [{network} for network in (0, 0, 0, 1, 0, 1, 0, 1)]
    assert ["error after the fit" in report.policy for report in said] == [False, False, True, False, True, False, True, False]
    assert [len(report.updates) for report in said] == [2, 2, 2, 0, 2, 0, 0, 0]
    assert states[1].members is states[2].members
    assert states[3].members is states[4].members  # on trial, while the best one is kept beside it
    assert states[4].kept.members is states[3].members
    assert states[8].members is states[8].kept.members


def test_tied_teachers_start_near_by_and_everybody_else_where_the_condition_says():
    settings = ["iterations=5", "teaching=4", "steady.alone=1", "steady.jitter=0.2", "conditions.heldout=0", "hidden=[8]"]
    _, _, requests, _ = trained("peg_policy", settings)
    chosen = experiment.load("peg_policy", [*QUICK, *settings])
    starts = {c.name: c.initial_positions for c in prepare(chosen).train}
    away = [[np.abs(r.condition.initial_positions - starts[r.condition.name]) for r in some] for some in requests]
    assert [np.max(some) > 0.0 for some in away] == [False, True, False, True, False]
    assert 0.1 < np.max(away) <= 0.2
    assert len({tuple(start) for some in away[1::2] for start in some}) == 8
    assert all(np.array_equal(r.condition.target, s.condition.target) for r, s in zip(requests[0], requests[1], strict=True))


def test_the_first_holes_are_wider_and_what_was_measured_there_counts_no_more():
    _, states, requests, _ = trained("peg_steady_2mm", ["iterations=4", "steady.easy=2", "steady.slack=0.001"])
    assert [{round(r.condition.parameters["clearance"], 6) for r in some} for some in requests] == [{0.003}, {0.003}, {0.002}, {0.002}]
    assert [list(state.age) for state in states] == [[0, 0], [1, 1], [2, 2], [1, 1], [1, 1]]


def test_what_was_measured_in_wider_holes_does_not_refuse_the_last_trial():
    _, states, _, said = trained("peg_steady_2mm", ["iterations=3", "steady.easy=2", "steady.slack=0.02"])
    assert_array_equal(states[3].local.controllers.K, states[2].local.controllers.K)
    assert not said[-1].notes


def test_teachers_that_teach_nothing_are_named():
    chosen = experiment.load("peg_policy", QUICK)
    setting = prepare(chosen)
    _, states, _, _ = trained("peg_policy", ["iterations=3", "teaching=2", "steady.alone=1", "conditions.heldout=0", "hidden=[8]"])
    kept = states[2].teachers.kept
    done = np.array(kept.rollouts.states)
    done[0, :, -1, 14:23] = 0.0  # the first one's tip is at the bottom
    able = states[2].teachers._replace(kept=kept._replace(rollouts=kept.rollouts._replace(states=done)))
    said = contact_learner.silent(setting, states[2]._replace(teachers=able))
    assert [text.partition(":")[0] for text in said] == ["train-1"]
    assert contact_learner.silent(setting, states[2]) == (), "where nobody can, all of them teach"


def test_where_there_is_no_hole_nothing_is_wider():
    setting = prepare(experiment.load("reach_local", ["conditions.train=1", "conditions.heldout=0"]))
    request = EpisodeRequest(setting.train[0], None, 5)
    assert contact_learner.eased(request, 0.1) == request


def test_a_start_near_by_is_within_the_limits():
    setting = prepare(experiment.load("peg_policy", QUICK))
    low = np.array(setting.robot.limits.position_lower)
    request = EpisodeRequest(setting.train[0]._replace(initial_positions=low), None, 5)
    moved = contact_learner.scattered(setting, request, 0.1).condition.initial_positions
    assert np.all(moved >= low)
    assert np.any(moved == low)
    assert np.any(moved > low)


def test_a_controller_that_begins_afresh_is_named():
    learner, states, _, said = trained("peg_steady", ["iterations=3", "steady.patience=2"])
    texts = [[note for note in report.notes if "begins afresh" in note] for report in said]
    assert [len(some) for some in texts] == [0, 2, 0]
    assert texts[1][0].startswith("train-0: ")
    assert_array_equal(learner.controllers(states[2]).K, learner.controllers(states[0]).K)


def test_a_refusal_is_said():
    learner, states, requests, _ = trained("peg_policy", ["iterations=4", "teaching=2", "conditions.heldout=0", "hidden=[8]"])
    chosen = experiment.load("peg_policy", [*QUICK, "iterations=4", "teaching=2"])
    kept = states[3].kept._replace(successes=100)
    runner = FakeRunner(prepare(chosen))
    runner.load(learner.policy(states[3]), 3)
    _, report = learner.update(states[3]._replace(kept=kept), runner.run(requests[3]), 4)
    assert [note for note in report.notes if "policy: rejected" in note and "against 100 successes" in note]


def test_the_teachers_have_to_leave_iterations_for_the_policy():
    with pytest.raises(UsageError, match="teaching: 30; less than iterations"):
        experiment.load("peg_policy", ["teaching=30"])
