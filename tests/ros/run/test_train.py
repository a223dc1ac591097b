"""`robot-learning train` with real nodes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from robot_learning.run import summary
from robot_learning.run.bench.trial import outcomes

SETTINGS = ["conditions.train=1", "conditions.heldout=1", "rollouts=2", "iterations=2", "local.mixture_components=0", "fit.steps=20"]
CLI = [sys.executable, "-m", "robot_learning.run.cli"]


def start(out, through="ros", settings=SETTINGS, name="reach_state"):
    words = [*CLI, "train", name, "--through", through, "--out", str(out), *(word for s in settings for word in ("--set", s))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True)


def until(process, text):
    lines = []
    while not (lines and text in lines[-1]):
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)


def nodes_of(run):
    """Process ids of nodes that know this run folder, or read its configuration."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(run / "logs") in path.read_text(errors="replace"):
                found.append(int(path.parent.name))
        except (PermissionError, ProcessLookupError, FileNotFoundError):
            continue
    return found


def executable(pid):
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[2]


ONE = ["conditions={train: 1, heldout: 0}", "iterations=2"]
KNOWN = [*ONE, "ilqr.iterations=1"]
PLANNED = [*ONE, "rollouts=2", "evaluation.every=1", "mpc={horizon: 5, iterations: 1}"]


@pytest.mark.parametrize(("name", "settings"), [("reach_state", SETTINGS), ("reach_ilqr", KNOWN), ("reach_mpc", PLANNED)])
def test_through_ros_and_in_process_are_the_same_bit_for_bit(domain, tmp_path, name, settings):
    runs = {}
    for through in ("process", "ros"):
        with start(tmp_path / through, through, [*settings, "evaluation.cameras=[]", "required.train=1"], name) as process:
            out = process.stdout.read()
        assert process.returncode in (0, 1), out  # so little training may not be enough
        runs[through] = summary.load(tmp_path / through)
        assert runs[through]["state"] == "finished", out
    assert outcomes(runs["ros"]) == outcomes(runs["process"])
    assert (runs["ros"]["through"], runs["process"]["through"]) == ("ros", "process")
    for outcome in runs["ros"]["final"]["last"]:
        assert (tmp_path / "ros" / outcome["bag"] / "metadata.yaml").is_file()
    assert nodes_of(tmp_path / "ros") == []


@pytest.mark.parametrize("when", ["run folder", "iteration 1/"])
def test_ctrl_c_ends_within_three_seconds_with_no_process_left_and_a_run_that_goes_on(domain, tmp_path, when):
    run = tmp_path / "run"
    with start(run, settings=[*SETTINGS[:3], "iterations=200"], name="reach_local") as process:
        until(process, when)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out = process.stdout.read()
        assert process.wait() == 130, out
        assert time.monotonic() - began < 3.0
    assert nodes_of(run) == []
    content = summary.load(run)
    assert content["state"] == "interrupted"
    assert (run / "report.html").is_file()
    assert not [path for path in run.rglob("*") if "partial" in path.name]
    if content["iterations"]:
        done = len(content["iterations"])
        words = ["train", "--resume", str(run), "--through", "process", "--set", f"iterations={done + 1}"]
        subprocess.run([*CLI, *words], capture_output=True, check=False)
        assert [i["iteration"] for i in summary.load(run)["iterations"]] == list(range(1, done + 2))


def processes(run, node):
    """Process ids of a node, graph by graph."""
    return [pid for pid in sorted(nodes_of(run)) if executable(pid).endswith(f".{node}")]


def test_ctrl_c_ends_within_three_seconds_also_with_hung_nodes(domain, tmp_path):
    run = tmp_path / "run"
    with start(run, settings=[*SETTINGS[:3], "iterations=200"], name="reach_local") as process:
        until(process, "iteration 1/")
        hung = [processes(run, "simulator")[-1], processes(run, "episode_manager")[0]]
        for pid in hung:
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out = process.stdout.read()
        assert process.wait() == 130, out
        assert time.monotonic() - began < 3.0
    assert nodes_of(run) == []
    content = summary.load(run)
    assert content["state"] == "interrupted"
    assert f"after {len(content['iterations'])} of 200 iterations" in content["ending"]


@pytest.mark.parametrize(("node", "graph"), [("simulator", 0), ("recorder", -1)])
def test_a_node_of_any_graph_that_dies_is_named_and_ends_the_run(domain, tmp_path, node, graph):
    run = tmp_path / "run"
    with start(run, settings=[*SETTINGS[:3], "iterations=200"], name="reach_local") as process:
        until(process, "iteration 1/")
        pids = processes(run, node)
        assert len(pids) == min(2, len(os.sched_getaffinity(0)))
        os.kill(pids[graph], signal.SIGKILL)
        out = process.stdout.read()
        assert process.wait() == 1, out
    assert f"{node} was killed by SIGKILL" in out
    assert "Traceback" not in out
    content = summary.load(run)
    assert content["state"] == "failed"
    assert f"{node} was killed by SIGKILL" in content["ending"]
    assert nodes_of(run) == []


def test_a_busy_domain_is_one_line_and_exit_2(domain, tmp_path):
    with start(tmp_path / "first", settings=[*SETTINGS[:3], "iterations=200"], name="reach_local") as first:
        until(first, "iteration 1/")
        with start(tmp_path / "second") as second:
            out = second.stdout.read()
        first.send_signal(signal.SIGINT)
        first.stdout.read()
    assert second.returncode == 2
    assert f"ROS domain {domain} is busy" in out
    assert "Traceback" not in out


def test_a_robot_that_nobody_of_us_started_is_one_line_and_exit_2_and_leaves_nothing(domain, tmp_path):
    words = [sys.executable, "-m", "robot_learning.nodes.simulator", "--ros-args", "-p", "robot:=fr3", "-p", "clock:=lockstep"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as foreign:
        until(foreign, "ready")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        up = subprocess.run([*CLI, "up", "sim"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        with start(tmp_path / "run") as training:
            told = training.stdout.read()
        assert foreign.poll() is None
        foreign.terminate()
    for code, out in ((up.returncode, up.stdout), (training.returncode, told)):
        assert code == 2, out
        assert f"ROS domain {domain} is busy" in out
        assert len(out.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir() if path.name != "runs"] == []
    assert list(tmp_path.glob("runs/*")) == []


def test_up_stays_until_ctrl_c(domain, tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [*CLI, "up", "sim", "robot:=ur5e"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        until(process, f"ur5e is up on ROS domain {domain}: simulator, safety_gate")
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert process.wait() == 130
        assert time.monotonic() - began < 3.0
