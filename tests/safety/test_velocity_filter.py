"""Laws of the filtered velocity: nothing meets anything, nothing is changed without need, the way out is open."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_learning.run.cells import load_barrier, load_cell, load_self_collision
from robot_learning.run.robots import load_chain, load_robot, urdf_path
from robot_learning.safety.allowed_motion import Rows, excesses, nearest
from robot_learning.safety.barrier import Barrier
from robot_learning.safety.cell import Cell
from robot_learning.safety.limits import stopping_velocity
from robot_learning.safety.velocity_filter import VelocityFilter, curvature

CASES = [("fr3", 0.01), ("fr3", 0.05), ("ur5e", 0.01), ("ur5e", 0.05)]
CELL = load_cell("table")


@cache
def setup(name, dt, cell="table"):
    robot = load_robot(name)
    barrier = load_barrier(robot, load_cell(cell))
    speeds = np.array(robot.limits.velocity)
    return robot, barrier, speeds, VelocityFilter(barrier, speeds, CELL.deceleration, dt)


def rows(rng, m, n=7, closed=False):
    gradient = rng.standard_normal((m, n))
    counts = (rng.uniform(size=(m, n)) < 0.8) * 1.0
    room = np.zeros(m) if closed else rng.uniform(0.0, 0.1, m)
    approach = stopping_velocity(room, np.array(1.0), 0.01)
    return Rows(gradient * counts, approach, room, rng.uniform(1e-4, 1e-2, m), counts, 0.01)


def wall(gradient, room, bend=1e-3):
    return Rows(np.array([gradient]), np.array([10.0]), np.array([room]), np.array([bend]), np.ones((1, 2)), 0.1)


seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=150, deadline=None)
@given(seeds, st.integers(1, 12), st.floats(0.01, 5.0), st.booleans())
def test_the_result_is_allowed_by_all_rows_and_never_longer(seed, m, size, closed):
    rng = np.random.default_rng(seed)
    some = rows(rng, m, closed=closed)
    wanted = size * rng.standard_normal(7)
    result = nearest(some, wanted)
    assert np.all(excesses(some, result) <= 1e-9)
    assert np.linalg.norm(result) <= np.linalg.norm(wanted) * (1.0 + 1e-12)
    assert (result is wanted) == bool(np.all(excesses(some, wanted) <= 0.0))


@settings(max_examples=100, deadline=None)
@given(seeds, st.floats(0.1, 5.0))
def test_with_one_row_nothing_allowed_is_nearer(seed, size):
    rng = np.random.default_rng(seed)
    one = rows(rng, 1)
    wanted = size * rng.standard_normal(7)
    result = nearest(one, wanted)
    for spread in (0.01, 0.1, 1.0):
        for other in result + spread * rng.standard_normal((50, 7)):
            if excesses(one, other)[0] <= 0.0:
                # the nearest point of a convex set: every other one lies beyond the plane across the way to it
                assert (wanted - result) @ (other - result) <= 1e-8


def test_of_two_right_angled_walls_the_corner_is_nearest():
    two = Rows(np.eye(2), np.full(2, 0.5), np.full(2, 10.0), np.full(2, 1e-6), np.ones((2, 2)), 0.01)
    np.testing.assert_allclose(nearest(two, np.array([-1.0, -2.0])), [-0.5, -0.5], atol=1e-9)


def test_without_room_a_motion_along_a_wall_is_bent_away_from_it_and_not_stopped():
    result = nearest(wall([1.0, 0.0], 0.0), np.array([0.0, 1.0]))
    assert result[0] > 0.0
    assert result[1] > 0.99


def test_joints_that_do_not_count_are_left_alone():
    some = Rows(np.array([[1.0, 0.0]]), np.zeros(1), np.zeros(1), np.array([1e-3]), np.array([[1.0, 0.0]]), 0.01)
    np.testing.assert_array_equal(nearest(some, np.array([-1.0, 3.0])), [0.0, 3.0])


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_curvature_bounds_the_sum_over_all_pairs_of_joints(seed):
    rng = np.random.default_rng(seed)
    reach = rng.uniform(0, 1, (3, 5)) * (rng.uniform(size=(3, 5)) < 0.7)
    velocity, motion = rng.uniform(0.5, 5, 5), rng.standard_normal(5)
    for row, bound in zip(reach, curvature(reach, velocity), strict=True):
        total = sum(row[max(i, j)] * abs(motion[i] * motion[j]) for i in range(5) for j in range(5) if row[i] > 0 and row[j] > 0)
        assert total <= bound * np.sum((motion / velocity) ** 2) + 1e-12


@pytest.mark.parametrize(("name", "dt"), CASES)
def test_looking_at_near_units_only_leaves_nothing_out(name, dt):
    robot, barrier, speeds, found = setup(name, dt)
    rng = np.random.default_rng(4)
    n, seen = len(speeds), 0
    for _ in range(100):
        q = np.array(robot.home) + rng.uniform(-1.0, 1.0, n)
        wanted = speeds * rng.uniform(-1.0, 1.0, n) * rng.choice([0.03, 0.3, 1.0])
        result = found.filtered(q, wanted)
        h, G = barrier.constraints(q)
        assert np.all(G @ result.values >= -stopping_velocity(h, np.array(CELL.deceleration), dt) - 1e-9)
        assert np.linalg.norm(result.values / speeds) <= np.linalg.norm(wanted / speeds) * (1.0 + 1e-12)
        assert (result.values is wanted) == (result.near == ())
        assert set(result.near) <= set(barrier.names)
        seen += result.near == ()
    assert 10 < seen < 95


@pytest.mark.parametrize(("name", "dt"), CASES)
@pytest.mark.parametrize("attack", ["random", "towards the nearest"])
def test_no_room_is_ever_used_up(name, dt, attack):
    robot, barrier, speeds, found = setup(name, dt)
    rng = np.random.default_rng(5)
    q, changed, travelled = np.array(robot.home), 0, 0.0
    wanted = np.zeros_like(speeds)
    for step in range(400):
        if attack == "towards the nearest":
            h, G = barrier.constraints(q)
            wanted = speeds * np.clip(-3.0 * G[h.argmin()] + 0.5 * rng.standard_normal(len(speeds)), -1.0, 1.0)
        elif step % 25 == 0:
            wanted = speeds * rng.choice([-1.0, 0.3, 1.0], len(speeds))
        result = found.filtered(q, wanted)
        for share in (0.3, 0.7, 1.0):  # on the way, too
            assert barrier.around(q + share * dt * result.values).room.min() > -1e-9
        changed += result.near != ()
        travelled += float(np.linalg.norm(result.values)) * dt
        q = q + dt * result.values
    assert changed > 40  # it was needed
    assert travelled > 0.5  # and did not stand still


@pytest.mark.parametrize(("name", "dt"), CASES)
def test_from_a_forbidden_place_nothing_leads_further_in(name, dt):
    robot, barrier, speeds, found = setup(name, dt)
    rng = np.random.default_rng(6)
    tried = 0
    while tried < 30:
        q = rng.uniform(robot.limits.position_lower, robot.limits.position_upper)
        before = barrier.around(q).room
        if before.min() >= 0.0:
            continue
        tried += 1
        _, G = barrier.constraints(q)
        wanted = speeds * np.clip(0.3 * rng.standard_normal(len(speeds)) - G[2 * before.argmin()], -1.0, 1.0)
        after = barrier.around(q + dt * found.filtered(q, wanted).values).room
        assert np.all(after >= np.minimum(before, 0.0) - 1e-9)


@pytest.mark.parametrize(("name", "dt"), CASES)
def test_from_a_forbidden_place_the_way_out_is_open(name, dt):
    robot, chain = load_robot(name), load_chain(load_robot(name))
    q, depth = np.array(robot.home), 0.03
    ceiling = (2.0, 2.0, float(chain.pose(q)[2, 3]) - depth + CELL.margin)
    barrier = Barrier(urdf_path(robot), robot, chain, Cell("low", tool_upper=ceiling), load_self_collision(robot))
    speeds = np.array(robot.limits.velocity)
    found, above = VelocityFilter(barrier, speeds, CELL.deceleration, dt), barrier.names.index("tool_upper z")
    assert barrier.around(q).room[above] == pytest.approx(-depth)
    rooms = []
    for _ in range(round(2.0 / dt)):
        _, G = barrier.constraints(q)
        q = q + dt * found.filtered(q, 0.1 * speeds * np.sign(G[2 * above])).values
        rooms.append(barrier.around(q).room[above])
    assert np.all(np.diff(rooms) > -1e-9)
    assert rooms[-1] > 0.02


def test_standing_still_is_always_allowed():
    robot, barrier, speeds, found = setup("ur5e", 0.01)
    rng = np.random.default_rng(7)
    zero = np.zeros(6)
    for _ in range(20):
        assert found.filtered(rng.uniform(-6, 6, 6), zero).values is zero
