"""Laws of the simulated arm: it holds, it tracks, it keeps its limits, and it repeats itself bit for bit."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robot_learning.core.errors import UsageError
from robot_learning.core.joint_trajectory import Point
from robot_learning.core.types import Array
from robot_learning.robots.bullet_arm import BulletArm
from robot_learning.robots.description import Mode
from robot_learning.run.config import named_file, read
from robot_learning.run.robots import load_chain, load_robot, urdf_path
from robot_learning.tasks.description import Condition, TaskConfig

ROBOT = load_robot("fr3")
CHAIN = load_chain(ROBOT)
HOME = np.array(ROBOT.home)
HAND = CHAIN.pose(HOME)
SCALE = np.array(ROBOT.modes["effort"].action_scale)
PERIOD = 12  # substeps of 20 Hz


def task(name: str) -> TaskConfig:
    return read(TaskConfig, named_file("tasks", name))


def condition(down: float = 0.2, parameters: dict[str, float] | None = None, start: Array = HOME) -> Condition:
    target = HAND.copy()
    target[2, 3] -= down
    return Condition("test", start, target, parameters or {})


@pytest.fixture(scope="module")
def arm() -> Iterator[BulletArm]:
    arm = BulletArm(ROBOT, urdf_path(ROBOT), task("reach"))
    yield arm
    arm.close()


@pytest.mark.parametrize("name", ["fr3", "fer", "ur5", "ur5e"])
def test_zero_effort_holds_every_robot_against_gravity(name: str) -> None:
    robot = load_robot(name)
    if "effort" not in robot.modes:
        pytest.skip("no effort mode")
    arm = BulletArm(robot, urdf_path(robot))
    start = np.array(robot.home) + 0.1
    arm.reset(Condition("test", start, np.eye(4), {}))
    assert arm.send("effort", [0.0] * len(robot.joints)) == ""
    arm.step(480)
    assert np.abs(arm.joint_state().position - start).max() < 1e-3
    arm.close()


@pytest.mark.parametrize("name", ["fr3", "fer", "ur5", "ur5e"])
def test_the_tool_is_where_the_chain_says(name: str) -> None:
    robot = load_robot(name)
    arm = BulletArm(robot, urdf_path(robot))
    rng = np.random.default_rng(0)
    for _ in range(5):
        q = rng.uniform(robot.limits.position_lower, robot.limits.position_upper)
        arm.reset(Condition("test", q, np.eye(4), {}))
        assert arm.tool_pose() == pytest.approx(load_chain(robot).pose(q), abs=1e-6)
    arm.close()


def test_a_torque_pd_at_20_hz_with_the_start_gains_comes_to_rest(arm: BulletArm) -> None:
    mode = ROBOT.modes["effort"]
    for shift in (0.3, -0.3):
        arm.reset(condition(start=HOME + shift))
        worst = []
        for _ in range(200):
            state = arm.joint_state()
            action = np.array(mode.stiffness) * (HOME - state.position) - np.array(mode.damping) * state.velocity
            arm.send("effort", np.clip(action, -5.0, 5.0) * SCALE)
            arm.step(PERIOD)
            worst.append(np.abs(state.velocity).max())
        assert max(worst[-20:]) < 2e-3
        assert np.abs(arm.joint_state().position - HOME).max() < 5e-2


@pytest.mark.parametrize("mode", ["effort", "velocity", "position", "trajectory"])
def test_no_torque_beyond_the_limits_is_ever_applied(arm: BulletArm, mode: str) -> None:
    rng = np.random.default_rng(3)
    arm.reset(condition())
    limits = np.array(ROBOT.limits.effort)
    seen = np.zeros(7)
    for _ in range(40):
        arm.send(mode, rng.normal(size=7) * 1e3 if mode == "effort" else HOME + rng.normal(size=7) * 3.0)
        for _ in range(PERIOD):
            arm.step()
            seen = np.maximum(seen, np.abs(arm.joint_state().effort))
    assert np.all(seen <= limits * (1 + 1e-9))
    assert np.any(seen > 0.99 * limits)


def test_a_velocity_is_tracked_and_zero_velocity_does_not_sink(arm: BulletArm) -> None:
    arm.reset(condition())
    arm.send("velocity", [0.0] * 7)
    arm.step(480)
    assert np.abs(arm.joint_state().position - HOME).max() < 5e-5
    speed = np.array([0.2, 0.2, -0.2, -0.2, 0.3, 0.3, -0.3])
    arm.send("velocity", speed)
    arm.step(240)
    state = arm.joint_state()
    assert state.velocity == pytest.approx(speed, abs=1e-3)
    assert state.position - HOME == pytest.approx(speed, abs=5e-3)


def test_a_position_is_reached_within_the_speed_limits_and_held(arm: BulletArm) -> None:
    arm.reset(condition())
    goal = HOME + np.array([0.5, 0.3, -0.5, 0.3, 0.5, 0.3, -0.5])
    arm.send("position", goal)
    fastest = np.zeros(7)
    for _ in range(240):
        arm.step()
        fastest = np.maximum(fastest, np.abs(arm.joint_state().velocity))
    assert np.abs(arm.joint_state().position - goal).max() < 1e-3
    assert np.all(fastest < 1.02 * np.array(ROBOT.limits.velocity))
    arm.step(240)
    assert np.abs(arm.joint_state().position - goal).max() < 5e-5


def test_a_trajectory_is_followed(arm: BulletArm) -> None:
    arm.reset(condition())
    goal = HOME + 0.4
    zeros = [0.0] * 7
    names = tuple(reversed(ROBOT.joints))
    assert arm.send_trajectory(names, [Point(1_000_000_000, goal.tolist()[::-1], zeros)]) == ""
    for step in range(1, 241):
        arm.step()
        t = step / 240
        expected = HOME + 0.4 * t * t * (3 - 2 * t)
        assert np.abs(arm.joint_state().position - expected).max() < 5e-3
    arm.step(240)
    assert np.abs(arm.joint_state().position - goal).max() < 1e-4


def test_the_last_command_latches(arm: BulletArm) -> None:
    arm.reset(condition())
    arm.send("effort", [5.0] + [0.0] * 6)
    arm.step(240)
    once = arm.joint_state()
    arm.reset(condition())
    for _ in range(240):
        arm.send("effort", [5.0] + [0.0] * 6)
        arm.step()
    assert np.array_equal(once.position, arm.joint_state().position)
    assert once.velocity[0] > 0.1


def test_the_watchdog_stops_the_motion() -> None:
    robot = replace(ROBOT, plant=replace(ROBOT.plant, watchdog_s=0.1))
    arm = BulletArm(robot, urdf_path(robot), watchdog=True)
    arm.reset(condition())
    arm.send("velocity", [0.3] * 7)
    arm.step(24)
    arm.step(120)
    state = arm.joint_state()
    assert np.abs(state.velocity).max() < 1e-3
    assert np.abs(state.position - HOME).max() < 0.3 * 0.2
    assert "stopped itself" in arm.send("velocity", [0.3] * 7)
    arm.close()


def rollout(arm: BulletArm, where: Condition, seed: int, push: float = 0.0, steps: int = 60) -> tuple[Array, int]:
    """States of a noisy PD rollout, and how many contacts it saw."""
    arm.reset(where)
    rng = np.random.default_rng(seed)
    states, contacts = [], 0
    for _ in range(steps):
        state = arm.joint_state()
        pressing = push * np.array([0.0, 15.0, 0.0, -10.0, 0.0, 0.0, 0.0])
        arm.send("effort", SCALE * (HOME - state.position + rng.normal(size=7)) + pressing)
        arm.step(PERIOD)
        contacts += len(arm.contacts())
        states.append(np.concatenate([*arm.joint_state()[1:]]))
    return np.array(states), contacts


def test_same_condition_and_commands_give_bit_equal_states_also_with_contacts_and_other_episodes_between() -> None:
    arm = BulletArm(ROBOT, urdf_path(ROBOT), task("peg_insertion"))
    high, low, other = condition(0.05), condition(0.2, {"friction": 0.9}), condition(0.12, {"clearance": 0.002})
    first, contacts = rollout(arm, high, 1, push=1.0)
    assert contacts > 20
    low_first, _ = rollout(arm, low, 2)
    rollout(arm, other, 5, push=1.5)
    rollout(arm, high, 6, push=0.5)
    assert np.array_equal(rollout(arm, high, 1, push=1.0)[0], first)
    assert np.array_equal(rollout(arm, low, 2)[0], low_first)
    arm.close()
    fresh = BulletArm(ROBOT, urdf_path(ROBOT), task("peg_insertion"))
    assert np.array_equal(rollout(fresh, high, 1, push=1.0)[0], first)
    fresh.close()


def inserted(parameters: dict[str, float], offset: float = 0.0, soft: bool = False) -> float:
    """Push the peg straight down, stiffly or as a spring; how far above the hole's bottom the tip ends, m."""
    arm = BulletArm(ROBOT, urdf_path(ROBOT), task("peg_insertion"))
    goal = HAND.copy()
    goal[2, 3] -= 0.15
    above = goal.copy()
    above[:3, 3] += [offset, 0.0, 0.08]
    q = inverse(above, HOME, 20)
    arm.reset(Condition("test", q, goal, parameters))
    for step in range(80):
        above[2, 3] = goal[2, 3] + 0.08 * max(0.0, 1 - (step + 1) / 60)
        q = inverse(above, q, 2)
        if not soft:
            arm.send("position", q)
            arm.step(PERIOD)
            continue
        for _ in range(PERIOD):
            arm.send("effort", 20.0 * SCALE * (q - arm.joint_state().position))
            arm.step()
    height = float(arm.tool_pose()[2, 3] - goal[2, 3])
    arm.close()
    return height


