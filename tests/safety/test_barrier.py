"""Laws of the room that is left: what it is, how it changes, and how much less it can be after a motion of a given time."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from robot_learning.run.cells import load_barrier, load_cell, load_self_collision
from robot_learning.run.robots import load_chain, load_robot, urdf_path
from robot_learning.safety.barrier import Barrier
from robot_learning.safety.capsules import held_capsule, read_capsules
from robot_learning.safety.frames import Frames
from robot_learning.safety.self_distance import SelfDistance

ROBOTS = ("fr3", "ur5e")
HELD = {"held_length": 0.12, "held_radius": 0.015}


@cache
def barrier(name, cell="table"):
    robot = load_robot(name)
    return robot, load_barrier(robot, replace(load_cell(cell), **HELD))


def configurations(robot, count, seed=0):
    limits = robot.limits
    return np.random.default_rng(seed).uniform(limits.position_lower, limits.position_upper, (count, len(robot.joints)))


@pytest.mark.parametrize("name", ROBOTS)
def test_the_room_of_a_pair_is_its_distance_minus_the_margin(name):
    robot, found = barrier(name)
    config, chain = load_self_collision(robot), load_chain(robot)
    solid = [*read_capsules(urdf_path(robot), robot), held_capsule(chain, replace(load_cell("open"), **HELD))]
    pairs = SelfDistance(chain, solid, {frozenset(pair) for pair in config.exempt})
    for q in configurations(robot, 50):
        distances = pairs.distances(q)
        h, _ = found.constraints(q)
        np.testing.assert_allclose(found.around(q).room[: len(distances)], distances - config.margin, atol=1e-12)
        np.testing.assert_allclose(h.reshape(-1, 2).min(axis=1), found.around(q).room, atol=1e-9)


@pytest.mark.parametrize("name", ROBOTS)
def test_walls_are_where_the_cell_has_them(name):
    robot, found = barrier(name)
    cell, chain = load_cell("table"), load_chain(robot)
    rod = held_capsule(chain, replace(cell, **HELD))
    for q in configurations(robot, 20):
        room = dict(zip(found.names, found.around(q).room, strict=True))
        frame = Frames(chain).at(q)[rod.frame]
        ends = rod.ends @ frame[:3, :3].T + frame[:3, 3]
        assert room["floor and held tool"] == pytest.approx(ends[:, 2].min() - rod.radius - cell.margin)
        for i, axis in enumerate("xyz"):
            assert room[f"tool_lower {axis}"] == pytest.approx(ends[:, i].min() - cell.tool_lower[i] - cell.margin)
            assert room[f"tool_upper {axis}"] == pytest.approx(cell.tool_upper[i] - ends[:, i].max() - cell.margin)
    floors = {name for name in found.names if name.startswith("floor")}
    frames = {capsule.link: capsule.frame for capsule in read_capsules(urdf_path(robot), robot)}
    assert floors == {f"floor and {link}" for link, frame in frames.items() if frame >= 2} | {"floor and held tool"}


@pytest.mark.parametrize("name", ROBOTS)
def test_the_slope_of_the_lower_row_is_that_of_the_room(name):
    robot, found = barrier(name)
    step = 1e-6
    compared = 0
    for q in configurations(robot, 10):
        h, G = found.constraints(q)
        h, G = h.reshape(-1, 2), G.reshape(len(h) // 2, 2, -1)
        clear = np.abs(h[:, 0] - h[:, 1]) > 1e-3  # the closest point is an end, and stays there
        lower = np.take_along_axis(G, h.argmin(axis=1)[:, None, None], axis=1)[:, 0]
        for j, direction in enumerate(np.eye(len(q))):
            change = (found.around(q + step * direction).room - found.around(q - step * direction).room) / (2.0 * step)
            np.testing.assert_allclose(change[clear], lower[clear, j], atol=1e-5)
        compared += int(clear.sum())
    assert compared > 100


@pytest.mark.parametrize("name", ROBOTS)
def test_a_motion_leaves_at_least_the_room_that_slope_and_curvature_say(name):
    robot, found = barrier(name)
    joint = np.arange(len(robot.joints))
    later = np.maximum(joint[:, None], joint)
    rng = np.random.default_rng(2)
    least = np.inf
    for q in configurations(robot, 60, seed=3):
        h, G = found.constraints(q)
        move = rng.standard_normal(len(q)) * rng.choice([0.003, 0.03, 0.3])
        size = np.abs(move)[:, None] * np.abs(move) * found.between[:, :, None] * found.between[:, None, :]
        bend = 0.5 * np.sum(found.reach[:, later] * size, axis=(1, 2))
        bound = (h + G @ move).reshape(-1, 2).min(axis=1) - bend
        room = found.around(q + move).room
        assert np.all(room >= bound - 1e-9)
        least = min(least, np.min((room - bound) / np.maximum(bend, 1e-9)))
    assert least < 1.0  # and there are motions that need some of it


def test_an_open_cell_has_no_walls_and_margins_count():
    robot, found = barrier("fr3", "open")
    assert not [name for name in found.names if "floor" in name or name.startswith("tool")]
    q, chain, cell, config = np.array(robot.home), load_chain(robot), load_cell("table"), load_self_collision(robot)
    rooms = [
        Barrier(urdf_path(robot), robot, chain, replace(cell, margin=m), replace(config, margin=m)).around(q).room for m in (0.0, 0.03)
    ]
    np.testing.assert_allclose(rooms[0] - rooms[1], 0.03, atol=1e-12)


def test_a_cell_may_bound_one_side_only():
    robot = load_robot("fr3")
    names = load_barrier(robot, replace(load_cell("open"), tool_upper=(1.0, 1.0, 1.0))).names
    assert [name for name in names if "tool" in name] == ["tool_upper x", "tool_upper y", "tool_upper z"]
