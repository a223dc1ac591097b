"""The learner's process ends with one line whatever goes wrong in it."""

import os
import subprocess
import sys

import pytest

from robot_learning.run import summary
from robot_learning.run.train_command import record_start

BROKEN = """
import sys
from pathlib import Path
from robot_learning.nodes import learner

class Broken:
    def __init__(self, *_):
        raise ZeroDivisionError("by\\nnothing")

learner.SideBySide = Broken
learner.parameters.declare = lambda *_, **__: type("Given", (), {"config_file": "reach_local", "run_dir": sys.argv[1], "domains": ""})
learner.main()
"""


@pytest.mark.parametrize("debug", [False, True])
def test_an_error_of_the_program_is_one_line_and_in_the_summary(domain, tmp_path, debug):
    from robot_learning.run import folder

    run = folder.adopt("reach_local", tmp_path / "run")
    record_start(run, "ros")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "ROBOT_LEARNING_DEBUG": "1" if debug else ""}
    done = subprocess.run([sys.executable, "-c", BROKEN, str(run)], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: an error of the program: ZeroDivisionError: by nothing (")
    assert ("Traceback" in done.stderr) is debug
    assert debug or done.stderr.count("\n") == 1
    content = summary.load(run)
    assert content["state"] == "failed"
    assert "ZeroDivisionError: by nothing" in content["ending"]


@pytest.mark.parametrize("domains", ["x", "1,,200", "-1"])
def test_a_wrong_domain_of_a_further_graph_is_one_line_and_exit_2(tmp_path, domains):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = ["--ros-args", "-p", "config_file:=reach_local", "-p", f"domains:='{domains}'", "-p", f"run_dir:={tmp_path / 'run'}"]
    command = [sys.executable, "-m", "robot_learning.nodes.learner", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 2, done.stderr
    assert done.stderr == f"error: learner: parameter domains: {domains!r}; numbers from 0 to 101 are expected, with commas between them\n"
    assert not (tmp_path / "run").exists()
