import resource
import shutil
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fake_runner import FakeRunner  # tests/run/conftest.py puts this folder on the path

from robot_learning.algorithms import local_gps
from robot_learning.core import atomic
from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.run import checkpoints, domains, experiment, folder, preflight, setting, summary
from robot_learning.run.evaluate_command import evaluate_run
from robot_learning.run.train import Trainer
from robot_learning.run.train_command import Where, go_on

SMALL = ["conditions.train=2", "rollouts=3", "iterations=3", "evaluation.film=0", "local.mixture_components=2"]
POLICY = [*SMALL, "conditions.heldout=1", "fit.steps=30", "hidden=[8]"]
SHORT = ["iterations=2", "rollouts=2", "fit.steps=10"]

pytestmark = pytest.mark.usefixtures("short_episodes")


def make(path, name="reach_local", settings=SMALL, **runner):
    chosen = experiment.load(name, settings)
    run = folder.create(chosen, path, datetime(2030, 1, 2))
    return run, FakeRunner(setting.prepare(chosen), **runner)


@pytest.fixture(scope="module")
def one_run(tmp_path_factory, short_episodes):
    """A run that is done, its setting and its summary."""
    run, runner = make(tmp_path_factory.mktemp("one") / "run")
    return run, runner.setting, Trainer(run, runner, "process").train()


@pytest.fixture
def done(one_run, tmp_path):
    """A copy of it for a test to harm, and the setting."""
    return shutil.copytree(one_run[0], tmp_path / "run"), one_run[1]


def interrupt_at(number):
    def before(ran):
        if ran == number:
            raise KeyboardInterrupt

    return before


def without_times(content):
    iterations = [{key: value for key, value in i.items() if key != "seconds"} for i in content["iterations"]]
    final = {key: value for key, value in content["final"].items() if key != "seconds"}
    return iterations, final


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("reach_local", SMALL),
        *((name, [*POLICY, *SHORT]) for name in ("reach_state", "reach_badmm", "jitter_nearest")),
        *((name, [*POLICY, *SHORT, "teaching=1"]) for name in ("jitter_dagger", "jitter_plato")),
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_by_bit(tmp_path, name, settings):
    whole, runner = make(tmp_path / "whole", name, settings)
    expected = Trainer(whole, runner, "process").train()
    parts, stopped = make(tmp_path / "parts", name, settings, before=interrupt_at(runner.ran // 2))
    with pytest.raises(KeyboardInterrupt):
        Trainer(parts, stopped, "process").train()
    assert 0 < checkpoints.latest(parts) < len(expected["iterations"])
    found = Trainer(parts, FakeRunner(runner.setting), "process").train()
    assert without_times(found) == without_times(expected)
    last = Path("checkpoints", f"{len(expected['iterations']):03d}", checkpoints.STATE)
    assert (parts / last).read_bytes() == (whole / last).read_bytes()


@pytest.mark.parametrize("number", [0, 1, 7, 8, 13, 23, 24])
def test_ctrl_c_at_any_episode_leaves_a_run_that_can_be_looked_at(tmp_path, number):
    run, runner = make(tmp_path / "run", before=interrupt_at(number))
    with pytest.raises(KeyboardInterrupt):
        Trainer(run, runner, "process").train()
    content = summary.load(run)
    assert content["state"] == "interrupted"
    assert len(content["iterations"]) == checkpoints.latest(run)
    assert f"after {checkpoints.latest(run)} of 3 iterations" in content["ending"]
    assert "interrupted" in (run / "report.html").read_text()
    assert not list(run.rglob("*.partial"))
    assert folder.resume(run, (), ()).iterations == 3


def test_more_iterations_may_be_asked_for_and_nothing_else(done):
    run, prepared = done
    folder.change(run, folder.resume(run, ["iterations=4"], ()))
    content = Trainer(run, FakeRunner(prepared), "process").train()
    assert [i["iteration"] for i in content["iterations"]] == [1, 2, 3, 4]
    for other in ("seed=5", "rollouts=4", "robot=fer", "local.kl_step=0.5"):
        with pytest.raises(UsageError, match="only iterations"):
            folder.resume(run, [other], ())
    with pytest.raises(UsageError, match="4 are done"):
        folder.resume(run, ["iterations=2"], ())


def test_a_refused_continuation_leaves_the_run_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(preflight, "check_nodes", lambda specs: None)
    monkeypatch.setattr(preflight, "check_ros", lambda: None)
    monkeypatch.setattr(preflight, "check_shared_memory", lambda count: None)
    run, runner = make(tmp_path / "run", settings=[*SMALL, "iterations=1"])
    Trainer(run, runner, "process").train()

    def files():
        return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}

    before = files()
    with domains.hold(14, "a test"), pytest.raises(UsageError, match="ROS domain 14 is busy"):
        go_on(run, ["iterations=2"], (), Where(domain=14))
    assert files() == before
    assert go_on(run, ["iterations=2"], (), Where("process")) == run
    assert folder.read_experiment(run).iterations == 2


def test_a_nearly_full_disk_refuses_a_continuation_before_anything_changes(tmp_path, monkeypatch):
    run, runner = make(tmp_path / "run", settings=[*SMALL, "iterations=1"])
    Trainer(run, runner, "process").train()
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    monkeypatch.setattr(atomic.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1_000_000))
    with pytest.raises(WorkFailed, match="disk full: 1 MB free"):
        go_on(run, ["iterations=3"], (), Where("process"))
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert summary.load(run)["state"] == "finished"


