"""Simulator, local_controller and safety_gate in lockstep: one command and one output per joint state, the same bits as in process."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robot_learning.run.episodes import EpisodeRequest
from robot_learning.run.in_process import InProcess
from robot_learning.run.robots import load_chain, load_robot, urdf_path
from robot_learning.run.tasks import load_task
from robot_learning.tasks.conditions import draw
from robot_learning.tasks.state import state_dim

pytestmark = pytest.mark.ros
DOMAIN = 31
HORIZON = 100
DRIVER = Path(__file__).parent / "chain_driver.py"


@pytest.fixture
def chain(start):
    start("simulator", robot="fr3", task="reach", clock="lockstep")
    start("local_controller", robot="fr3", clock="lockstep")
    start("safety_gate", robot="fr3", clock="lockstep")

    def drive(horizon, episodes):
        command = [sys.executable, str(DRIVER), str(horizon), str(episodes)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return drive


def in_process_hash(driver) -> str:
    robot, task = load_robot("fr3"), load_task("reach")
    chain = load_chain(robot)
    condition = draw(task, robot, chain, "train", 1, 0)[0]
    controller = driver.start_controller(robot, state_dim(task, len(robot.joints)), HORIZON)
    runner = InProcess(robot, chain, urdf_path(robot), task)
    episode = runner.run([EpisodeRequest(condition, controller, seed=7, noise=True)])[0]
    runner.close()
    assert np.isfinite(episode.cost).all()
    return hashlib.sha256(episode.recording.positions.tobytes()).hexdigest()


def test_one_output_per_tick_and_the_same_bits_as_in_process(chain):
    results = chain(HORIZON, 3)
    for result in results:
        assert result["whole"]
        assert (result["states"], result["commands"], result["outputs"]) == (HORIZON + 1, HORIZON, HORIZON)
        assert result["answered"], "each command carries the stamp of its joint state"
        assert result["steps"] == list(range(HORIZON))
        assert result["counts"]["local_controller"] == {"ticks": HORIZON}
        gate = result["counts"]["safety_gate"]
        assert gate["passed"] + gate.get("changed", 0) == HORIZON
        assert "refused" not in gate
    sys.path.insert(0, str(DRIVER.parent))
    import chain_driver

    assert {result["hash"] for result in results} == {in_process_hash(chain_driver)}
