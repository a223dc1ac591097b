"""Runs whose checkpoints were damaged or removed: what is said, and what still works."""

import json
import shutil
from dataclasses import replace

import pytest
from fake_runner import FakeRunner  # tests/run/conftest.py puts this folder on the path
from test_train import make

from robot_learning.core.errors import UsageError
from robot_learning.run import best, checkpoints
from robot_learning.run.evaluate_command import evaluate_run
from robot_learning.run.records import Iteration, Outcome, Update
from robot_learning.run.train import Trainer
from robot_learning.run.train_command import Where, go_on

TINY = ["conditions.train=1", "rollouts=2", "iterations=3", "evaluation.film=0", "local.mixture_components=0"]
pytestmark = pytest.mark.usefixtures("short_episodes")


def test_the_best_iteration_has_most_successes_then_least_distance_then_comes_first():
    def record(number, *outcomes):
        rows = tuple(Outcome("local", "train", f"train-{i}", d, 0.0, ok, "time") for i, (d, ok) in enumerate(outcomes))
        return Iteration(number, 5 * number, {}, (Update("train-0", 1.0, 1.0, "met"),), {}, rows, {}, {})

    log = [record(1, (0.001, True), (0.3, False)), record(2, (0.009, True), (0.008, True)), record(3, (0.009, True), (0.007, True))]
    assert best.ranked(log, "local") == [3, 2, 1]
    assert best.ranked([*log, replace(log[2], iteration=4)], "local") == [3, 4, 2, 1]
    assert best.ranked([record(1), record(2)], "local") == [2]


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_checkpoint_with_a_shortened_log_is_named(tmp_path, kept):
    run, runner = make(tmp_path / "run", settings=TINY)
    Trainer(run, runner, "process").train()
    path = run / "checkpoints" / "003" / checkpoints.INDEX
    index = json.loads(path.read_text())
    del index["digest"]
    index["iterations"] = index["iterations"][:kept]
    path.write_text(json.dumps({**index, "digest": checkpoints._digest(index)}))
    for use in (lambda: evaluate_run(run, None, None), lambda: go_on(run, (), (), Where("process"))):
        with pytest.raises(UsageError, match=r"003/checkpoint.json: "):
            use()


@pytest.mark.parametrize("harm", ["flip", "folder"])
def test_a_best_iterate_that_cannot_be_read_is_told_and_the_next_best_tested(tmp_path, monkeypatch, capsys, harm):
    monkeypatch.setattr(best, "ranked", lambda log, controller: [2, 1, *range(3, len(log) + 1)])
    run, runner = make(tmp_path / "run", settings=TINY)
    assert Trainer(run, runner, "process").train()["final"]["best_iteration"] == 2
    path = run / "checkpoints" / "002" / checkpoints.STATE
    if harm == "folder":
        shutil.rmtree(path.parent)
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x80
        path.write_bytes(data)
    capsys.readouterr()
    assert evaluate_run(run, None, tmp_path / "outcomes.json") == 1
    note = "iteration 2 was better on the training conditions, but cannot be used: checkpoints/002/"
    assert note in capsys.readouterr().out
    assert json.loads((tmp_path / "outcomes.json").read_text())["best_iteration"] == 1
    go_on(run, ["iterations=4"], (), Where("process"))
    content = Trainer(run, FakeRunner(runner.setting), "process").train()
    out = capsys.readouterr().out
    assert out.index(note) < out.index("iteration 4/4")
    assert (content["state"], content["final"]["last_iteration"], content["final"]["best_iteration"]) == ("finished", 4, 1)
    assert content["notes"][0]["note"].startswith(note)
    assert "cannot be used: checkpoints/002/" in (run / "report.html").read_text()


def test_without_any_iterate_that_can_be_read_the_last_counts_as_best(tmp_path, monkeypatch):
    monkeypatch.setattr(best, "ranked", lambda log, controller: [2, 1, 3])
    run, runner = make(tmp_path / "run", settings=TINY)
    trainer = Trainer(run, runner, "process")
    trainer.train()
    for number in (1, 2):
        (run / "checkpoints" / f"{number:03d}" / checkpoints.INDEX).unlink()
    number, notes = best.best_readable(run, trainer.log, "local", trainer.learner.kind)
    assert (number, len(notes)) == (3, 2)


@pytest.mark.parametrize("name", [checkpoints.INDEX, checkpoints.STATE])
def test_what_the_last_checkpoint_lacks_is_named_with_what_helps(tmp_path, name):
    run, runner = make(tmp_path / "run", settings=[*TINY, "iterations=2"])
    Trainer(run, runner, "process").train()
    last = run / "checkpoints" / "002"
    (last / name).unlink()
    for use in (lambda: evaluate_run(run, None, None), lambda: go_on(run, (), (), Where("process"))):
        with pytest.raises(UsageError, match=rf"002/{name}: No such file or directory; remove {last} to go on from iteration 1"):
            use()
    shutil.rmtree(last)
    go_on(run, (), (), Where("process"))
    (run / "checkpoints" / "001" / name).unlink()
    with pytest.raises(UsageError, match=r"there is no earlier one: start a new run"):
        go_on(run, (), (), Where("process"))
