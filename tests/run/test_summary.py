import json
import re
import shutil
from datetime import datetime

import pytest
from fake_runner import FakeRunner  # tests/run/conftest.py puts this folder on the path

from robot_learning.core.errors import UsageError
from robot_learning.run import experiment, folder, report, summary
from robot_learning.run.setting import prepare
from robot_learning.run.train import Trainer
from robot_learning.run.train_command import Where, go_on, record_start


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    settings = ["conditions.train=1", "conditions.heldout=1", "rollouts=2", "iterations=1", "fit.steps=5", "hidden=[4]"]
    chosen = experiment.load("reach_state", [*settings, "evaluation.film=0", "local.mixture_components=0"])
    path = folder.create(chosen, tmp_path_factory.mktemp("summary") / "run", datetime(2030, 1, 2))
    Trainer(path, FakeRunner(prepare(chosen)), "process").train()
    return path


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def places(value, path=()):
    """Every place in a JSON value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(inner, (*path, key))


def put(content, path, value):
    for part in path[:-1]:
        content = content[part]
    content[path[-1]] = value


def test_whatever_stands_in_whatever_place_is_shown_or_named(run):
    content = json.dumps(summary.load(run) | {"config": {"seed": 0}})
    named = set()
    for path in places(json.loads(content)):
        for value in (None, "text", [None], {"a": None}, -1.5):
            changed = json.loads(content)
            put(changed, path, value)
            (run / summary.NAME).write_text(json.dumps(changed))
            try:
                report.page(summary.load(run), [])
            except UsageError as error:
                said = str(error)
                assert said.startswith(f"{run / summary.NAME}: ")
                assert "\n" not in said
                named.add(".".join(map(str, path)) if f": {'.'.join(map(str, path))}" in said else "")
    assert {"experiment", "seconds.learning", "iterations.0.outcomes.0.ending", "final.last.0.success", "machine.cores"} <= named


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("iterations",), None, "iterations: null; a list is expected"),
        (("final",), [], "final: []; a mapping is expected"),
        (("final",), None, "final: null; a mapping is expected beside success"),
        (("format",), 7, "format: 1 is expected"),
        (("wall_s",), "long", 'wall_s: "long"; a number is expected'),
        (("success",), {"last": {}}, "success.best: missing"),
        (("iterations", 0, "outcomes"), 3, "iterations.0.outcomes: 3; a list is expected"),
        (("iterations", 0, "updates", 0, "kl"), "1", 'iterations.0.updates.0.kl: "1"; a number is expected'),
        (("final", "last", 0, "success"), "yes", 'final.last.0.success: "yes"; true or false is expected'),
        (("final", "last", 0, "sucess"), True, "final.last.0.sucess: unknown key"),
        (("seconds", "learning"), None, "seconds.learning: null; a number is expected"),
        (("machine",), {}, "machine.cores: missing"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(run, path, value, expected):
    content = summary.load(run)
    put(content, path, value)
    (run / summary.NAME).write_text(json.dumps(content))
    before = (run / folder.CONFIG).read_bytes(), (run / summary.NAME).read_bytes()
    for use in (report.write, lambda run: go_on(run, ["iterations=2"], (), Where("process"))):
        with pytest.raises(UsageError, match=re.escape(f"{run / summary.NAME}: {expected}")):
            use(run)
    assert ((run / folder.CONFIG).read_bytes(), (run / summary.NAME).read_bytes()) == before


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": 1}', '{"format": 1, "experiment', "[" * 100_000, '{"wall_s": NaN}', "[1e999]", "\x00"]
)
def test_what_is_no_summary_is_named(run, text):
    (run / summary.NAME).write_text(text)
    for use in (report.write, lambda run: go_on(run, (), (), Where("process"))):
        with pytest.raises(UsageError, match=r"summary\.json: (damaged|format|experiment)"):
            use(run)


def test_without_its_summary_a_run_goes_on_and_makes_one(run):
    (run / summary.NAME).unlink()
    record_start(go_on(run, (), (), Where("process")), "process")
    assert summary.load(run)["experiment"] == "reach_state"


def test_numbers_that_json_cannot_hold_are_read_back(run):
    content = summary.load(run)
    content["iterations"][0]["updates"][0]["kl"] = float("nan")
    content["final"]["last"][0]["distance"] = float("inf")
    summary.write(run, content)
    assert summary.load(run)["final"]["last"][0]["distance"] is None
    assert report.write(run).is_file()