def test_another_seed_gives_other_costs(tmp_path, one_run):
    run, runner = make(tmp_path / "run", settings=[*SMALL, f"seed={one_run[2]['seed'] + 1}", "iterations=1"])
    assert Trainer(run, runner, "process").train()["iterations"][0]["costs"] != one_run[2]["iterations"][0]["costs"]


def test_evaluation_is_without_noise_and_not_counted_as_samples(tmp_path):
    run, runner = make(tmp_path / "run")
    seen = []
    runner.run = lambda requests, inner=runner.run: seen.append(requests) or inner(requests)
    content = Trainer(run, runner, "process").train()
    assert content["samples_per_condition"] == 9
    training = [r for requests in seen for r in requests if r.noise]
    assert len(training) == 2 * 9
    assert len({r.seed for r in training}) == len(training)


def test_an_episode_that_breaks_is_run_again_once(tmp_path):
    run, runner = make(tmp_path / "run", before=lambda ran: "fault: lockstep stalled" if ran == 1 else None)
    content = Trainer(run, runner, "process").train()
    assert content["notes"] == [{"iteration": 1, "note": "train-0: an episode was run again: fault: lockstep stalled"}]
    assert "lockstep stalled" in (run / "report.html").read_text()


def test_a_test_that_breaks_is_run_again_once_and_changes_no_verdict(tmp_path, one_run):
    expected = one_run[2]["iterations"][0]["outcomes"]
    training = 6  # episodes before the first test: two conditions, three of each
    run, runner = make(tmp_path / "again", before=lambda ran: "fault: lockstep stalled" if ran == training else None)
    content = Trainer(run, runner, "process").train()
    assert content["iterations"][0]["outcomes"] == expected
    assert content["notes"] == [{"iteration": 1, "note": "train-0: a test was run again: fault: lockstep stalled"}]
    assert content["iterations"][0]["counts"]["evaluation.repeated"] == 1


def test_a_runner_that_stays_broken_fails_the_run_with_one_line(tmp_path):
    run, runner = make(tmp_path / "run", before=lambda ran: "fault: lockstep stalled" if ran >= 9 else None)
    with pytest.raises(WorkFailed, match=r"train-\d ended twice before its time: fault: lockstep stalled"):
        Trainer(run, runner, "process").train()
    content = summary.load(run)
    assert (content["state"], len(content["iterations"])) == ("failed", 1)
    assert "lockstep stalled" in content["ending"]


def test_an_evaluation_that_breaks_is_no_success(tmp_path):
    run, runner = make(tmp_path / "run", settings=[*SMALL, "iterations=1"], before=lambda ran: "fault: x" if ran >= 6 else None)
    content = Trainer(run, runner, "process").train()
    assert content["learned"] is False
    assert {o["ending"] for o in content["final"]["last"]} == {"fault: x"}
    assert {o["distance"] for o in content["final"]["last"]} == {None}


