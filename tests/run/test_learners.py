"""What a run is told of updates that failed or were repaired, in any of their turns."""

from dataclasses import dataclass
from datetime import datetime
from io import StringIO

import numpy as np
import pytest
from fake_runner import FakeRunner  # tests/run/conftest.py puts this folder on the path

from robot_learning.algorithms import badmm, multipliers
from robot_learning.algorithms.local_gps import LocalReport
from robot_learning.algorithms.multipliers import Turn
from robot_learning.algorithms.policy_fit import FitReport
from robot_learning.run import experiment, folder
from robot_learning.run.algorithms import ALGORITHMS
from robot_learning.run.learners import fit_notes, learned_in_turns
from robot_learning.run.progress import Progress
from robot_learning.run.records import Iteration, Update
from robot_learning.run.setting import prepare
from robot_learning.run.train import Trainer

SMALL = ["conditions={train: 2, heldout: 0}", "rollouts=3", "iterations=2", "evaluation.film=0", "local.mixture_components=2"]
QUICK = [*SMALL, "fit.steps=30", "hidden=[8]"]


@dataclass(frozen=True)
class Named:
    """A condition's name."""

    name: str


def turn(outcome="met", repairs=0, fit=None, kept=(), held=0, regularized=0, prior=""):
    two = np.ones(2)
    local = LocalReport(two, two, two, two, ("met", outcome), np.array([0, repairs]), two, 0.0, np.array([regularized, 0]), prior)
    return Turn(local, fit or FitReport(1.0, 0.5), 0.25, 0.1, kept, held)


def said(turns):
    class Two:
        train = (Named("train-0"), Named("train-1"))

    return learned_in_turns(Two(), turns)


def test_what_failed_in_an_earlier_turn_is_a_note_and_in_the_last_one_an_outcome():
    found = said([turn("rejected: no multiplier met the limit"), turn("rejected: the expected cost does not fall")])
    kept = "; the controller from before was kept"
    assert found.notes == (f"turn 1: train-1: rejected: no multiplier met the limit{kept}",)
    assert [u.outcome for u in found.updates] == ["met", f"rejected: the expected cost does not fall{kept}"]
    assert found.policy["gap of the mean actions"] == 0.25


def test_everything_that_was_repaired_or_kept_is_a_note():
    found = said(
        [
            turn(repairs=3, held=2, regularized=5, prior="the prior is poor"),
            turn(fit=FitReport(1.0, np.nan, "rejected: the fit diverged"), kept=(1,), held=4),
        ]
    )
    assert found.notes == (
        "turn 1: train-1: 3 steps had an indefinite Hessian, which was raised",
        "turn 1: train-0: 5 steps had degenerate data, which were regularized further",
        "turn 1: the prior is poor",
        "turn 2: policy: rejected: the fit diverged; the policy from before was kept",
        "turn 2: train-1: multipliers were kept, the gap to the policy is not finite",
        "weights held at a bound: 2 in turn 1, 4 in turn 2",
    )


def test_what_was_refused_and_noted_stands_below_the_line_of_the_iteration():
    updates = (Update("train-0", 1.0, 1.0, "met"), Update("train-1", 0.0, 1.0, "rejected: no multiplier met the limit"))
    stream = StringIO()
    with Progress(3, stream=stream) as shown:
        shown.iteration(Iteration(1, 5, {"train-0": 2.0}, updates, {}, (), {}, {}, ("policy: the error rose",)))
    assert stream.getvalue().splitlines() == [
        "iteration 1/3  cost 2.00  1 rejected  0.0 s",
        "  train-1: rejected: no multiplier met the limit",
        "  policy: the error rose",
    ]


def test_a_fit_whose_error_rises_is_said():
    assert fit_notes(FitReport(1.0, 0.9)) == ()
    assert fit_notes(FitReport(1.0, 1.25)) == ("policy: the error rose from 1 to 1.25 in the fit",)


def test_a_gap_that_is_not_finite_stands_in_the_summary(tmp_path, monkeypatch):
    def broken(*arguments, original=multipliers.between):
        gap = original(*arguments)
        gap.nats[0, 0] = np.inf
        return gap

    monkeypatch.setattr(multipliers, "between", broken)
    chosen = experiment.load("reach_badmm", [*QUICK, "iterations=1", "turns=1"])
    run = folder.create(chosen, tmp_path / "run", datetime(2030, 1, 2))
    content = Trainer(run, FakeRunner(prepare(chosen)), "process").train()
    assert [n["note"] for n in content["notes"]] == ["turn 1: train-0: multipliers were kept, the gap to the policy is not finite"]


@pytest.mark.parametrize(("settings", "acts"), [([], [True, False]), (["mdgps.samples=controllers"], [True, True])])
def test_who_makes_the_rollouts_is_a_setting_of_mdgps(settings, acts):
    chosen = experiment.load("reach_state", [*QUICK, *settings])
    setting = prepare(chosen)
    learner, runner = ALGORITHMS[chosen.algorithm](chosen, setting), FakeRunner(setting)
    state = learner.start()
    for iteration, by_controllers in enumerate(acts, start=1):
        requests = learner.requests(state, iteration)
        assert {request.controller is not None for request in requests} == {by_controllers}
        runner.load(learner.policy(state), iteration)
        state, _ = learner.update(state, runner.run(requests), iteration)


def test_the_settings_of_an_experiment_reach_its_algorithm():
    settings = ["badmm.weight=0.5", "turns=3", "hidden=[8]", "local.kl_step=7.0", "fit.steps=9"]
    chosen = experiment.load("reach_badmm", settings)
    learner = ALGORITHMS["badmm"](chosen, prepare(chosen))
    config = learner._config
    assert isinstance(config, badmm.BadmmConfig)
    assert (config.rules.weight, config.loop.turns, config.loop.hidden, config.loop.local.kl_step, config.loop.fit.steps) == (
        0.5,
        3,
        (8,),
        7.0,
        9,
    )
    assert np.all(learner.start().weight == 0.5)
