"""The URDFs as a physics engine sees them: tensors are kept, and inverse dynamics agree with an independent library."""

from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
import pybullet
import pytest

from robot_learning.core.rotations import from_rpy
from robot_learning.core.types import Array
from robot_learning.robots.description import Robot
from robot_learning.run.robots import load_robot, urdf_path

GRAVITY = 9.81


@pytest.fixture(params=["fr3", "fer", "ur5", "ur5e"])
def robot(request: pytest.FixtureRequest) -> Robot:
    return load_robot(request.param)


@pytest.fixture
def world() -> Iterator[int]:
    client = pybullet.connect(pybullet.DIRECT)
    pybullet.setGravity(0, 0, -GRAVITY, physicsClientId=client)
    yield client
    pybullet.disconnect(client)


def load(robot: Robot, world: int) -> int:
    flags = pybullet.URDF_USE_INERTIA_FROM_FILE
    body: int = pybullet.loadURDF(str(urdf_path(robot)), useFixedBase=True, flags=flags, physicsClientId=world)
    return body


def inertials(robot: Robot) -> dict[str, tuple[float, Array]]:
    """Mass and tensor, in the link's axes, by link, as the file has them."""
    found = {}
    for link in ElementTree.parse(urdf_path(robot)).getroot().findall("link"):
        inertial = link.find("inertial")
        assert inertial is not None, f"{link.get('name')}: Bullet would make it 1 kg"
        turn = from_rpy(np.array([float(part) for part in inertial.find("origin").get("rpy").split()]))
        entries = inertial.find("inertia")
        xx, xy, xz, yy, yz, zz = (float(entries.get(key)) for key in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz"))
        tensor = turn @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ turn.T
        found[link.get("name")] = float(inertial.find("mass").get("value")), tensor
    return found


def test_tensors_are_those_of_bodies(robot: Robot) -> None:
    for name, (mass, tensor) in inertials(robot).items():
        moments = np.linalg.eigvalsh(tensor)
        assert mass >= 0
        if mass == 0:
            assert not tensor.any()
        else:
            assert moments[0] > 0, name
            assert moments[2] <= (moments[0] + moments[1]) * (1 + 1e-12), name


def test_every_moving_link_has_its_rotor(robot: Robot) -> None:
    rotor = robot.plant.rotor_inertia
    tree = ElementTree.parse(urdf_path(robot)).getroot()
    children = {joint.get("name"): joint.find("child").get("link") for joint in tree.findall("joint")}
    found = inertials(robot)
    for name in robot.joints:
        tensor = found[children[name]][1] - np.diag([rotor / 2, rotor / 2, rotor])
        assert np.linalg.eigvalsh(tensor)[0] > 0, name  # the link itself is left over when the rotor is taken away
        assert np.trace(tensor) < 0.35, name


def test_bullet_keeps_masses_and_tensors(robot: Robot, world: int) -> None:
    body, expected = load(robot, world), inertials(robot)
    for i in range(pybullet.getNumJoints(body, physicsClientId=world)):
        name = pybullet.getJointInfo(body, i, physicsClientId=world)[12].decode()
        info = pybullet.getDynamicsInfo(body, i, physicsClientId=world)
        mass, tensor = expected[name]
        assert info[0] == mass
        np.testing.assert_allclose(sorted(info[2]), np.linalg.eigvalsh(tensor), atol=1e-15, rtol=1e-12, err_msg=name)


def test_inverse_dynamics_agree_with_pinocchio(robot: Robot, world: int) -> None:
    pinocchio = pytest.importorskip("pinocchio", reason="pinocchio (pin) is not installed")
    body = load(robot, world)
    infos = [pybullet.getJointInfo(body, i, physicsClientId=world) for i in range(pybullet.getNumJoints(body, physicsClientId=world))]
    names = [info[1].decode() for info in infos if info[2] != pybullet.JOINT_FIXED]
    model = pinocchio.buildModelFromUrdf(str(urdf_path(robot)))
    model.gravity.linear = np.array([0, 0, -GRAVITY])
    order = [model.joints[model.getJointId(name)].idx_q for name in names]
    assert sorted(order) == list(range(model.nq))
    data, rng = model.createData(), np.random.default_rng(0)
    for _ in range(20):
        q, v, a = rng.uniform(-2, 2, (3, len(names)))
        q[len(robot.joints) :] *= 0.01  # fingers, m
        full = np.empty((3, model.nq))
        full[:, order] = q, v, a
        expected = pinocchio.rnea(model, data, *full)[order]
        found = pybullet.calculateInverseDynamics(body, list(q), list(v), list(a), physicsClientId=world)
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_joints_and_limits_arrive(robot: Robot, world: int) -> None:
    body = load(robot, world)
    infos = [pybullet.getJointInfo(body, i, physicsClientId=world) for i in range(pybullet.getNumJoints(body, physicsClientId=world))]
    by_name = {info[1].decode(): info for info in infos}
    for i, name in enumerate(robot.joints):
        lower, upper, effort, velocity = by_name[name][8:12]
        assert (lower, upper) == (robot.limits.position_lower[i], robot.limits.position_upper[i])
        assert (effort, velocity) == (robot.limits.effort[i], robot.limits.velocity[i])
        assert by_name[name][6] == 0.0  # damping belongs to the plant, not to the file
    shapes = pybullet.getVisualShapeData(body, physicsClientId=world)
    assert len(shapes) >= 7
