"""The simulated controllers take, refuse, latch and let go as ros2_control's do."""

import math
from dataclasses import replace

import pytest

from robot_learning.core.joint_trajectory import Point
from robot_learning.robots.ros2_controllers import RobotControllers
from robot_learning.run.robots import load_robot

ROBOT = load_robot("fr3")
SECOND = 1_000_000_000
HOME = list(ROBOT.home)
ONES = (1.0,) * 7
ZEROS = (0.0,) * 7


def controllers(watchdog_s: float = 0.0) -> RobotControllers:
    result = RobotControllers(ROBOT, watchdog_s)
    result.reset(HOME)
    return result


@pytest.mark.parametrize("mode", ["effort", "velocity", "position"])
def test_the_last_command_latches_for_ever(mode: str) -> None:
    side = controllers()
    assert side.command(mode, ONES, 0) == ""
    for now in (0, SECOND, 10_000 * SECOND):
        assert side.setpoint(now, HOME)[:2] == (mode, ONES)


def test_before_the_first_command_the_default_controller_is_at_rest() -> None:
    assert controllers().setpoint(SECOND, HOME)[:2] == ("effort", ZEROS)
    side = RobotControllers(replace(ROBOT, command_mode="position"))
    side.reset(HOME)
    assert side.setpoint(SECOND, HOME)[:2] == ("position", tuple(HOME))


@pytest.mark.parametrize(("mode", "rest"), [("effort", ZEROS), ("velocity", ZEROS), ("position", ONES)])
@pytest.mark.parametrize("size", [0, 6, 8])
def test_a_wrong_size_deactivates_the_controller_until_the_reset(mode: str, rest: tuple[float, ...], size: int) -> None:
    side = controllers()
    side.command(mode, ONES, 0)
    assert "deactivated" in side.command(mode, [0.5] * size, 0)
    assert side.setpoint(0, HOME)[:2] == (mode, rest)
    assert "deactivated" in side.command(mode, ONES, 0)
    assert side.setpoint(0, HOME)[:2] == (mode, rest)
    side.reset(HOME)
    assert side.command(mode, ONES, 0) == ""


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_dropped_and_the_last_command_stays(bad: float) -> None:
    side = controllers()
    side.command("velocity", ONES, 0)
    for index in range(7):
        values = [0.5] * 7
        values[index] = bad
        assert "dropped" in side.command("velocity", values, 0)
    assert side.setpoint(0, HOME)[:2] == ("velocity", ONES)


def test_a_mode_without_controller_is_refused_by_name() -> None:
    side = RobotControllers(replace(ROBOT, modes={"effort": ROBOT.modes["effort"]}))
    assert "'velocity'" in side.command("velocity", ONES, 0)
    assert "effort" in side.command("velocity", ONES, 0)


def test_one_controller_has_the_joints_and_a_command_to_another_switches() -> None:
    side = controllers()
    side.command("effort", ONES, 0)
    assert side.trajectory(ROBOT.joints, [Point(SECOND, HOME)], None, 0, (HOME, ZEROS)) == ""
    assert side.setpoint(0, HOME).kind == "position"
    side.command("velocity", ONES, 0)
    assert side.setpoint(0, HOME)[:2] == ("velocity", ONES)


def test_a_new_trajectory_replaces_the_old_and_an_invalid_one_does_not() -> None:
    side = controllers()
    side.trajectory(ROBOT.joints, [Point(SECOND, [1.0] * 7)], None, 0, (HOME, ZEROS))
    assert "dropped" in side.trajectory(ROBOT.joints[:-1], [Point(SECOND, [2.0] * 6)], None, 0, (HOME, ZEROS))
    assert side.setpoint(2 * SECOND, HOME)[:2] == ("position", ONES)
    side.trajectory(ROBOT.joints, [Point(SECOND, [2.0] * 7)], None, 0, (HOME, ZEROS))
    assert side.setpoint(2 * SECOND, HOME)[:2] == ("position", (2.0,) * 7)


@pytest.mark.parametrize("mode", ["effort", "velocity", "position"])
def test_the_watchdog_stops_the_robot_where_it_is_and_only_a_reset_helps(mode: str) -> None:
    side = controllers(watchdog_s=0.1)
    here = [q + 0.2 for q in HOME]
    assert side.setpoint(SECOND, HOME).kind == "effort"  # without a first command there is nothing to miss
    for now in range(SECOND, 2 * SECOND, SECOND // 10):
        assert side.command(mode, ONES, now) == ""
        assert side.setpoint(now + SECOND // 10, HOME)[:2] == (mode, ONES)
    late = 2 * SECOND + SECOND // 1000
    assert side.setpoint(late, here)[:2] == ("position", tuple(here))
    assert "stopped itself" in side.command(mode, ONES, late)
    assert side.setpoint(late, HOME)[:2] == ("position", tuple(here))
    side.reset(HOME)
    assert side.command(mode, ONES, 0) == ""


def test_a_trajectory_needs_no_further_commands() -> None:
    side = controllers(watchdog_s=0.1)
    side.trajectory(ROBOT.joints, [Point(SECOND, [1.0] * 7)], None, 0, (HOME, ZEROS))
    assert side.setpoint(5 * SECOND, HOME)[:2] == ("position", ONES)
    assert side.stopped == ""


@pytest.mark.parametrize(("mode", "rest"), [("effort", ZEROS), ("velocity", ZEROS), ("position", tuple(HOME))])
def test_without_a_controller_the_robot_rests_and_takes_no_command(mode: str, rest: tuple[float, ...]) -> None:
    side = controllers()
    side.command(mode, ONES, 0)
    side.deactivate("the gate is gone", HOME)
    assert side.setpoint(SECOND, HOME)[:2] == (mode, rest)
    for other in ("effort", "velocity", "position"):
        assert side.command(other, ONES, SECOND) == "no controller is active: the gate is gone"
    assert "gone" in side.trajectory(ROBOT.joints, [Point(SECOND, HOME)], None, SECOND, (HOME, ZEROS))
    assert side.activate("walk", HOME).startswith("this robot has no controller for 'walk'")
    assert side.activate("velocity", HOME) == ""
    assert side.setpoint(SECOND, HOME)[:2] == ("velocity", ZEROS)
    assert side.command("velocity", ONES, SECOND) == ""


def test_a_trajectory_ends_where_the_robot_is_when_the_controllers_are_switched_off() -> None:
    side = controllers()
    assert side.trajectory(ROBOT.joints, [Point(SECOND, [q + 0.1 for q in HOME])], None, 0, (HOME, ZEROS)) == ""
    measured = [q + 0.05 for q in HOME]
    side.deactivate("the gate is gone", measured)
    assert side.setpoint(SECOND, measured)[:2] == ("position", tuple(measured))