def test_a_rejected_update_stands_in_log_summary_and_report(tmp_path, monkeypatch):
    def refuse(*arguments, original=local_gps.update):
        state, report = original(*arguments)
        return state, report._replace(outcome=("met", "rejected: the expected cost does not fall"))

    monkeypatch.setattr(local_gps, "update", refuse)
    run, runner = make(tmp_path / "run", settings=[*SMALL, "iterations=1"])
    content = Trainer(run, runner, "process").train()
    assert [(r["iteration"], r["condition"], r["outcome"]) for r in content["rejected"]] == [
        (1, "train-1", "rejected: the expected cost does not fall; the controller from before was kept")
    ]
    assert "rejected: the expected cost does not fall" in (run / "report.html").read_text()


def test_the_policy_of_each_iteration_is_loaded_with_a_rising_version(tmp_path):
    run, runner = make(tmp_path / "run", "reach_state", POLICY)
    content = Trainer(run, runner, "process").train()
    assert runner.versions == sorted(set(runner.versions))
    assert {o["controller"] for o in content["final"]["last"]} == {"local", "policy"}
    assert len([o for o in content["final"]["last"] if o["split"] == "heldout"]) == 1


def test_a_disk_that_takes_no_more_fails_the_run_and_keeps_what_was_there(tmp_path):
    run, runner = make(tmp_path / "run")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def shrink(ran):
        if ran == 9:  # in the second iteration
            resource.setrlimit(resource.RLIMIT_FSIZE, ((run / "checkpoints" / "001" / checkpoints.STATE).stat().st_size, hard))

    runner.before = shrink
    try:
        with pytest.raises(WorkFailed, match="disk full"):
            Trainer(run, runner, "process").train()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert checkpoints.numbers(run) == [1]
    assert not list(run.rglob("*.partial"))
    content = summary.load(run)
    assert content["state"] == "failed"
    assert "disk full" in content["ending"]
    assert len(Trainer(run, FakeRunner(runner.setting), "process").train()["iterations"]) == 3


def test_costs_of_a_run_are_those_of_its_episodes(tmp_path):
    run, runner = make(tmp_path / "run", settings=[*SMALL, "iterations=1"])
    episodes = []
    runner.run = lambda requests, inner=runner.run: episodes.append(inner(requests)) or episodes[-1]
    content = Trainer(run, runner, "process").train()
    expected = np.mean([np.sum(e.cost) for e in episodes[0][:3]])
    assert content["iterations"][0]["costs"]["train-0"] == pytest.approx(expected, rel=1e-12)


def test_an_error_of_the_program_is_told_in_the_summary(tmp_path):
    def break_down(_):
        raise ZeroDivisionError("by nothing")

    run, runner = make(tmp_path / "run", before=break_down)
    with pytest.raises(ZeroDivisionError):
        Trainer(run, runner, "process").train()
    content = summary.load(run)
    assert content["state"] == "failed"
    assert content["ending"].startswith("an error of the program: ZeroDivisionError: by nothing")


def test_a_run_whose_first_checkpoint_found_the_disk_full_goes_on_from_the_start(tmp_path, monkeypatch):
    run, runner = make(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "commit_directory", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(WorkFailed, match="disk full"):
            Trainer(run, runner, "process").train()
    assert list((run / "checkpoints").iterdir()) == []
    go_on(run, (), (), Where("process"))
    content = Trainer(run, FakeRunner(runner.setting), "process").train()
    assert [i["iteration"] for i in content["iterations"]] == [1, 2, 3]


def test_a_run_that_lost_its_checkpoints_is_refused(done):
    run, _ = done
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UsageError, match=r"checkpoints: no checkpoint, but summary.json has 3 iterations"):
        folder.resume(run, (), ())


@pytest.mark.parametrize("where", ["none/x.json", "."])
def test_an_evaluation_that_could_not_be_written_is_refused_before_it_begins(tmp_path, where):
    with pytest.raises(UsageError, match="--json"):
        evaluate_run(tmp_path / "no_run", None, tmp_path / where)
