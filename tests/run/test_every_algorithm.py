"""What holds for every algorithm: two updates run through, and one that fails is said in the log, in the summary and in the report."""

from dataclasses import replace
from datetime import datetime
from html import escape
from typing import get_args

import numpy as np
import pytest
from fake_runner import FakeRunner  # tests/run/conftest.py puts this folder on the path

from robot_learning.algorithms import dynamics
from robot_learning.run import checkpoints, experiment, folder, setting
from robot_learning.run.algorithms import ALGORITHMS
from robot_learning.run.config import available
from robot_learning.run.experiment import IMITATION, LOCAL, Algorithm
from robot_learning.run.train import Trainer

QUICK = ["conditions={train: 2, heldout: 0}", "rollouts=2", "evaluation={cameras: [], film: 0, every: 9}", "local.mixture_components=0"]
POLICY = ["fit.steps=30", "hidden=[8]", "steady.members=1"]
KNOWN = ("ilqr", "mpc")  # they do not learn controllers from rollouts; see test_trajectory_learner.py, test_mpc_learner.py
LEARNED = sorted(set(ALGORITHMS) - set(KNOWN))
WITH_POLICY = sorted(set(LEARNED) - set(LOCAL) - {"nearest_neighbour"})
FAMILIES = sorted(set(LEARNED) - {"dagger", "plato", "nearest_neighbour"})  # which change nothing in how others learn
EXPERIMENTS = {found.algorithm: found.name for found in map(experiment.load, reversed(available("experiments")))}


@pytest.fixture(autouse=True)
def short_episodes(monkeypatch):
    monkeypatch.setattr(setting, "load_task", lambda name, load=setting.load_task: replace(load(name), horizon=20))


def train(algorithm, where, settings=()):
    """A short training, with an update of everything that the algorithm learns; the run's folder and its summary."""
    count, teaching = {"steady_gps": (4, 2), "steady_local": (3, 2)}.get(algorithm, (3 if algorithm in IMITATION else 2, 1))
    extra = [*(POLICY if algorithm in WITH_POLICY else []), *([f"teaching={teaching}"] if algorithm in IMITATION else [])]
    chosen = experiment.load(EXPERIMENTS[algorithm], [*QUICK, f"iterations={count}", *extra, *settings])
    run = folder.create(chosen, where / "run", datetime(2030, 1, 2))
    return run, Trainer(run, FakeRunner(setting.prepare(chosen)), "process").train()


def test_every_algorithm_has_an_experiment():
    assert set(get_args(Algorithm)) == set(ALGORITHMS) == set(EXPERIMENTS)


@pytest.mark.parametrize("algorithm", LEARNED)
def test_two_updates(algorithm, tmp_path):
    run, content = train(algorithm, tmp_path)
    assert content["state"] == "finished"
    assert any(i["updates"] for i in content["iterations"])
    chosen = folder.read_experiment(run)
    learner = ALGORITHMS[algorithm](chosen, setting.prepare(chosen))
    state = checkpoints.load(run, chosen.iterations, learner.kind).state
    assert all(np.all(np.isfinite(part)) for part in learner.controllers(state))
    if algorithm in WITH_POLICY:
        assert [fitted for fitted in (i["policy"].get("error after the fit") for i in content["iterations"]) if fitted is not None]


@pytest.mark.parametrize("algorithm", FAMILIES)
def test_controllers_that_cannot_be_improved_are_said_to_be_kept(algorithm, tmp_path, monkeypatch, capsys):
    def broken(*given, fitted=dynamics.fitted):
        found = fitted(*given)
        return found._replace(dynamics=found.dynamics._replace(F=np.full_like(found.dynamics.F, np.nan)))

    monkeypatch.setattr(dynamics, "fitted", broken)
    run, content = train(algorithm, tmp_path)
    assert {u["condition"] for u in content["rejected"] if u["iteration"] == 1} == {"train-0", "train-1"}
    assert content["rejected"][0]["outcome"].endswith("; the controller from before was kept")
    said_everywhere(run, content["rejected"][0]["outcome"], capsys.readouterr().out)


@pytest.mark.parametrize("algorithm", sorted({*FAMILIES} & {*WITH_POLICY}))
def test_a_policy_whose_fit_diverges_is_said_to_be_kept(algorithm, tmp_path, capsys):
    with np.errstate(all="ignore"):
        run, content = train(algorithm, tmp_path, ["fit.rate=1e30"])
    kept = "policy: rejected: the fit diverged; the policy from before was kept"
    notes = [n["note"] for n in content["notes"] if n["note"].endswith(kept)]
    assert notes
    said_everywhere(run, notes[0], capsys.readouterr().out)


@pytest.mark.parametrize("algorithm", ["local_gps", "badmm", "steady_local"])
def test_data_that_had_to_be_regularized_are_named(algorithm, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(dynamics, "fitted", lambda *given, fitted=dynamics.fitted: fitted(*given)._replace(repaired=np.array([0, 7])))
    run, _ = train(algorithm, tmp_path)
    said_everywhere(run, "train-1: 7 steps had degenerate data, which were regularized further", capsys.readouterr().out)


def said_everywhere(run, text, log):
    """In the log, in summary.json and in the report."""
    assert text in log
    assert text in (run / "summary.json").read_text()
    assert escape(text) in (run / "report.html").read_text()
