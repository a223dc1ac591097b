"""The comparison of imitations: what is counted, and how seeds are put together."""

import numpy as np
import pytest

from robot_learning.run import experiment
from robot_learning.run.bench import gps_imitation, interval
from robot_learning.run.bench.figure import Figure
from robot_learning.run.bench.gps_imitation import ARMS, BASE
from robot_learning.run.imitation_learners import DIVERGENCE, FAILED

REACHED = {"cloning": 8, "dagger": 19, "plato": 20, "nearest": 6}
FAILURES = {"cloning": [0, 0], "dagger": [0, 3], "plato": [0, 1], "nearest": []}


def fake(name, seed, settings):
    """The summary of a training that would reach REACHED of 20 starts, and all of them at its best iterate."""
    arm = name.removeprefix("jitter_")

    def outcomes(reached):
        rows = [("policy", "heldout", i < reached) for i in range(20)] + [("policy", "train", True), ("local", "train", False)]
        return [{"controller": c, "split": s, "success": ok, "distance": 0.01 if ok else 0.05} for c, s, ok in rows]

    said = [{FAILED: float(n), DIVERGENCE: 1.0} for n in FAILURES[arm]]
    config = {"rollouts": 5, "conditions": {"train": 4}, "fit": {"steps": 500}}
    iterations = [{"policy": {}}, *({"policy": s} for s in said)]
    return {"final": {"last": outcomes(REACHED[arm]), "best": outcomes(20)}, "iterations": iterations, "config": config}


def test_differences_are_of_last_iterates_on_held_out_starts(monkeypatch):
    monkeypatch.setattr(gps_imitation, "trained", fake)
    found = gps_imitation.differences(100, False)
    assert {name: reading.value for name, reading in found.items()} == {
        "dagger_minus_bc_low": 55.0,
        "plato_minus_bc_low": 60.0,
        "nearest_neighbour_minus_bc_low": -10.0,
        "plato_training_failures": 1,
    }
    assert found["plato_training_failures"].detail["by_iteration"] == {"cloning": [0, 0], "dagger": [0, 3], "plato": [0, 1]}
    own = found["dagger_minus_bc_low"].detail["dagger"]
    assert (own["heldout"], own["heldout_best_iterate"], own["labelled_episodes"], own["gradient_steps"]) == (19, 20, 40, 1000)


def test_all_arms_have_the_same_task_data_teachers_and_gradient_steps():
    base = experiment.load(f"jitter_{BASE}")
    for arm in ARMS:
        other = experiment.load(f"jitter_{arm}")
        assert (other.task, other.conditions, other.local, other.rollouts) == (base.task, base.conditions, base.local, base.rollouts)
        if arm != "nearest":
            assert (other.iterations, other.teaching, other.fit, other.hidden) == (base.iterations, base.teaching, base.fit, base.hidden)
        else:
            assert other.iterations == base.teaching


def test_the_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = [interval.low(list(rng.standard_normal(40))) < 0.0 for _ in range(200)]
    assert 0.93 < np.mean(covered) <= 1.0  # 97.5 % in the limit


def test_the_interval_ends_below_the_mean_and_moves_with_the_readings():
    values = [10.0, 40.0, 20.0, 35.0, 15.0]
    assert min(values) < interval.low(values) < np.mean(values)
    assert interval.low([v + 100.0 for v in values]) == pytest.approx(interval.low(values) + 100.0)
    assert interval.low([7.0] * 5) == 7.0


def test_a_difference_has_to_be_above_zero():
    figure = Figure("x_low", "% points", "> 0", "> 0", "", "low")
    assert figure.overall([-5.0, 40.0, 45.0, 50.0, 50.0]) > min([-5.0, 40.0])
    assert figure.met(0.1)
    assert not figure.met(0.0)
