"""Distances of a robot's own parts against PyBullet on the same URDF; their derivatives against differences."""

from functools import cache

import numpy as np
import pytest

from robot_learning.robots.physics import pybullet
from robot_learning.run.robots import load_chain, load_robot, urdf_path
from robot_learning.safety.capsules import Capsule, read_capsules
from robot_learning.safety.self_distance import JOINTS_BETWEEN, SelfDistance

ROBOTS = ("fr3", "fer", "ur5", "ur5e")


@cache
def arm(name):
    robot = load_robot(name)
    capsules = read_capsules(urdf_path(robot), robot)
    return robot, capsules, SelfDistance(load_chain(robot), capsules)


def configurations(robot, count, seed=0):
    limits = robot.limits
    return np.random.default_rng(seed).uniform(limits.position_lower, limits.position_upper, (count, len(robot.joints)))


@pytest.fixture(scope="module")
def bullet():
    client = pybullet.connect(pybullet.DIRECT)
    yield client
    pybullet.disconnect(client)


class Loaded:
    """A robot in PyBullet."""

    def __init__(self, robot, client):
        self.client = client
        implicit = pybullet.URDF_USE_IMPLICIT_CYLINDER  # not a prism of 32 sides
        self.body = pybullet.loadURDF(str(urdf_path(robot)), useFixedBase=True, flags=implicit, physicsClientId=client)
        info = [pybullet.getJointInfo(self.body, i, physicsClientId=client) for i in range(pybullet.getNumJoints(self.body, client))]
        self.joints = {entry[1].decode(): entry[0] for entry in info}
        self.links = {entry[12].decode(): entry[0] for entry in info}

    def put(self, positions):
        for name, position in positions.items():
            pybullet.resetJointState(self.body, self.joints[name], position, physicsClientId=self.client)

    def distance(self, a, b):
        index = [self.links.get(link, -1) for link in (a, b)]  # the root is no joint's child
        points = pybullet.getClosestPoints(self.body, self.body, 10.0, *index, physicsClientId=self.client)
        return min(point[8] for point in points)


@pytest.mark.parametrize("name", ROBOTS)
def test_distances_are_those_of_pybullet(name, bullet):
    robot, _, pairs = arm(name)
    loaded = Loaded(robot, bullet)
    fingers = robot.gripper.joints if robot.gripper else ()
    rng = np.random.default_rng(1)
    for q in configurations(robot, 15):
        loaded.put(dict(zip(robot.joints, q, strict=True)) | {finger: rng.uniform(0.0, 0.04) for finger in fingers})
        ours: dict[tuple[str, str], float] = {}
        for links, distance in zip(pairs.names, pairs.distances(q), strict=True):
            ours[links] = min(distance, ours.get(links, np.inf))
        for links, distance in ours.items():
            true = loaded.distance(*links)
            if any("finger" in link for link in links):  # a capsule around all places of a box
                assert distance <= true + 1e-4
            elif min(distance, true) > 0.0:  # of overlapping compound shapes PyBullet gives another depth
                assert distance == pytest.approx(true, abs=1e-4), links
            else:
                assert max(distance, true) < 1e-4, links


@pytest.mark.parametrize("name", ROBOTS)
def test_gradients_are_those_of_differences(name):
    robot, _, pairs = arm(name)
    step = 1e-6
    checked = 0
    for q in configurations(robot, 10):
        distances, gradients = pairs.distances_and_gradients(q)
        assert np.array_equal(distances, pairs.distances(q))
        for j, direction in enumerate(np.eye(len(q))):
            ahead, behind = (pairs.distances(q + sign * step * direction) for sign in (1.0, -1.0))
            smooth = np.abs(ahead + behind - 2.0 * distances) < 1e-9  # closest points can jump between parallel axes
            np.testing.assert_allclose(((ahead - behind) / (2.0 * step))[smooth], gradients[smooth, j], atol=1e-5)
            checked += int(smooth.sum())
    assert checked > 0.95 * 10 * gradients.size


@pytest.mark.parametrize("name", ROBOTS)
def test_only_joints_between_two_parts_change_their_distance(name):
    robot, capsules, pairs = arm(name)
    frames = np.array([capsule.frame for capsule in capsules])
    assert np.all(frames[pairs.second] - frames[pairs.first] >= JOINTS_BETWEEN)
    q, moved = configurations(robot, 2, seed=3)
    for j in range(len(q)):
        changed = np.abs(pairs.distances(np.where(np.arange(len(q)) == j, moved, q)) - pairs.distances(q)) > 1e-12
        assert not np.any(changed & (pairs.between[:, j] == 0.0))


def test_axes_that_cross_have_a_direction_and_the_full_depth():
    robot, _, _ = arm("ur5e")
    point = np.zeros((2, 3))
    line = np.array([[-0.1, 0.0, 0.0], [0.1, 0.0, 0.0]])
    capsules = [Capsule("a", 0, line, 0.05), Capsule("b", 2, line[:, [1, 0, 2]], 0.03), Capsule("c", 3, point, 0.02)]
    gaps = SelfDistance(load_chain(robot), capsules).gaps(np.stack([capsule.ends for capsule in capsules]))
    np.testing.assert_allclose(gaps.distance, [-0.08, -0.07], atol=1e-15)
    np.testing.assert_allclose(np.abs(gaps.normal), [[0, 0, 1], [0, 0, 1]], atol=1e-15)


def test_exempt_links_are_left_out():
    robot, capsules, pairs = arm("fr3")
    fewer = SelfDistance(load_chain(robot), capsules, {frozenset(("fr3_link3", "fr3_link1"))})
    assert set(pairs.names) - set(fewer.names) == {("fr3_link1", "fr3_link3")}
