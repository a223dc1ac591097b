"""Every cell and every robot's self-collision loads; every way in which they can be wrong is named; exemptions have reasons."""

from dataclasses import replace

import numpy as np
import pytest

from robot_learning.core.errors import UsageError
from robot_learning.run.cells import checked_cell, checked_self_collision, load_barrier, load_cell, load_self_collision
from robot_learning.run.config import available, build
from robot_learning.run.robots import load_chain, load_robot, urdf_path
from robot_learning.safety.capsules import read_capsules
from robot_learning.safety.cell import Cell, SelfCollision
from robot_learning.safety.self_distance import SelfDistance

NAN = float("nan")
TABLE = load_cell("table")
FR3 = load_robot("fr3")
OF_THE_MAKER = {frozenset(("wrist_1_link", "wrist_3_link"))}


@pytest.mark.parametrize("robot", available("robots"))
@pytest.mark.parametrize("cell", available("cells"))
def test_every_robot_is_at_home_in_every_cell(robot, cell):
    assert load_barrier(load_robot(robot), load_cell(cell)).around(np.array(load_robot(robot).home)).room.min() > 0.0


def test_open_has_no_walls():
    cell = load_cell("open")
    assert (cell.tool_lower, cell.tool_upper, cell.floor, cell.held_radius) == (None, None, None, 0.0)


@pytest.mark.parametrize("name", available("robots"))
def test_an_exempt_pair_is_always_near_or_never_touches(name):
    robot = load_robot(name)
    config = load_self_collision(robot)
    pairs = SelfDistance(load_chain(robot), read_capsules(urdf_path(robot), robot))
    lower, upper = np.array(robot.limits.position_lower), np.array(robot.limits.position_upper)
    drawn = np.random.default_rng(0).uniform(1.5 * lower - 0.5 * upper, 1.5 * upper - 0.5 * lower, (1000, len(lower)))
    drawn = np.clip(drawn, lower, upper)  # every other joint is at one of its limits
    found = np.array([pairs.distances(q) for q in [robot.home, *drawn]])
    exempt = {frozenset(pair) for pair in config.exempt}
    of_pair = {links: found[:, [frozenset(own) == links for own in pairs.names]].min(axis=1) for links in map(frozenset, pairs.names)}
    assert exempt <= of_pair.keys()
    for links, distances in of_pair.items():
        always_near = distances[0] < config.margin or distances.max() < config.margin
        if links in exempt:
            assert always_near or distances.min() > 0.0 or links in OF_THE_MAKER, links
            assert distances.min() < config.margin or links in OF_THE_MAKER, f"{links}: an exemption that changes nothing"
        else:
            assert not always_near, links


def test_a_home_that_is_too_near_is_named(monkeypatch):
    config = load_self_collision(FR3)
    monkeypatch.setattr("robot_learning.run.cells.load_self_collision", lambda robot: replace(config, exempt=()))
    with pytest.raises(UsageError, match=r"fr3.yaml and cell 'open': at fr3's home fr3_link1 and fr3_link3 are 0.004 m too near"):
        load_barrier(FR3, load_cell("open"))
    monkeypatch.undo()
    with pytest.raises(UsageError, match="table': at fr3's home floor and fr3_link2 are 0.337 m too near"):
        load_barrier(FR3, replace(TABLE, floor=0.6))


def test_near_names_are_offered():
    with pytest.raises(UsageError, match="did you mean 'table'"):
        load_cell("tabel")
    with pytest.raises(UsageError, match="did you mean 'tool_lower'"):
        build(Cell, {"name": "a", "tool_lowr": [0, 0, 0]}, "cell.yaml")
    with pytest.raises(UsageError, match="did you mean 'exempt'"):
        build(SelfCollision, {"robot": "fr3", "margin": 0.02, "exemt": []}, "fr3.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tool_lower": (NAN, 0.0, 0.0)}, "where: tool_lower: nan: a number from -10 to 10"),
        ({"tool_lower": (0.79, 0.0, 0.0)}, "where: tool_lower: 0.79: less than tool_upper 0.8"),
        ({"floor": 11.0}, "where: floor: 11.0"),
        ({"held_radius": -0.1}, "where: held_radius: -0.1"),
        ({"held_length": 0.1}, "where: held_radius: 0.0: above 0"),
        ({"margin": NAN}, "where: margin: nan"),
        ({"deceleration": 0.0}, "where: deceleration: 0.0"),
    ],
)
def test_wrong_numbers_of_a_cell_are_named(changes, message):
    with pytest.raises(UsageError, match=message):
        checked_cell(replace(TABLE, **changes), "where")


def test_wrong_names_of_self_collision_are_named():
    config = load_self_collision(FR3)
    with pytest.raises(UsageError, match="where: robot: 'ur5'; 'fr3' is expected"):
        checked_self_collision(replace(config, robot="ur5"), FR3, "where")
    with pytest.raises(UsageError, match="where: exempt: no collision body of a link 'fr3_link9'; there is fr3_link0"):
        checked_self_collision(replace(config, exempt=(("fr3_link9", "fr3_link0"),)), FR3, "where")
    with pytest.raises(UsageError, match="where: margin: -1"):
        checked_self_collision(replace(config, margin=-1.0), FR3, "where")
