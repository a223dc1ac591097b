"""The simulator node in lockstep and in realtime, over DDS, in processes of their own."""

import hashlib
import importlib.util
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from robot_learning.robots.bullet_arm import BulletArm
from robot_learning.run.robots import load_chain, load_robot, urdf_path
from robot_learning.run.tasks import load_task
from robot_learning.tasks.conditions import draw

pytestmark = pytest.mark.ros
ROOT = Path(__file__).parents[2]
COMMANDER = Path(__file__).parent / "lockstep_commander.py"


def environment(domain: int) -> dict[str, str]:
    profile = ROOT / "config" / "fastdds.xml"
    return os.environ | {
        "ROS_DOMAIN_ID": str(domain),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "PYTHONPATH": str(ROOT / "src" / "robot_learning"),
        "FASTRTPS_DEFAULT_PROFILES_FILE": str(profile),
    }


def simulator(domain: int, clock: str) -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-m", "robot_learning.nodes.simulator", "--ros-args", "-p", "robot:=fr3", "-p", f"clock:={clock}"],
        env=environment(domain),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield domain
        process.terminate()
        assert process.wait(3.0) == 0


@pytest.fixture(scope="module")
def lockstep() -> Iterator[int]:
    yield from simulator(20, "lockstep")


def command(domain: int, script: list[dict]) -> list[dict]:
    result = subprocess.run(
        [sys.executable, str(COMMANDER), json.dumps(script)],
        env=environment(domain),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_same_commands_give_bit_equal_states_and_exact_stamps(lockstep: int) -> None:
    first, other, again = command(lockstep, [{"horizon": 100}, {"horizon": 30}, {"horizon": 100}])
    assert first["states"] == again["states"] == 101
    assert other["states"] == 31
    assert first["hash"] == again["hash"]
    for episode in (first, again):
        assert {b - a for a, b in zip(episode["stamps"], episode["stamps"][1:], strict=False)} == {50_000_000}
    assert again["stamps"][0] > first["stamps"][-1]
    assert first["counts"] == {"simulator.commands": 100, "simulator.refused": 0}


def test_an_episode_through_dds_is_the_one_in_process_bit_for_bit(lockstep: int) -> None:
    place = importlib.util.spec_from_file_location("lockstep_commander", COMMANDER)
    assert place is not None
    assert place.loader is not None
    commander = importlib.util.module_from_spec(place)
    place.loader.exec_module(commander)
    robot, task = load_robot("fr3"), load_task("reach")
    arm = BulletArm(robot, urdf_path(robot), task)
    arm.reset(draw(task, robot, load_chain(robot), "train", 1, 0)[0])
    state = arm.joint_state()
    seen = [commander.packed(*state[1:])]
    for step in range(100):
        arm.send("effort", commander.answer(step, robot.home, state.position.tolist(), state.velocity.tolist()))
        arm.step(12)
        state = arm.joint_state()
        seen.append(commander.packed(*state[1:]))
    arm.close()
    (episode,) = command(lockstep, [{"horizon": 100}])
    assert episode["hash"] == hashlib.sha256(b"".join(seen)).hexdigest()


def test_time_never_goes_back_when_the_task_changes(lockstep: int) -> None:
    reach, peg, again = command(lockstep, [{"horizon": 30}, {"horizon": 30, "task": "peg_insertion"}, {"horizon": 30}])
    assert reach["stamps"][-1] < peg["stamps"][0]
    assert peg["stamps"][-1] < again["stamps"][0]
    assert reach["hash"] == again["hash"] != peg["hash"]


def test_not_finite_is_dropped_without_a_step(lockstep: int) -> None:
    clean, dropped = command(
        lockstep, [{"horizon": 20}, {"horizon": 20, "tricks": {5: [[math.nan] * 7], 9: [[math.inf] * 7, [0.0] * 6 + [math.nan]]}}]
    )
    assert dropped["counts"] == {"simulator.commands": 23, "simulator.refused": 3}
    assert dropped["hash"] == clean["hash"]


def test_wrong_size_deactivates_the_controller_until_the_next_episode(lockstep: int) -> None:
    clean, refused, after = command(
        lockstep, [{"horizon": 20}, {"horizon": 20, "tricks": {5: [[1.0] * 6]}, "patience": 0.5}, {"horizon": 20}]
    )
    assert not refused["whole"]
    assert refused["states"] == 6
    assert refused["counts"] == {"simulator.commands": 7, "simulator.refused": 2}
    assert after["hash"] == clean["hash"]


def test_pictures_carry_the_stamps_of_the_joint_states(lockstep: int) -> None:
    (episode,) = command(lockstep, [{"horizon": 20, "cameras": ["front64"]}])
    assert episode["stamps"] == [stamp for stamp, _ in episode["images"]] == episode["infos"]
    assert {size for _, size in episode["images"]} == {64 * 64 * 3}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ("robot", "missing")),
        (["robot:=fr33"], ("fr33", "fr3")),
        (["robot:=fr3", "task:=reech"], ("reech", "reach")),
        (["robot:=fr3", "clock:=lockstepp"], ("clock", "lockstep")),
        (["robot:=fr3", "cameras:=front46"], ("front46", "front64")),
        (["robot:=fr3", "tusk:=reach"], ("tusk", "task")),
    ],
)
def test_wrong_parameters_end_in_one_clear_line_and_exit_2(arguments: list[str], words: tuple[str, ...]) -> None:
    options = [part for argument in arguments for part in ("-p", argument)]
    result = subprocess.run(
        [sys.executable, "-m", "robot_learning.nodes.simulator", *(["--ros-args", *options] if options else [])],
        env=environment(22),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert all(word in result.stderr for word in words)
    assert "ready" not in result.stdout
