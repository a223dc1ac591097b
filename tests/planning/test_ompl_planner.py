"""Plans are free of collisions by a judge of their own, repeat by seed, and failures say what is wrong."""

import numpy as np
import pytest

from robot_learning.core.errors import UsageError
from robot_learning.planning import ik
from robot_learning.planning.free_space import FreeSpace
from robot_learning.planning.ompl_planner import OmplPlanner
from robot_learning.planning.planner import PlanningFailed, PlanRequest
from robot_learning.run.bench.dense_check import DenseCheck
from robot_learning.run.robots import load_robot, urdf_path


@pytest.fixture(scope="module")
def judge(peg, planner):
    made = DenseCheck(peg.robot, peg.urdf, peg.task, peg.train[0], planner.space.allowed)
    yield made
    made.close()


@pytest.fixture(scope="module")
def around(peg, planner):
    """Joint positions with the peg low on either side of the block: the straight line goes through it."""
    target = peg.train[0].target
    found = []
    for side in (-0.18, 0.18):
        pose = target.copy()
        pose[:3, 3] += [0.0, side, 0.01]
        q = ik.solve(
            peg.chain, *map(np.array, (peg.robot.limits.position_lower, peg.robot.limits.position_upper)), pose, np.array(peg.robot.home)
        )
        assert q is not None
        assert planner.space.is_free(q)
        found.append(q)
    return found


def coarse(motion):
    """Fewer samples of the same path, since between them it is straight: the corners are kept."""
    rest = np.all(motion.velocities == 0.0, axis=1)
    return motion.positions[rest]


def test_the_block_is_in_the_way_and_the_plan_goes_around_it(planner, judge, around):
    start, goal = around
    assert not planner.space.line_is_free(start, goal)
    assert judge.touched(np.stack(around)) != set()
    plan = planner.plan(PlanRequest(start, goal, seed=1))
    assert len(plan.path) > 2
    assert np.array_equal(plan.path[[0, -1]], around)
    assert np.array_equal(coarse(plan.motion), plan.path)
    assert judge.touched(plan.path) == set()
    assert plan.planning_s > 0.0


def test_the_same_seed_gives_the_same_plan_whatever_came_before(planner, around):
    first = planner.plan(PlanRequest(*around, seed=7))
    planner.plan(PlanRequest(around[1], around[0], seed=3))
    again = planner.plan(PlanRequest(*around, seed=7))
    assert np.array_equal(first.path, again.path)
    assert all(np.array_equal(one, other) for one, other in zip(first.motion, again.motion, strict=True))


def test_random_plans_touch_nothing(peg, planner, judge):
    rng = np.random.default_rng(5)
    limits = peg.robot.limits
    free = [q for q in rng.uniform(limits.position_lower, limits.position_upper, (40, 7)) if planner.space.is_free(q)]
    lines = [(a, b) for a, b in zip(free[:-1], free[1:], strict=True) if not planner.space.line_is_free(a, b)]
    for a, b in lines[:2]:
        assert judge.touched(planner.plan(PlanRequest(a, b)).path) == set()
    assert lines


def test_a_line_is_free_only_if_all_its_points_are(planner, peg):
    rng, free = np.random.default_rng(6), 0
    for _ in range(60):
        a, b = rng.uniform(peg.robot.limits.position_lower, peg.robot.limits.position_upper, (2, 7))
        b = a + 0.2 * (b - a)
        if planner.space.line_is_free(a, b):
            free += 1
            ungrown = planner.space._contacts
            assert all(
                bound_is_positive(planner, a + share * (b - a)) or ungrown.touching(a + share * (b - a)) is None for share in rng.random(20)
            )
    assert free > 10


def bound_is_positive(planner, q):
    boxes, itself = planner.space._clearance.distances(q[None])
    return min(np.min(boxes), np.min(itself)) > 0.0


def test_a_goal_pose_is_reached(peg, planner, around):
    pose = peg.chain.pose(around[1])
    plan = planner.plan(PlanRequest(around[0], goal_pose=pose))
    assert np.allclose(peg.chain.pose(plan.path[-1]), pose, atol=1e-5)


@pytest.mark.parametrize("which", ["start", "goal"])
def test_start_or_goal_in_the_table_or_in_itself_is_named(peg, planner, which):
    table = np.array([0.0, 1.7, 0.0, -0.3, 0.0, 1.5, 0.0])
    folded = np.array([0.0, -1.7, 0.0, -3.0, 0.0, 0.6, 0.0])
    free = np.array(peg.robot.home)
    for bad in (table, folded):
        ends = (bad, free) if which == "start" else (free, bad)
        with pytest.raises(PlanningFailed, match=f"planning: {which} in collision: fr3_.* with (table|fr3_)") as failed:
            planner.plan(PlanRequest(*ends))
        assert failed.value.reason == f"{which} in collision"


def test_no_time_no_solution(planner, around):
    with pytest.raises(PlanningFailed) as failed:
        planner.plan(PlanRequest(*around, time_limit_s=1e-6))
    assert failed.value.reason == "no solution in time"


def test_a_pose_out_of_reach_is_named(peg, planner):
    pose = np.eye(4)
    pose[:3, 3] = [2.0, 0.0, 0.4]
    with pytest.raises(PlanningFailed, match="goal out of reach"):
        planner.plan(PlanRequest(np.array(peg.robot.home), goal_pose=pose))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"goal": None}, "exactly one"),
        ({"goal_pose": np.eye(4)}, "exactly one"),
        ({"start": np.zeros(6)}, "start: shape"),
        ({"goal": np.full(7, np.nan)}, "goal: fr3_joint1: nan"),
        ({"goal": np.full(7, 9.0)}, "goal: fr3_joint1: 9 rad"),
        ({"goal": None, "goal_pose": np.ones((4, 4))}, "goal_pose"),
        ({"velocity_scale": 0.0}, "velocity_scale"),
        ({"acceleration_scale": 1.1}, "acceleration_scale"),
        ({"time_limit_s": float("nan")}, "time_limit_s"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_wrong_request_is_named(peg, planner, change, words):
    home = np.array(peg.robot.home)
    with pytest.raises(UsageError, match=words):
        planner.plan(PlanRequest(**({"start": home, "goal": home} | change)))


def test_staying_is_a_plan_of_one_sample(peg, planner):
    home = np.array(peg.robot.home)
    assert planner.plan(PlanRequest(home, home)).motion.times.tolist() == [0.0]


@pytest.mark.parametrize("name", ["fr3", "fer", "ur5", "ur5e"])
def test_every_robot_is_free_at_home_and_plans_above_its_table(name):
    robot = load_robot(name)
    made = OmplPlanner(robot, urdf_path(robot))
    try:
        goal = np.array(robot.home)
        goal[0] += 1.0
        plan = made.plan(PlanRequest(np.array(robot.home), goal))
        assert np.array_equal(plan.path, [robot.home, goal])
        assert np.all(np.abs(plan.motion.velocities) <= 0.2 * np.array(robot.limits.velocity))
    finally:
        made.close()


def test_another_condition_moves_the_block(peg):
    spaces = [FreeSpace(peg.robot, peg.urdf, peg.task, condition) for condition in (None, *peg.train[:2])]
    inside = ik.solve(
        peg.chain,
        *map(np.array, (peg.robot.limits.position_lower, peg.robot.limits.position_upper)),
        peg.train[0].target,
        np.array(peg.robot.home),
    )
    assert spaces[0].is_free(inside)
    assert str(spaces[1].touching(inside)).startswith("('peg', 'block wall")
    for space in spaces:
        space.close()
