"""Capsules enclose the bodies that they stand for, wherever uncommanded joints are, and move with the right joint."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_learning.core.errors import UsageError
from robot_learning.core.kinematics import Chain
from robot_learning.core.urdf_bodies import read_bodies
from robot_learning.run.robots import load_chain, load_robot, urdf_path
from robot_learning.safety.capsules import enclosing, held_capsule, read_capsules
from robot_learning.safety.cell import Cell
from robot_learning.safety.frames import Frames

ROBOTS = ("fr3", "fer", "ur5", "ur5e")
CORNERS = np.array(list(itertools.product([-0.5, 0.5], repeat=3)))


def depth(point, capsule):
    """How far within a capsule a point is, m; negative: outside."""
    start, along = capsule.ends[0], capsule.ends[1] - capsule.ends[0]
    share = np.clip((point - start) @ along / max(along @ along, 1e-300), 0.0, 1.0)
    return capsule.radius - np.linalg.norm(point - start - share * along)


def surface(body):
    """Points (m, 3) on a body's surface, in the link's frame."""
    if body.kind == "box":
        points = CORNERS * body.size
    else:
        ball = np.random.default_rng(0).standard_normal((40, 3))
        ball *= body.size[0] / np.linalg.norm(ball, axis=1, keepdims=True)
        if body.kind == "cylinder":
            ball[:, :2] *= body.size[0] / np.linalg.norm(ball[:, :2], axis=1, keepdims=True)
            ball[:, 2] = np.where(ball[:, 2] > 0, 0.5, -0.5) * body.size[1]
        points = ball
    return points @ body.pose[:3, :3].T + body.pose[:3, 3]


@pytest.mark.parametrize("name", ROBOTS)
def test_every_body_is_within_the_capsules_of_its_link(name):
    robot = load_robot(name)
    capsules = read_capsules(urdf_path(robot), robot)
    rng = np.random.default_rng(1)
    for body in read_bodies(urdf_path(robot)):
        own = [capsule for capsule in capsules if capsule.link == body.link]
        finger = "finger" in body.link
        joints = robot.joints[: own[0].frame]
        if finger:  # on a joint that is not commanded: anywhere within its limits
            parent = Chain.from_urdf(urdf_path(robot), robot.base_link, f"{name}_hand", joints).fixed[-1]
            turn = np.diag([-1.0, -1.0, 1.0, 1.0]) if "right" in body.link else np.eye(4)
            place = np.vstack([np.reshape(parent, (3, 4)), [0, 0, 0, 1]])
            shifts = [np.block([[np.eye(3), np.array([[0], [y], [0.0584]])], [np.zeros((1, 3)), 1]]) for y in rng.uniform(0, 0.04, 5)]
            places = [place @ turn @ shift for shift in shifts]
        else:
            places = [
                np.vstack(
                    [np.reshape(Chain.from_urdf(urdf_path(robot), robot.base_link, body.link, joints).fixed[-1], (3, 4)), [0, 0, 0, 1]]
                )
            ]
        for pose in places:
            for point in surface(body) @ pose[:3, :3].T + pose[:3, 3]:
                assert max(depth(point, capsule) for capsule in own) > -1e-9


def test_cylinders_with_balls_at_their_ends_are_one_capsule_each():
    robot = load_robot("fr3")
    capsules = read_capsules(urdf_path(robot), robot)
    assert len(capsules) == 13
    assert [capsule.frame for capsule in capsules] == [0, 1, 2, 3, 4, 5, 5, 6, 7, 7, 7, 7, 7]
    np.testing.assert_allclose(capsules[1].ends, [[0, 0, -0.333], [0, 0, -0.05]])


@pytest.mark.parametrize("name", ROBOTS)
def test_a_held_rod_begins_at_the_tool_and_points_ahead(name):
    robot = load_robot(name)
    chain = load_chain(robot)
    q = np.array(robot.home)
    rod = held_capsule(chain, Cell("a", held_length=0.1, held_radius=0.01))
    frame = Frames(chain).at(q)[rod.frame]
    tool = chain.pose(q)
    np.testing.assert_allclose(rod.ends @ frame[:3, :3].T + frame[:3, 3], [tool[:3, 3], tool[:3, 3] + 0.1 * tool[:3, 2]], atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 0.1))
def test_enclosing_capsules_enclose(seed, radius):
    points = np.random.default_rng(seed).standard_normal((6, 3))
    ends, r = enclosing(points, np.eye(3), radius)
    along = ends[1] - ends[0]
    share = np.clip((points - ends[0]) @ along / max(along @ along, 1e-300), 0.0, 1.0)
    assert np.all(np.linalg.norm(points - ends[0] - share[:, None] * along, axis=1) + radius <= r + 1e-12)


def test_a_body_on_a_turning_joint_that_is_not_commanded_is_refused():
    robot = load_robot("fr3")
    fewer = replace(robot, joints=robot.joints[:6])
    with pytest.raises(UsageError, match="'fr3_link7': joint 'fr3_joint7' is revolute and not commanded"):
        read_capsules(urdf_path(robot), fewer)


def test_a_body_that_hangs_elsewhere_is_refused():
    robot = load_robot("fr3")
    with pytest.raises(UsageError, match="'fr3_link0' has collision bodies, but does not hang on 'fr3_link1'"):
        read_capsules(urdf_path(robot), replace(robot, base_link="fr3_link1"))
