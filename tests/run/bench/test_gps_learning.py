"""Benchmarks of priors and planning: what they count, and that stopping early changes no median."""

import numpy as np
import pytest

from robot_learning.run.bench import gps_priors, local_training
from robot_learning.run.bench.gps_priors import Samples
from robot_learning.run.records import Outcome

TRUTH = {40: [80, 120, 200, 600], 20: [60, 100, 100, 300], 10: [600, 600, 600, 600], 5: [10, 600, 600, 600]}


def fake(name, seed, settings, rollouts, most):
    """Trainings that would succeed after TRUTH, stopped after `most`."""
    return Samples({str(i): min(count, most) for i, count in enumerate(TRUTH[rollouts])}, most)


def test_stopping_what_cannot_do_better_leaves_the_best_median(monkeypatch):
    monkeypatch.setattr(gps_priors, "samples", fake)
    stopped = gps_priors.best_of("none", "any", 0, [], gps_priors.GRID, 600)
    whole = [Samples(dict(enumerate(counts)), 600).median for counts in TRUTH.values()]
    assert min(arm.median for arm in stopped.values()) == min(whole) == 100
    assert [arm.most for arm in stopped.values()] == [600, 200, 100, 100]


def test_a_ratio_is_of_medians_and_the_network_is_judged_where_it_saves_less(monkeypatch):
    needed = {"reach_local": {"none": 80, "gmm": 10, "neural": 10}, "peg_steady": {"none": 600, "gmm": 20, "neural": 200}}

    def training(name, seed, settings, rollouts, most):
        count = needed[name][settings[0].removeprefix("local.prior=")]
        return Samples({"a": 5, "b": 5, "c": min(count, most), "d": min(count, most)}, most)

    monkeypatch.setattr(gps_priors, "samples", training)
    found = gps_priors.ratios(0, False)
    assert {name: reading.value for name, reading in found.items()} == {
        "prior_ratio_reach": 8.0,
        "prior_ratio_peg": 30.0,
        "nn_prior_ratio": 4.0,  # stopped after 150
    }
    assert found["prior_ratio_peg"].detail["none"]["40"]["stopped_before_success"] == ["c", "d"]
    assert found["nn_prior_ratio"].detail["peg"]["neural"]["5"]["stopped_before_success"] == ["c", "d"]


@pytest.mark.parametrize("first", [1, 2, 4])
def test_a_training_ends_when_all_conditions_have_succeeded(first, monkeypatch):
    seen = []

    def training(chosen, setting):
        for iteration in range(1, chosen.iterations + 1):
            seen.append(iteration)
            done = [Outcome("local", "train", c.name, 0.0, 0.0, iteration >= first, "time", "") for c in setting.train]
            yield local_training.Step(iteration * chosen.rollouts, None, tuple(done))

    monkeypatch.setattr(gps_priors, "steps", training)
    found = gps_priors.samples("reach_local", 0, ["conditions.train=2"], 5, 15)
    assert seen == list(range(1, min(first, 3) + 1))
    assert set(found.by_condition.values()) == {min(5 * first, 15)}


def test_a_training_yields_what_happened():
    chosen = gps_priors.experiment.load("reach_local", ["conditions.train=1", "rollouts=2", "iterations=1", "local.mixture_components=0"])
    (step,) = local_training.steps(chosen, gps_priors.prepare(chosen))
    assert step.samples == 2
    assert step.rollouts.states.shape == (1, 2, 101, 32)
    assert [outcome.controller for outcome in step.outcomes] == ["local"]
    assert np.all(np.isfinite(step.rollouts.states))
