"""A plan is a teacher: controllers that follow it reach its goal on the simulated arm, before they have learned anything."""

from dataclasses import replace

import numpy as np
import pytest

from robot_learning.control.linear_gaussian import at
from robot_learning.core.errors import UsageError
from robot_learning.planning.ompl_planner import OmplPlanner
from robot_learning.planning.planner import PlanRequest
from robot_learning.run import demonstrations, experiment
from robot_learning.run.episodes import EpisodeRequest
from robot_learning.run.in_process import InProcess
from robot_learning.run.planned_demonstrations import planned
from robot_learning.run.setting import prepare


def setting_of(mode):
    return prepare(experiment.load("reach_local", [f"mode={mode}", "conditions.train=1"]))


@pytest.fixture(scope="module")
def plan():
    setting = setting_of("effort")
    planner = OmplPlanner(setting.robot, setting.urdf, setting.task, setting.train[0])
    condition = setting.train[0]
    yield planner.plan(PlanRequest(condition.initial_positions, goal_pose=condition.target, velocity_scale=0.3, acceleration_scale=0.3))
    planner.close()


@pytest.mark.parametrize("mode", ["effort", "velocity", "position", "trajectory"])
def test_a_controller_that_follows_a_plan_reaches_its_goal(plan, mode):
    setting = setting_of(mode)
    shown = planned(setting, setting.train[0], plan)
    assert shown.distance < 1e-5
    assert shown.states.shape == (setting.task.horizon + 1, 32)
    first = demonstrations.following(setting, {0: [shown]}, 0.03)
    runner = InProcess.of(setting)
    try:
        (reached,) = runner.run([EpisodeRequest(setting.train[0], at(first, 0), noise=False)])
    finally:
        runner.close()
    assert reached.distance < setting.task.success_distance


def test_a_plan_from_elsewhere_one_too_long_and_a_task_with_objects_are_refused(plan):
    setting = setting_of("effort")
    condition = setting.train[0]
    with pytest.raises(UsageError, match="starts elsewhere"):
        planned(setting, condition._replace(initial_positions=condition.initial_positions + 0.1), plan)
    slow = plan._replace(motion=plan.motion._replace(times=plan.motion.times * 100.0))
    with pytest.raises(UsageError, match="a faster one is expected"):
        planned(setting, condition, slow)
    puck = prepare(experiment.load("puck_local", ["conditions.train=1"]))
    with pytest.raises(UsageError, match="moves none of them"):
        planned(puck, puck.train[0], plan)


def test_commands_take_the_robot_from_each_position_to_the_next(plan):
    by_mode = {mode: planned(setting_of(mode), setting_of(mode).train[0], plan).recording for mode in ("velocity", "position", "effort")}
    positions = by_mode["position"].positions
    assert np.array_equal(by_mode["position"].commands, positions[1:])
    travelled = np.sum(by_mode["velocity"].commands, axis=0) / setting_of("velocity").task.rate_hz
    assert np.allclose(travelled, plan.path[-1] - plan.path[0])
    damping = np.array(setting_of("effort").robot.plant.joint_damping)
    assert np.allclose(by_mode["effort"].commands, damping * by_mode["velocity"].commands)


def test_horizon_matters_only_after_the_goal(plan):
    setting = setting_of("velocity")
    short = setting._replace(task=replace(setting.task, horizon=40))
    one, other = (planned(each, each.train[0], plan).states for each in (setting, short))
    assert np.array_equal(one[:41], other)
