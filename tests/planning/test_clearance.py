"""Bounds are bounds: PyBullet never finds things closer, and nothing moves further than was said."""

import numpy as np
import pytest

from robot_learning.planning import ik
from robot_learning.planning.clearance import Clearance
from robot_learning.planning.contacts import Contacts, Margins
from robot_learning.run import experiment
from robot_learning.run.setting import prepare

HULL = 0.001  # m: Bullet rounds convex hulls


@pytest.fixture(scope="module", params=["fr3", "fer", "ur5", "ur5e"])
def robot(request):
    setting = prepare(experiment.load("peg_local", [f"robot={request.param}", "conditions.train=1"]))
    margins = Margins(0.0, 0.0)
    contacts = Contacts(setting.robot, setting.urdf, setting.task, setting.train[0], margins)
    bound = Clearance(contacts.chain, contacts.capsules, contacts.allowed, contacts.boxes(), contacts.passed)
    yield setting.robot, contacts, bound
    contacts.close()


def draws(robot, count, seed=0):
    return np.random.default_rng(seed).uniform(robot.limits.position_lower, robot.limits.position_upper, (count, len(robot.joints)))


def test_what_bullet_finds_to_touch_is_not_apart_by_the_bound(robot):
    arm, contacts, bound = robot
    checked = 0
    for q in draws(arm, 300):
        touching = contacts.touching(q)
        boxes, itself = (part[0] for part in bound.distances(q[None]))
        if touching is not None:
            checked += 1
            assert min(np.min(boxes), np.min(itself)) <= HULL, touching
    assert checked > 30


def test_nothing_comes_nearer_than_the_travel_allows(robot):
    arm, _, bound = robot
    rng = np.random.default_rng(1)
    start = draws(arm, 200, 2)
    half = rng.uniform(-0.3, 0.3, start.shape[1])
    before, after = bound.distances(start), bound.distances(start + half)
    moved, turned = bound.travel(half)
    assert np.all(np.abs(after[0] - before[0]) <= moved + 1e-9)
    assert np.all(np.abs(after[1] - before[1]) <= turned + 1e-9)


def test_a_clear_interval_is_clear_in_each_of_its_points(robot):
    arm, _, bound = robot
    rng, slack, found = np.random.default_rng(3), np.array([0.005, 0.002]), 0
    for q in draws(arm, 200, 4):
        half = rng.uniform(-0.05, 0.05, len(q))
        (clear,), _ = bound.clear(q[None], half, slack)
        inside = bound.distances(q + rng.uniform(-1.0, 1.0, (20, 1)) * half)
        for is_clear, distances, least in zip(clear, inside, slack, strict=True):
            found += bool(is_clear)
            assert not is_clear or np.min(distances) >= least - 1e-9
    assert found > 50


def test_one_configuration_has_the_distances_that_it_has_among_many(robot):
    arm, _, bound = robot
    many = draws(arm, 40)
    for part, alone in zip(bound.distances(many), bound.distances(many[7:8]), strict=True):
        assert np.allclose(part[7], alone[0], atol=1e-12)


def test_neighbours_may_touch_and_what_is_far_apart_on_the_arm_may_not(robot):
    arm, contacts, _ = robot
    assert "peg" in {one.link for one in contacts.capsules}
    found = [contacts.urdf.joints[name] for name in arm.joints]
    assert all(frozenset((one.parent, one.child)) in contacts.allowed for one in found)
    for first in found[:2]:
        assert frozenset((first.parent, found[-1].child)) not in contacts.allowed
        assert frozenset((first.parent, "peg")) not in contacts.allowed


def test_grown_shapes_touch_earlier():
    setting = prepare(experiment.load("peg_local", ["conditions.train=1"]))
    tight, wide = (Contacts(setting.robot, setting.urdf, setting.task, None, Margins(margin, 0.0)) for margin in (0.0, 0.05))
    pose = setting.chain.pose(np.array(setting.robot.home))
    lower, upper = map(np.array, (setting.robot.limits.position_lower, setting.robot.limits.position_upper))
    for above, found in ((0.03, (None, ("peg", "table"))), (0.07, (None, None)), (-0.005, (("peg", "table"),) * 2)):
        pose[2, 3] = setting.task.block.peg_length + above
        q = ik.solve(setting.chain, lower, upper, pose, np.array(setting.robot.home))
        assert (tight.touching(q), wide.touching(q)) == found
    tight.close()
    wide.close()


def test_no_point_of_a_capsule_moves_faster_than_its_reach(robot):
    """The last joint turns the peg about its own axis: its edges move all the same."""
    arm, contacts, bound = robot
    last = np.eye(len(arm.joints))[-1]
    peg = next(one for one in contacts.capsules if one.link == "peg")
    assert bound.travel(last)[0] >= peg.radius
