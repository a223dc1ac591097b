"""A run begins, goes on, is refused or is interrupted, always with a folder that says so."""

import itertools
import os
import signal
import subprocess
import sys
from functools import partial

import pytest
from test_train import make  # tests/run/conftest.py puts this folder on the path

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.run import domains, folder, preflight, summary, train_command
from robot_learning.run.graphs import Refused
from robot_learning.run.train_command import Where, begin, go_on


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [("RMW_IMPLEMENTATION", "rmw_nothing", "RMW_IMPLEMENTATION=rmw_nothing: not installed"), ("ROS_DOMAIN_ID", "102", "0 to 101")],
)
def test_what_cannot_start_leaves_no_folder(tmp_path, monkeypatch, variable, value, expected):
    monkeypatch.setattr(preflight, "find_spec", lambda name: name)
    monkeypatch.setattr(preflight, "check_shared_memory", lambda count: None)
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=expected):
        begin("reach_local", (), (), tmp_path / "run", Where())
    assert not (tmp_path / "run").exists()


def test_a_busy_domain_leaves_no_folder_and_names_the_option(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(preflight, "check_ros", lambda: None)
    monkeypatch.setattr(preflight, "check_shared_memory", lambda count: None)
    with domains.hold(14, "a test"), pytest.raises(UsageError, match=r"ROS domain 14 is busy: .* runs a test; .*--domain"):
        begin("reach_local", (), (), tmp_path / "run", Where(domain=14))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("through", ["ros", "process"])
def test_a_folder_that_cannot_be_made_is_wrong_use_however_it_trains(tmp_path, monkeypatch, through):
    monkeypatch.setattr(preflight, "check_ros", lambda: None)
    monkeypatch.setattr(preflight, "check_shared_memory", lambda count: None)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"file.*a folder that can be written is expected"):
        begin("reach_local", (), (), tmp_path / "file" / "run", Where(through, 16))


def test_a_graph_that_is_refused_leaves_no_new_folder_and_an_old_one_as_it_was(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise Refused("simulator: ROS domain 7 is busy: another node 'simulator' is there")

    monkeypatch.setattr(train_command, "through_ros", refuse)
    new = begin("reach_local", (), (), tmp_path / "new", Where("process"))
    with pytest.raises(UsageError, match="is busy"):
        train_command.run(new, Where())
    assert not new.exists()
    old, _ = make(tmp_path / "old")
    train_command.record_start(old, "ros")
    summary.restate(old, "interrupted", "earlier")
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="is busy"):
        train_command.run(old, Where())
    assert {path: path.read_bytes() for path in old.rglob("*") if path.is_file()} == before
    assert capsys.readouterr().out == ""


def test_on_a_full_disk_the_cause_is_told_once_and_what_did_not_end_makes_room(tmp_path, monkeypatch):
    made, _ = make(tmp_path / "run")
    train_command.record_start(made, "ros")
    partial, restate = made / "bags" / "e1.partial", summary.restate
    partial.mkdir(parents=True)

    def full(*words):
        if partial.exists():
            raise WorkFailed(f"{made / summary.NAME}: disk full")
        restate(*words)

    monkeypatch.setattr(summary, "restate", full)
    with pytest.raises(SystemExit) as ended:  # the learner told why
        train_command.verdict(made, 1)
    assert ended.value.code == 1
    assert (summary.load(made)["state"], summary.load(made)["ending"]) == ("failed", "the learner ended with exit code 1")
    assert not partial.exists()


def test_ctrl_c_on_a_full_disk_is_still_ctrl_c(tmp_path, monkeypatch, capsys):
    made, _ = make(tmp_path / "run")

    def full(*_):
        raise WorkFailed("disk full")

    def interrupted(*_):
        monkeypatch.setattr(summary, "write", full)
        raise KeyboardInterrupt

    monkeypatch.setattr(train_command, "through_ros", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_command.run(made, Where())
    assert "--resume" in capsys.readouterr().out


def test_a_run_that_goes_on_has_no_recordings_left_that_did_not_end(tmp_path, capsys):
    run, _ = make(tmp_path / "run")
    for name in ("e1.partial", "e2.partial", "e3"):
        (run / "bags" / name).mkdir(parents=True)
    go_on(run, (), (), Where("process"))
    assert [path.name for path in (run / "bags").iterdir()] == ["e3"]
    assert capsys.readouterr().out == "removed 2 recordings of episodes that did not end\n"


@pytest.mark.parametrize("number", range(3))
def test_ctrl_c_at_any_moment_of_the_start_leaves_a_run_that_says_so(tmp_path, monkeypatch, capsys, number):
    made, _ = make(tmp_path / "run")
    seen = itertools.count()
    at = [(train_command.summary, "write"), (train_command.report, "write"), (train_command, "through_ros")]

    def then(inner, *words):
        if next(seen) == number:
            signal.raise_signal(signal.SIGINT)
        return inner(*words)

    for place, name in at:
        monkeypatch.setattr(place, name, partial(then, getattr(place, name)))
    with pytest.raises(KeyboardInterrupt):
        train_command.run(made, Where())
    content = summary.load(made)
    assert (content["state"], content["ending"]) == ("interrupted", "interrupted after 0 of 3 iterations")
    assert "interrupted" in (made / "report.html").read_text()
    assert "--resume" in capsys.readouterr().out


def test_ctrl_c_before_the_start_is_written_leaves_a_run_that_says_so(tmp_path, monkeypatch):
    made, _ = make(tmp_path / "run")
    inner = train_command.record_start
    calls = iter([True])

    def start(*words):
        if next(calls, False):
            raise KeyboardInterrupt
        inner(*words)

    monkeypatch.setattr(train_command, "record_start", start)
    with pytest.raises(KeyboardInterrupt):
        train_command.run(made, Where())
    assert summary.load(made)["state"] == "interrupted"
    assert (made / "report.html").is_file()


CLAIM = """
import sys
from pathlib import Path
from robot_learning.run import folder
folder.claim(Path(sys.argv[1]))
print("ours", flush=True)
input()
"""


def test_a_run_that_is_being_trained_is_not_continued_beside_it(tmp_path):
    run, _ = make(tmp_path / "run")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", CLAIM, str(run)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as other:
        assert other.stdout.readline() == "ours\n"
        before = (run / folder.CONFIG).read_bytes()
        with pytest.raises(UsageError, match=r"another process trains in it"):
            go_on(run, ["iterations=9"], (), Where("process"))
        assert (run / folder.CONFIG).read_bytes() == before
        other.kill()
    for _ in range(2):
        go_on(run, (), (), Where("process"))


def test_a_start_that_fails_after_all_is_told_in_the_summary(tmp_path, monkeypatch):
    made, _ = make(tmp_path / "run")

    def break_down(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(train_command, "through_ros", break_down)
    with pytest.raises(OSError, match="Too many"):
        train_command.run(made, Where())
    assert (summary.load(made)["state"], summary.load(made)["ending"]) == ("failed", "operating system: Too many open files")
