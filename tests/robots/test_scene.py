"""The block's hole has the size that its numbers say, and the held tools are rigid parts of the hand."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from robot_learning.core.errors import UsageError
from robot_learning.robots.bullet_arm import BulletArm
from robot_learning.robots.held_tools import PEG_DENSITY, held, prepared_urdf
from robot_learning.robots.physics import pybullet
from robot_learning.robots.scene import Scene, block_of, wall_corners, wall_mesh
from robot_learning.run.robots import load_robot, urdf_path
from robot_learning.run.tasks import load_task
from robot_learning.tasks.description import Condition

TASK = load_task("peg_insertion")
BALL = 0.001  # m, radius of the probe
DOWN = np.diag([1.0, -1.0, -1.0])


@pytest.fixture
def world() -> Iterator[int]:
    client = pybullet.connect(pybullet.DIRECT)
    yield client
    pybullet.disconnect(physicsClientId=client)


def condition(parameters: dict[str, float]) -> Condition:
    return Condition("test", np.zeros(7), np.eye(4), parameters)


@pytest.mark.parametrize("clearance", [-0.002, 0.0005, 0.004])
@pytest.mark.parametrize("chamfer", [0.0, 0.006])
def test_the_hole_is_as_wide_and_deep_as_it_says(world: int, clearance: float, chamfer: float) -> None:
    block = block_of(TASK, condition({"clearance": clearance, "chamfer": chamfer}))
    assert block is not None
    scene = Scene(world, TASK, block)
    target = np.eye(4)
    target[:3, :3], target[:3, 3] = DOWN, [0.5, 0.1, 0.3]
    scene.place(target)
    bottom = np.array([0.5, 0.1, 0.3 - block.peg_length])
    shape = pybullet.createCollisionShape(pybullet.GEOM_SPHERE, radius=BALL, physicsClientId=world)
    ball = pybullet.createMultiBody(0, shape, physicsClientId=world)

    def distances(at: tuple[float, float, float]) -> dict[str, float]:
        """Of the probe's centre to each part of the block."""
        pybullet.resetBasePositionAndOrientation(ball, (bottom + at).tolist(), (0, 0, 0, 1), physicsClientId=world)
        found = {}
        for body, name in scene.names.items():
            points = pybullet.getClosestPoints(ball, body, 0.3, physicsClientId=world)
            if name.startswith("block") and points:
                found[name] = min(point[8] for point in points) + BALL
        return found

    half = block.width / 2 + clearance
    inside = distances((0.0, 0.0, block.depth / 2))
    assert [inside[f"block wall {i}"] for i in range(4)] == pytest.approx([half] * 4, abs=1e-5)
    assert inside["block bottom"] == pytest.approx(block.depth / 2, abs=1e-5)
    above = distances((half + chamfer + 0.015, 0.0, block.depth + 0.02))
    assert above["block wall 0"] == pytest.approx(0.02, abs=1e-5)
    if chamfer:  # the bevel rises at 45 degrees from the edge of the shaft
        middle = np.array([half + chamfer / 2, 0.0, block.depth - chamfer / 2])
        probe = distances(tuple(middle + 0.004 * np.array([-1.0, 0.0, 1.0]) / np.sqrt(2.0)))
        assert probe["block wall 0"] == pytest.approx(0.004, abs=1e-4)


@pytest.mark.parametrize("chamfer", [0.0, 0.006])
def test_the_walls_mesh_is_closed_and_its_normals_point_outwards(chamfer: float) -> None:
    corners = wall_corners(0.016, 0.05, 0.06, chamfer, 0.0)
    mesh = wall_mesh(corners)
    triangles = mesh.vertices.reshape(-1, 3, 3)
    areas = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]) / 2
    assert areas.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)
    outwards = np.einsum("ij,ij->i", triangles.mean(axis=1) - corners.mean(axis=0), mesh.normals[::3])
    assert np.all(outwards > 0)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"clearance": 3.0}, "clearance"),
        ({"friction": -1.0}, "friction"),
        ({"chamfer": 0.09}, "chamfer"),
        ({"depth": float("nan")}, "depth"),
    ],
)
def test_senseless_blocks_are_refused_by_field(parameters: dict[str, float], field: str) -> None:
    with pytest.raises(UsageError, match=field):
        block_of(TASK, condition(parameters))


def test_numbers_of_a_condition_go_before_those_of_the_task() -> None:
    block = block_of(TASK, condition({"clearance": 0.002, "something_else": 1.0}))
    assert block == replace(TASK.block, clearance=0.002)


def test_held_tools_add_their_mass_and_no_joints() -> None:
    robot = load_robot("fr3")
    path = urdf_path(robot)
    plain, pegged = (ET.fromstring(prepared_urdf(path, robot, held(None, block))) for block in (None, TASK.block))
    assert [joint.get("name") for joint in pegged.findall("joint") if joint.get("type") != "fixed"] == list(robot.joints)
    masses = [sum(float(mass.get("value", "nan")) for mass in root.iter("mass")) for root in (plain, pegged)]
    block = TASK.block
    assert block is not None
    assert masses[1] - masses[0] == pytest.approx(PEG_DENSITY * block.width**2 * block.peg_length)
    assert all(link.find("inertial") is not None for link in pegged.findall("link"))


@pytest.mark.parametrize("name", ["fr3", "fer", "ur5", "ur5e"])
def test_inverse_dynamics_with_the_peg_are_those_of_pinocchio(name: str) -> None:
    pin = pytest.importorskip("pinocchio")
    robot = load_robot(name)
    arm = BulletArm(robot, urdf_path(robot), TASK)
    model = pin.buildModelFromXML(prepared_urdf(urdf_path(robot), robot, held(TASK, TASK.block)))
    rng = np.random.default_rng(0)
    for _ in range(5):
        q = rng.uniform(robot.limits.position_lower, robot.limits.position_upper)
        arm.reset(Condition("test", q, np.eye(4), {}))
        arm.send("effort", np.zeros(len(q)).tolist())
        arm.step()
        expected = np.clip(pin.computeGeneralizedGravity(model, model.createData(), q), *np.outer([-1.0, 1.0], robot.limits.effort))
        assert arm.joint_state().effort == pytest.approx(expected, abs=1e-9)
    arm.close()
