"""An object on the table: it lies, it slides as Coulomb says, it is hit, and an episode with it repeats itself bit for bit."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from robot_learning.core.errors import UsageError
from robot_learning.core.types import Array
from robot_learning.robots.bullet_arm import BulletArm
from robot_learning.robots.physics import pybullet
from robot_learning.run.robots import load_chain, load_robot, urdf_path
from robot_learning.run.tasks import load_task
from robot_learning.tasks.conditions import draw

ROBOT, TASK = load_robot("fr3"), load_task("puck")
CONDITIONS = draw(TASK, ROBOT, load_chain(ROBOT), "train", 4, 0)
DISC = TASK.objects[0]
PERIOD = 12


@pytest.fixture(scope="module")
def arm() -> Iterator[BulletArm]:
    arm = BulletArm(ROBOT, urdf_path(ROBOT), TASK)
    yield arm
    arm.close()


def place(arm: BulletArm) -> Array:
    return arm.objects()["puck"].position


def test_it_lies_still_where_the_condition_says(arm: BulletArm) -> None:
    for condition in CONDITIONS:
        arm.reset(condition)
        start = np.array([condition.parameters["puck.x"], condition.parameters["puck.y"], DISC.height / 2])
        assert place(arm) == pytest.approx(start, abs=1e-12)
        arm.step(240)
        assert place(arm) == pytest.approx(start, abs=1e-3)
        assert not arm.contacts()


@pytest.mark.parametrize("friction", [0.1, 0.3])
def test_it_slides_as_far_as_coulomb_friction_lets_it(friction: float) -> None:
    arm = BulletArm(ROBOT, urdf_path(ROBOT), replace(TASK, objects=(replace(DISC, friction=friction),)))
    arm.reset(CONDITIONS[0])
    arm.step(48)
    start, speed = place(arm), 0.6
    body = next(body for body, name in arm.scene.names.items() if name == "puck")
    pybullet.resetBaseVelocity(body, (0.0, speed, 0.0), physicsClientId=arm._client)
    arm.step(480)
    way = place(arm) - start
    assert way[1] == pytest.approx(speed**2 / (2 * friction * 9.81), rel=0.1)
    assert abs(way[0]) < 0.01
    arm.close()


def hit(arm: BulletArm, index: int, push: float) -> Array:
    """Places of the puck while the arm pushes forwards."""
    arm.reset(CONDITIONS[index])
    rng, found = np.random.default_rng(index), []
    for _ in range(40):
        arm.send("effort", (push * np.array([0.0, 6.0, 0.0, 2.0, 0.0, 0.0, 0.0]) + rng.normal(size=7)).tolist())
        arm.step(PERIOD)
        found.append(np.concatenate([place(arm), arm.joint_state().position]))
    return np.stack(found)


def test_the_blade_hits_it_and_the_same_episode_repeats_itself_bit_for_bit(arm: BulletArm) -> None:
    episodes = [(0, 4.0), (1, 8.0), (2, 2.0), (3, 6.0), (0, 0.0)]
    first = [hit(arm, *episode) for episode in episodes]
    assert max(np.ptp(found[:, 0]) for found in first) > 0.05
    for i in (3, 0, 4, 2, 1, 0):
        assert np.array_equal(hit(arm, *episodes[i]), first[i])
    fresh = BulletArm(ROBOT, urdf_path(ROBOT), TASK)
    assert np.array_equal(hit(fresh, *episodes[1]), first[1])
    fresh.close()


def test_a_condition_that_does_not_say_where_it_starts_is_refused(arm: BulletArm) -> None:
    with pytest.raises(UsageError, match=r"condition train-0: parameters: puck\.x and puck\.y are expected"):
        arm.reset(CONDITIONS[0]._replace(parameters={}))


def test_a_task_without_objects_has_none() -> None:
    arm = BulletArm(ROBOT, urdf_path(ROBOT), load_task("reach"))
    assert arm.objects() == {}
    arm.close()
