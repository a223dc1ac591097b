"""Conditions: reproducible, inside their region, reachable, and honest about what is not."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.core.errors import UsageError
from robot_learning.run.robots import load_chain, load_robot
from robot_learning.run.tasks import load_task
from robot_learning.tasks.conditions import draw
from robot_learning.tasks.state import points_at
from robot_learning.tasks.success import distance, success


@pytest.mark.parametrize("robot_name", ["fr3", "fer", "ur5", "ur5e"])
@pytest.mark.parametrize("task_name", ["reach", "peg_insertion"])
def test_targets_lie_in_the_region_and_starts_within_the_limits(robot_name, task_name):
    robot = load_robot(robot_name)
    chain, task = load_chain(robot), load_task(task_name)
    conditions = draw(task, robot, chain, "train", 6, 0)
    assert [c.name for c in conditions] == [f"train-{i}" for i in range(6)]
    for condition in conditions:
        tool = chain.pose(condition.initial_positions)
        assert_allclose(tool[:3, 3], chain.pose(np.array(robot.home))[:3, 3] + task.start_offset, atol=1e-5)
        offset = condition.target[:3, 3] - tool[:3, 3]
        assert np.all(offset >= np.array(task.target_lower) - 1e-5)
        assert np.all(offset <= np.array(task.target_upper) + 1e-5)
        assert_allclose(condition.target[:3, :3], tool[:3, :3], atol=1e-5)
        assert np.all(condition.initial_positions > robot.limits.position_lower)
        assert np.all(condition.initial_positions < robot.limits.position_upper)


def test_a_condition_depends_on_seed_split_and_index_alone():
    robot, task = load_robot("fr3"), load_task("reach")
    chain = load_chain(robot)
    few, many = (draw(task, robot, chain, "train", n, 3) for n in (2, 9))
    for a, b in zip(few, many[:2], strict=True):
        assert_array_equal(a.target, b.target)
    heldout = draw(task, robot, chain, "heldout", 9, 3)
    other = draw(task, robot, chain, "train", 9, 4)
    places = np.stack([c.target[:3, 3] for c in [*many, *heldout, *other]])
    apart = np.linalg.norm(places[:, None] - places, axis=-1) + np.eye(len(places))
    assert np.min(apart) > 1e-3


@pytest.mark.parametrize("robot_name", ["fr3", "fer", "ur5", "ur5e"])
def test_on_the_table_the_blade_is_above_it_and_the_puck_in_its_region(robot_name):
    robot, task = load_robot(robot_name), load_task("puck")
    chain = load_chain(robot)
    conditions = draw(task, robot, chain, "train", 8, 1) + draw(task, robot, chain, "heldout", 4, 1)
    points, disc = np.array(task.tool_points), task.objects[0]
    starts = []
    for condition in conditions:
        tip = points_at(chain.pose(condition.initial_positions), points)[0]
        goal = points_at(condition.target, points)[0]
        assert_allclose([tip[2], goal[2]], task.blade.gap, atol=1e-5)
        offset = np.array([condition.parameters["puck.x"], condition.parameters["puck.y"]]) - tip[:2]
        assert np.all((offset >= disc.start_lower) & (offset <= disc.start_upper))
        starts.append(offset)
    assert len(np.unique(starts, axis=0)) == len(conditions)
    assert draw(task, robot, chain, "train", 1, 1)[0].parameters == conditions[0].parameters


def test_jitter_moves_the_starts():
    robot, task = load_robot("fr3"), replace(load_task("reach"), start_jitter=0.05)
    starts = np.stack([c.initial_positions for c in draw(task, robot, load_chain(robot), "train", 5, 0)])
    assert np.all(np.ptp(starts, axis=0) > 0)
    assert np.all(np.ptp(starts, axis=0) < 0.1)


@pytest.mark.parametrize(("field", "value"), [("target_lower", (5.0, 5.0, 5.0)), ("start_offset", (0.0, 0.0, 9.0))])
def test_what_cannot_be_reached_is_named(field, value):
    robot = load_robot("fr3")
    task = replace(load_task("reach"), **{field: value}, target_upper=(5.1, 5.1, 5.1))
    with pytest.raises(UsageError, match=field):
        draw(task, robot, load_chain(robot), "train", 1, 0)


def test_success_is_measured_at_the_first_point():
    task = load_task("reach")
    state = np.zeros(32)
    state[14:17] = [0.003, 0.004, 0.012]
    assert distance(task, state) == pytest.approx(0.013)
    assert not success(task, state, global_policy=False)
    assert success(task, state, global_policy=True)
    state[17:23] = 1.0  # other points do not count
    assert distance(task, state) == pytest.approx(0.013)


def test_with_an_object_success_is_where_that_ends():
    task, state = load_task("puck"), np.ones(36)
    state[32:34] = [0.018, -0.024]
    assert distance(task, state) == pytest.approx(0.03)
    assert not success(replace(task, success_distance=0.0299), state, global_policy=False)
    assert success(replace(task, success_distance=0.0301), state, global_policy=False)
