"""A reset leaves the hole along the tool's axis without touching it, and then goes where it should."""

import numpy as np
import pytest

from robot_learning.planning import ik
from robot_learning.planning.ompl_planner import OmplPlanner
from robot_learning.planning.planner import PlanningFailed, PlanRequest
from robot_learning.planning.resets import ResetPlanner
from robot_learning.run.bench.dense_check import DenseCheck


@pytest.fixture(scope="module")
def resets(peg):
    made = ResetPlanner(peg.robot, peg.urdf, peg.task, peg.train[0])
    yield made
    made.close()


@pytest.fixture(scope="module")
def inserted(peg):
    """Joint positions with the peg 1 mm above the bottom of its hole."""
    pose = peg.train[0].target.copy()
    pose[2, 3] += 0.001
    limits = peg.robot.limits
    found = ik.solve(peg.chain, np.array(limits.position_lower), np.array(limits.position_upper), pose, peg.train[0].initial_positions)
    assert found is not None
    return found


def test_out_of_the_hole_and_back_to_the_start_nothing_is_touched(peg, planner, resets, inserted):
    goal = peg.train[0].initial_positions
    with pytest.raises(PlanningFailed, match="start in collision: peg with block"):
        planner.plan(PlanRequest(inserted, goal))
    plan = resets.plan(PlanRequest(inserted, goal))
    assert np.array_equal(plan.path[[0, -1]], [inserted, goal])
    judge = DenseCheck(peg.robot, peg.urdf, peg.task, peg.train[0], planner.space.allowed)
    try:
        assert judge.touched(np.stack([inserted, plan.path[-1]])) != set()  # straight to the start it would not have been free
        assert judge.touched(plan.path) == set()
    finally:
        judge.close()


def test_the_tool_leaves_along_its_own_axis(peg, resets, inserted):
    plan = resets.plan(PlanRequest(inserted, peg.train[0].initial_positions))
    free = next(i for i, q in enumerate(plan.path) if resets._space.is_free(q))
    way = np.concatenate(
        [a + np.linspace(0.0, 1.0, 30)[:, None] * (b - a) for a, b in zip(plan.path[:free], plan.path[1 : free + 1], strict=True)]
    )
    poses, first = peg.chain.pose(way), peg.chain.pose(inserted)
    moved = (poses[:, :3, 3] - first[:3, 3]) @ first[:3, :3]
    assert np.all(np.abs(moved[:, :2]) < 1e-3)
    assert np.all(np.diff(moved[:, 2]) < 1e-9)
    assert moved[-1, 2] < -peg.task.block.depth
    assert free <= 4  # few stops


def test_a_free_start_is_planned_as_always(peg, planner, resets):
    ends = np.array(peg.robot.home), peg.train[0].initial_positions
    assert np.array_equal(resets.plan(PlanRequest(*ends)).path, planner.plan(PlanRequest(*ends)).path)


def test_only_what_is_held_may_touch(peg, resets):
    table = np.array([0.0, 1.7, 0.0, -0.3, 0.0, 1.5, 0.0])
    with pytest.raises(PlanningFailed, match="start in collision"):
        resets.plan(PlanRequest(table, np.array(peg.robot.home)))


def test_without_anything_in_the_hand_it_is_the_planner(peg):
    robot, home = peg.robot, np.array(peg.robot.home)
    made, usual = ResetPlanner(robot, peg.urdf), OmplPlanner(robot, peg.urdf)
    goal = home + 0.1
    assert np.array_equal(made.plan(PlanRequest(home, goal)).path, usual.plan(PlanRequest(home, goal)).path)
    made.close()
    usual.close()