def inverse(pose: Array, q: Array, iterations: int) -> Array:
    """Newton's steps towards the joint positions of a tool pose."""
    for _ in range(iterations):
        now = CHAIN.pose(q)
        turn = sum(np.cross(now[:3, i], pose[:3, i]) for i in range(3)) / 2
        q = q + np.linalg.lstsq(CHAIN.jacobian(q), np.concatenate([pose[:3, 3] - now[:3, 3], turn]), rcond=None)[0]
    return q


@pytest.mark.parametrize("chamfer", [0.0, 0.005])
def test_the_peg_fits_with_clearance_and_not_without(chamfer: float) -> None:
    assert inserted({"clearance": 0.004, "chamfer": chamfer}) < 1e-3
    assert inserted({"clearance": 0.0005, "chamfer": chamfer}) < 1e-3
    assert inserted({"clearance": -0.001, "chamfer": chamfer}) > 0.03


def test_a_chamfer_lets_in_a_peg_that_the_edge_would_stop() -> None:
    """6 mm beside a hole with 4 mm clearance, with a hand that gives way."""
    numbers = {"clearance": 0.004, "friction": 0.1}
    assert inserted(numbers | {"chamfer": 0.0}, offset=0.006, soft=True) > 0.03
    assert inserted(numbers | {"chamfer": 0.006}, offset=0.006, soft=True) < 0.015


def test_a_urdf_that_lacks_the_robots_links_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="no_such_link"):
        BulletArm(replace(ROBOT, tool_link="no_such_link"), urdf_path(ROBOT))


@given(st.lists(st.tuples(st.sampled_from(sorted(ROBOT.modes)), st.lists(st.floats(), min_size=6, max_size=8)), max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_commanded_the_state_stays_finite_and_a_reset_cures_it(
    arm: BulletArm, commands: list[tuple[Mode, list[float]]]
) -> None:
    arm.reset(condition())
    for mode, values in commands:
        refused = arm.send(mode, values)
        assert refused or (len(values) == 7 and np.isfinite(values).all())
        arm.step(4)
        assert all(np.isfinite(part).all() for part in arm.joint_state()[1:])
    arm.reset(condition())
    assert np.array_equal(arm.joint_state().position, HOME)
    assert arm.send("effort", [0.0] * 7) == ""
