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

learner.ThroughRos = Broken
learner.parameters.declare = lambda *_, **__: type("Given", (), {"config_file": "reach_local", "run_dir": sys.argv[1]})
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
