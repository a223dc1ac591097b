import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest

from robot_learning.run import cli, summary

SMALL = ["--set", "conditions.train=1", "--set", "rollouts=2", "--set", "iterations=1", "--set", "local.mixture_components=0"]


def command(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["robot-learning", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out = capsys.readouterr()
    return end.value.code, out.out, out.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "reach_lcal"], "did you mean 'reach_local'?"),
        (["train"], "EXPERIMENT"),
        (["train", "reach_local", "robot:=ur55"], "did you mean 'ur5'?"),
        (["train", "reach_local", "robto:=ur5"], "robto: unknown key; did you mean 'robot'?"),
        (["train", "reach_local", "--set", "task=peg"], "config/tasks: no 'peg'"),
        (["train", "reach_local", "mode:=walk"], "mode: \"walk\"; 'effort'"),
        (["train", "reach_local", "--out", "/proc/x/y", "--through", "process"], "--out /proc/x/y"),
        (["train", "--resume", "/nowhere"], "/nowhere: no config.yaml"),
        (["train", "reach_local", "--resume", "/nowhere"], "give neither EXPERIMENT nor --out"),
        (["train", "reach_local", "--through", "air"], "air"),
        (["train", "--sed", "3"], "--se"),
        (["train", "reach_local", "--graphs", "99"], "'--graphs'"),
        (["train", "reach_local", "--domain", "300"], "'--domain'"),
        (["train", "reach_local", "--seed", "-1"], "'--seed'"),
        (["train", "reach_local", "--seed", "one"], "'--seed'"),
        (["evaluate"], "RUN"),
        (["trian"], "train"),
        (["evaluate", "/nowhere"], "/nowhere: no config.yaml"),
        (["evaluate", "/nowhere", "--json", "/nowhere/x"], "--json /nowhere/x: there is no folder"),
        (["report", "/nowhere"], "/nowhere/summary.json"),
        (["up", "lern"], "did you mean 'learn'?"),
        (["up", "robto:=ur5"], "did you mean 'robot'?"),
        (["up", "robot:=ur55"], "did you mean 'ur5'?"),
        (["up", "backend:=sim", "clock:=wall"], "unknown clock 'wall'"),
        (["up", "backend:=real", "clock:=lockstep"], "lockstep"),
        (["bench", "spin", "--json", "/tmp/x.json"], "did you mean 'spine'?"),
        (["bench", "spine"], "--json"),
        (["bench", "spine", "--json", "/tmp/x.json", "--only", "update_cpu"], "did you mean 'update_cpu_s'?"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(monkeypatch, capsys, words, expected):
    code, _, err = command(monkeypatch, capsys, *words)
    assert code == 2
    assert expected in err
    assert err.startswith("robot-learning: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (OSError(28, "No space left on device", "/runs/x"), 1, "/runs/x: disk full"),
        (PermissionError(13, "Permission denied", "/runs/x"), 1, "/runs/x: Permission denied"),
        (RuntimeError("first\nsecond"), 1, "an error of the program: RuntimeError: first second"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
    ],
)
def test_whatever_goes_wrong_is_one_line(monkeypatch, capsys, error, code, expected):
    def fail(*_):
        raise error

    monkeypatch.setattr(cli, "app", lambda *_, **__: fail())
    found, _, err = command(monkeypatch, capsys, "train")
    assert found == code
    assert expected in err
    assert err.count("\n") == (1 if expected else 0)


def test_help_loads_nothing_heavy():
    script = "import sys, robot_learning.run.cli; print(sorted({'numpy', 'torch', 'pybullet', 'yaml', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_without_words_the_commands_are_shown(monkeypatch, capsys):
    code, out, err = command(monkeypatch, capsys)
    assert (code, err) == (0, "")
    assert "train" in out
    assert "doctor" in out


def test_a_small_training_in_process_makes_a_whole_run(tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    code, out, _ = command(monkeypatch, capsys, "train", "reach_local", "--through", "process", "--out", run, *SMALL)
    assert code == 1  # one iteration is not enough
    assert "NOT learned" in out
    content = summary.load(run)
    assert (content["state"], content["learned"], content["through"]) == ("finished", False, "process")
    assert len(list((run / "film").glob("*/*.png"))) == 4
    page = (run / "report.html").read_text()
    assert "not learned" in page
    assert page.count("data:image/png;base64") == 4
    assert command(monkeypatch, capsys, "evaluate", run, "--json", tmp_path / "outcomes.json")[0] == 1
    before = (run / "report.html").read_bytes()
    assert command(monkeypatch, capsys, "report", run)[0] == 0
    assert (run / "report.html").read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_within_three_seconds_and_leaves_a_run(tmp_path, number):
    settings = ["--set", "conditions.train=1", "--set", "iterations=500"]
    words = ["train", "reach_local", "--through", "process", "--out", tmp_path / "run", *settings]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "robot_learning.run.cli", *map(str, words)], stdout=subprocess.PIPE, text=True, env=environment
    )
    with process:
        while not re.match("iteration 1/", process.stdout.readline()):
            assert process.poll() is None
        began = time.monotonic()
        process.send_signal(number)
        out = process.stdout.read()
        assert process.wait() == 130
        assert time.monotonic() - began < 3.0
    assert "--resume" in out
    content = summary.load(tmp_path / "run")
    assert content["state"] == "interrupted"
    assert len(content["iterations"]) >= 1
    assert (tmp_path / "run" / "report.html").is_file()


def test_ctrl_c_while_the_command_loads_ends_it_without_a_word():
    slow = "import signal, robot_learning.entry; signal.raise_signal(signal.SIGINT); print('still there')"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", slow], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_console_command_begins_with_the_standard_library_alone():
    script = "import sys, robot_learning.entry; print('typer' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True).stdout == "False\n"


def test_a_terminal_that_is_closed_leaves_a_run_too(tmp_path):
    words = ["train", "reach_local", "--through", "process", "--out", str(tmp_path / "run"), *SMALL[:2], "--set", "iterations=500"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    number, terminal = pty.fork()
    if number == 0:
        os.execve(sys.executable, [sys.executable, "-m", "robot_learning.run.cli", *words], environment)
    shown = b""
    while b"iteration 1/" not in shown:
        shown += os.read(terminal, 4096)
    os.close(terminal)  # SIGHUP, and nobody reads any more
    assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 130
    content = summary.load(tmp_path / "run")
    assert content["state"] == "interrupted"
    assert (tmp_path / "run" / "report.html").is_file()
