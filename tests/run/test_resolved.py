"""A run is tied to what it was made with: whatever is edited afterwards is refused by name."""

import json
import shutil
from datetime import datetime

import pytest
from fake_runner import FakeRunner

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.core.paths import share_dir
from robot_learning.run import checkpoints, config, experiment, folder, resolved, robots, summary
from robot_learning.run.evaluate_command import evaluate_run
from robot_learning.run.setting import prepare
from robot_learning.run.tasks import load_task
from robot_learning.run.train import Trainer

NOW = datetime(2030, 1, 2)
SETTINGS = [
    "conditions.train=2",
    "rollouts=3",
    "iterations=1",
    "evaluation.film=0",
    "local.mixture_components=2",
    "evaluation.cameras=[front64]",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    chosen = experiment.load("reach_local", SETTINGS)
    run = folder.create(chosen, tmp_path_factory.mktemp("finished") / "run", NOW)
    Trainer(run, FakeRunner(prepare(chosen)), "process").train()
    return run


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def share(tmp_path, monkeypatch):
    """A copy of config/ and urdf/ that is used instead."""
    for part in ("config", "urdf"):
        shutil.copytree(share_dir() / part, tmp_path / "share" / part, ignore=shutil.ignore_patterns("meshes"))
    (tmp_path / "share" / "urdf" / "meshes").symlink_to(share_dir() / "urdf" / "meshes")
    for module in (config, robots):
        monkeypatch.setattr(module, "share_dir", lambda: tmp_path / "share")
    load_task.cache_clear()
    yield tmp_path / "share"
    load_task.cache_clear()


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def refusals(run):
    """What evaluate and --resume say."""
    said = []
    for use in (lambda: evaluate_run(run, None, None), lambda: folder.resume(run, ["iterations=2"], ())):
        with pytest.raises(UsageError) as caught:
            use()
        assert "\n" not in str(caught.value)
        said.append(str(caught.value))
    assert said[0] == said[1]
    return said[0]


def test_nothing_changed_is_no_refusal(run, share):
    assert folder.read_experiment(run).name == "reach_local"
    folder.change(run, folder.resume(run, ["iterations=2"], ()))
    assert folder.read_experiment(run).iterations == 2


@pytest.mark.parametrize(
    ("file", "old", "new", "field"),
    [
        ("config/tasks/reach.yaml", "target_upper: [0.12", "target_upper: [0.13", "target_upper"),
        ("config/robots/fr3.yaml", "velocity: [2.62", "velocity: [2.60", "limits.velocity"),
        ("config/cameras/front64.yaml", "fx: 92.935", "fx: 92.936", "fx"),
        ("urdf/fr3.urdf", "<robot", "<!-- --><robot", "sha256"),
    ],
)
def test_a_changed_file_is_named_with_its_field(run, share, file, old, new, field):
    edit(share / file, old, new)
    assert refusals(run).startswith(f"{file}: {field} changed since the run: ")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("robot: fr3", "robot: ur5", 'robot changed since the run: "fr3" then, "ur5" now'),
        ("task: reach", "task: peg_insertion", 'task changed since the run: "reach" then, "peg_insertion" now'),
        ("train: 2", "train: 3", "conditions.train changed since the run: 2 then, 3 now"),
        ("\nseed: 0", "\nseed: 5", "seed changed since the run: 0 then, 5 now"),
    ],
)
def test_an_edited_experiment_is_named(run, old, new, expected):
    edit(run / folder.CONFIG, old, new)
    assert f"{folder.CONFIG}: {expected}; put it back or start a new run" in refusals(run)


def test_checkpoints_know_the_values_that_they_were_made_with(run):
    edit(run / folder.CONFIG, "\nseed: 0", "\nseed: 5")
    edit(run / resolved.NAME, '\n  "seed": 0', '\n  "seed": 5')
    with pytest.raises(UsageError, match=r"checkpoint\.json: resolved: made with other values"):
        evaluate_run(run, None, None)
    index = json.loads((run / "checkpoints" / "001" / checkpoints.INDEX).read_text())
    assert index["cameras"] == {"front64": resolved.cameras(["front64"])["front64"]["sha256"]}


@pytest.mark.parametrize("harm", ["", "[]", "{", '{"experiment": 3}'])
def test_a_damaged_record_is_named(run, harm):
    (run / resolved.NAME).write_text(harm)
    assert resolved.NAME in refusals(run)


def test_the_summary_shows_the_values(run):
    shown = summary.load(run)["config"]["resolved"]
    assert shown["config/tasks/reach.yaml"]["horizon"] == load_task("reach").horizon
    assert shown["config/robots/fr3.yaml"]["modes"]["effort"]["controller"]
    assert "target_upper" in (run / "report.html").read_text()


def full(*_, **__):
    raise WorkFailed("disk full")


def test_a_failed_beginning_leaves_what_was_there_and_nothing_else(tmp_path, monkeypatch):
    chosen = experiment.load("reach_local")
    mine = tmp_path / "mine"
    mine.mkdir()
    number = mine.stat().st_ino
    with monkeypatch.context() as patch:
        patch.setattr(folder, "write_atomic", full)
        for out in (tmp_path / "a" / "b" / "c", mine, mine / "d" / "e"):
            with pytest.raises(WorkFailed, match="disk full"):
                folder.create(chosen, out, NOW)
    assert list(tmp_path.iterdir()) == [mine]
    assert list(mine.iterdir()) == []
    assert mine.stat().st_ino == number
    assert folder.create(chosen, mine, NOW) == mine
