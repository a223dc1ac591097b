"""MoveIt is asked as its interface wants to be asked, in a process of its own; what it answers is checked."""

import multiprocessing
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from robot_learning.planning.moveit_planner import MoveItPlanner
from robot_learning.planning.planner import PlanningFailed, PlanRequest
from robot_learning.run.robots import load_chain, load_robot

ROBOT = load_robot("fr3")
HOME = np.array(ROBOT.home)
GOAL = HOME + np.array([0.3, -0.2, 0.1, 0.4, -0.5, 0.2, 0.6])


@pytest.fixture
def fake(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).with_name("fake_moveit_py")))

    def made(how, start_s=30.0):
        config = {"how": how, "group": "fr3_arm", "ended": str(tmp_path / "ended"), "robot_learning": {"plan_request_params": {}}}
        return MoveItPlanner(ROBOT, load_chain(ROBOT), config, "fr3_arm", start_s)

    return made


def test_a_plan_comes_in_our_joint_order_with_moveits_timing_and_its_process_ends(fake, tmp_path):
    planner = fake("well")
    with closing(planner):
        plan = planner.plan(PlanRequest(HOME, GOAL, velocity_scale=0.5, acceleration_scale=0.5))
        assert plan.engine == "moveit"
        assert np.allclose(plan.path[[0, -1]], [HOME, GOAL])
        assert plan.motion.times[-1] == pytest.approx(40.0)
        pose = load_chain(ROBOT).pose(GOAL)
        there = planner.plan(PlanRequest(HOME, goal_pose=pose, velocity_scale=1.0, acceleration_scale=1.0))
        assert np.allclose(load_chain(ROBOT).pose(there.path[-1]), pose, atol=1e-5)
    assert (tmp_path / "ended").exists()  # by its own shutdown
    assert multiprocessing.active_children() == []
    assert "moveit" not in sys.modules


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("fails", "no solution in time: MoveIt's error_code -2"),
        ("fast", "exceeds the scaled limits of velocity"),
        ("elsewhere", "not from the start to the goal"),
        ("raises", "RuntimeError: pipeline"),
        ("dies", "MoveIt's process ended"),
    ],
)
def test_an_answer_that_is_no_plan_is_named(fake, how, words):
    with closing(fake(how)) as planner, pytest.raises(PlanningFailed, match=words):
        planner.plan(PlanRequest(HOME, GOAL))


def test_one_who_does_not_answer_is_given_up_and_ended(fake, monkeypatch):
    monkeypatch.setattr("robot_learning.planning.moveit_planner.GRACE_S", 0.1)
    with closing(fake("slow")) as planner, pytest.raises(PlanningFailed, match="MoveIt took longer than"):
        planner.plan(PlanRequest(HOME, GOAL, time_limit_s=0.1))
    assert multiprocessing.active_children() == []


def test_one_who_does_not_start_says_why(fake):
    with pytest.raises(PlanningFailed, match="RuntimeError: no robot_description"):
        fake("no start")


def test_what_is_missing_is_named_with_the_package_to_install():
    if any((Path(folder) / "moveit" / "planning").exists() for folder in sys.path):
        pytest.skip("MoveIt is installed here")
    with pytest.raises(PlanningFailed, match=r"no module moveit.*ros-<distro>-moveit-py") as failed:
        MoveItPlanner(ROBOT, load_chain(ROBOT), {}, "fr3_arm")
    assert "\n" not in str(failed.value)
