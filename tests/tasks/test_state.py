"""The state: its meaning, and that it does not depend on the batch."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.core.rotations import transform
from robot_learning.run.robots import load_chain, load_robot
from robot_learning.run.tasks import load_task
from robot_learning.tasks.conditions import draw
from robot_learning.tasks.state import layout, moving, observe, parts, points_at, since, state_dim

FR3 = load_robot("fr3")
CHAIN = load_chain(FR3)


@pytest.mark.parametrize("name", ["reach", "peg_insertion", "puck"])
def test_velocities_are_the_derivatives_of_errors(name):
    task = load_task(name)
    condition = draw(task, FR3, CHAIN, "train", 1, 0)[0]
    rng = np.random.default_rng(0)
    q, dq = np.array(FR3.home) + 0.3 * rng.standard_normal(7), rng.standard_normal(7)
    step = 1e-6
    ahead, behind = (observe(CHAIN, task, condition, q + s * step * dq, dq) for s in (1, -1))
    now = observe(CHAIN, task, condition, q, dq)
    assert_array_equal(now[:14], np.concatenate([q, dq]))
    assert_allclose(now[23:32], (ahead - behind)[14:23] / (2 * step), atol=1e-8)


def test_errors_vanish_at_the_target():
    task = load_task("reach")
    condition = draw(task, FR3, CHAIN, "train", 1, 0)[0]
    q = np.array(FR3.home)
    there = condition._replace(target=CHAIN.pose(q))
    assert_allclose(observe(CHAIN, task, there, q, np.zeros(7))[14:], 0.0, atol=1e-12)


def test_points_are_transformed_by_the_pose():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((3, 3))
    pose = transform(np.linalg.qr(rng.standard_normal((3, 3)))[0], rng.standard_normal(3))
    expected = (pose @ np.hstack([points, np.ones((3, 1))]).T).T[:, :3]
    assert_allclose(points_at(pose, points), expected)


def test_a_row_has_the_same_bits_in_any_batch():
    task = load_task("reach")
    condition = draw(task, FR3, CHAIN, "train", 1, 0)[0]
    rng = np.random.default_rng(0)
    q, dq = rng.standard_normal((7, 31, 7)), rng.standard_normal((7, 31, 7))
    states = observe(CHAIN, task, condition, q, dq)
    assert states.shape == (7, 31, state_dim(task, 7))
    assert len(layout(task, 7)) == state_dim(task, 7) == 32
    for i in range(7):
        assert_array_equal(observe(CHAIN, task, condition, q[i], dq[i]), states[i])
        assert_array_equal(observe(CHAIN, task, condition, q[i, ::3], dq[i, ::3]), states[i, ::3])
        for j in range(31):
            assert_array_equal(observe(CHAIN, task, condition, q[i, j], dq[i, j]), states[i, j])


def test_objects_follow_the_arm_against_the_place_of_the_first_tool_point():
    task = load_task("puck")
    condition = draw(task, FR3, CHAIN, "train", 1, 0)[0]
    q = condition.initial_positions
    goal = points_at(condition.target, np.array(task.tool_points))[0]
    there = np.array([[goal[0] + 0.1, goal[1] - 0.2, 0.3, -0.4]])
    state = observe(CHAIN, task, condition, q, np.zeros(7), there)
    at = parts(task, len(state))
    assert len(state) == state_dim(task, 7) == len(layout(task, 7)) == 36
    assert_allclose(state[at.places], [0.1, -0.2], atol=1e-12)
    assert_array_equal(state[at.motions], [0.3, -0.4])
    assert_array_equal(state[:32], observe(CHAIN, task, condition, q, np.zeros(7))[:32])
    start = observe(CHAIN, task, condition, q, np.zeros(7))
    assert_allclose(start[at.places] + goal[:2], [condition.parameters["puck.x"], condition.parameters["puck.y"]])
    assert layout(task, 7)[32:] == ["error puck.x", "error puck.y", "velocity puck.x", "velocity puck.y"]


def test_an_object_moves_by_what_it_was_before_whatever_the_batch():
    rng = np.random.default_rng(0)
    places, stamps = rng.standard_normal((9, 2, 3)), np.cumsum(rng.integers(1, 100_000_000, 9))
    all_at_once = moving(stamps, places)
    assert all_at_once.shape == (9, 2, 4)
    assert_array_equal(all_at_once[0, :, 2:], 0.0)
    for t in range(1, 9):
        one = since(places[t - 1], places[t], int(stamps[t] - stamps[t - 1]))
        assert_array_equal(one, all_at_once[t])
        assert_allclose(one[:, 2:] * (stamps[t] - stamps[t - 1]) * 1e-9, (places[t] - places[t - 1])[:, :2])
