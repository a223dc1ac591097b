"""Forward kinematics and Jacobians against the published Denavit-Hartenberg chains, finite differences and themselves."""

from pathlib import Path

import numpy as np
import pytest

from robot_learning.core.errors import UsageError
from robot_learning.core.kinematics import FEW, Chain
from robot_learning.core.paths import share_dir
from robot_learning.core.rotations import from_axis_angle, transform
from robot_learning.core.types import Array

URDF = share_dir() / "urdf"
FRANKA_A, FRANKA_D = [0, 0, 0, 0.0825, -0.0825, 0, 0.088], [0.333, 0, 0.316, 0, 0.384, 0, 0]
FRANKA_ALPHA = [0, -np.pi / 2, np.pi / 2, np.pi / 2, -np.pi / 2, np.pi / 2, np.pi / 2]
UR_ALPHA = [np.pi / 2, 0, 0, np.pi / 2, -np.pi / 2, 0]
UR = {
    "ur5": ([0, -0.425, -0.39225, 0, 0, 0], [0.089159, 0, 0, 0.10915, 0.09465, 0.0823]),
    "ur5e": ([0, -0.425, -0.3922, 0, 0, 0], [0.1625, 0, 0, 0.1333, 0.0997, 0.0996]),
}
UR_JOINTS = ["shoulder_pan_joint", "shoulder_lift_joint", "elbow_joint", "wrist_1_joint", "wrist_2_joint", "wrist_3_joint"]
READY = np.array([0, -np.pi / 4, 0, -3 * np.pi / 4, 0, np.pi / 2, np.pi / 4])


def x_screw(angle: float, a: float) -> Array:
    return transform(from_axis_angle(np.array([1, 0, 0]), np.array(angle)), np.array([a, 0, 0]))


def z_screw(angle: float, d: float) -> Array:
    return transform(from_axis_angle(np.array([0, 0, 1]), np.array(angle)), np.array([0, 0, d]))


def craig(q: Array) -> Array:
    """The Franka flange by Craig's (modified) convention: x before z."""
    T = np.eye(4)
    for angle, a, d, alpha in zip(q, FRANKA_A, FRANKA_D, FRANKA_ALPHA, strict=True):
        T = T @ x_screw(alpha, a) @ z_screw(angle, d)
    return T @ z_screw(0, 0.107)


def standard(q: Array, a: list[float], d: list[float]) -> Array:
    """The UR tool by the standard convention, z before x, in base_link (whose x points the other way than the DH base's)."""
    T = z_screw(np.pi, 0)
    for angle, a_i, d_i, alpha in zip(q, a, d, UR_ALPHA, strict=True):
        T = T @ z_screw(angle, d_i) @ x_screw(alpha, a_i)
    return T


def franka(robot: str, tool: str = "hand_tcp") -> Chain:
    return Chain.from_urdf(URDF / f"{robot}.urdf", f"{robot}_link0", f"{robot}_{tool}", [f"{robot}_joint{i}" for i in range(1, 8)])


def universal(robot: str) -> Chain:
    return Chain.from_urdf(URDF / f"{robot}.urdf", "base_link", "tool0", UR_JOINTS)


CHAINS = [pytest.param(franka(name), id=name) for name in ("fr3", "fer")] + [pytest.param(universal(name), id=name) for name in UR]


@pytest.mark.parametrize("robot", ["fr3", "fer"])
def test_franka_flange_is_the_published_chain(robot: str) -> None:
    q = np.random.default_rng(0).uniform(-3, 3, (200, 7))
    np.testing.assert_allclose(franka(robot, "link8").pose(q), [craig(row) for row in q], atol=1e-12)


@pytest.mark.parametrize("robot", UR)
def test_ur_tool_is_the_published_chain(robot: str) -> None:
    q = np.random.default_rng(1).uniform(-6, 6, (200, 6))
    np.testing.assert_allclose(universal(robot).pose(q), [standard(row, *UR[robot]) for row in q], atol=1e-12)


def test_printed_poses() -> None:
    np.testing.assert_allclose(franka("fr3", "link8").pose(READY)[:3, 3], [0.3069, 0, 0.5903], atol=5e-5)
    np.testing.assert_allclose(universal("ur5e").pose(np.zeros(6))[:3, 3], [0.8172, 0.2329, 0.0628], atol=5e-5)


def test_hand_is_turned_by_45_degrees_and_its_tool_lies_10_cm_ahead() -> None:
    flange, tool = franka("fr3", "link8").pose(READY), franka("fr3").pose(READY)
    np.testing.assert_allclose(np.linalg.inv(flange) @ tool, z_screw(-np.pi / 4, 0.1034), atol=1e-15)


@pytest.mark.parametrize("chain", CHAINS)
def test_jacobian_is_the_derivative_of_the_pose(chain: Chain) -> None:
    q = np.random.default_rng(2).uniform(-2, 2, (50, len(chain.joints)))
    J, step = chain.jacobian(q), 1e-6
    R = chain.pose(q)[..., :3, :3]
    for i in range(len(chain.joints)):
        offset = step * np.eye(len(chain.joints))[i]
        change = (chain.pose(q + offset) - chain.pose(q - offset)) / (2 * step)
        np.testing.assert_allclose(J[..., :3, i], change[..., :3, 3], atol=1e-9)
        spin = change[..., :3, :3] @ np.swapaxes(R, -1, -2)  # skew matrix of the angular velocity
        np.testing.assert_allclose(J[..., 3:, i], np.stack([spin[..., 2, 1], spin[..., 0, 2], spin[..., 1, 0]], axis=-1), atol=1e-9)


@pytest.mark.parametrize("chain", CHAINS)
def test_a_row_does_not_depend_on_its_batch(chain: Chain) -> None:
    n = len(chain.joints)
    q = np.random.default_rng(3).uniform(-3, 3, (5 * FEW + 3, n))
    each = [chain.pose_and_jacobian(row) for row in q]
    for rows in (1, 2, 3, FEW - 1, FEW, FEW + 1, 2 * FEW + 5, len(q)):
        pose, jacobian = chain.pose_and_jacobian(q[:rows])
        assert np.array_equal(pose, [one[0] for one in each[:rows]])
        assert np.array_equal(jacobian, [one[1] for one in each[:rows]])
    strided = chain.pose(np.asfortranarray(q)[::2])
    assert np.array_equal(strided, [one[0] for one in each[::2]])


@pytest.mark.parametrize("chain", CHAINS)
def test_shapes_and_one_pass(chain: Chain) -> None:
    n = len(chain.joints)
    for batch in ((), (1,), (4,), (2, 3), (5, 7), (0,)):
        q = np.random.default_rng(4).uniform(-3, 3, (*batch, n))
        pose, jacobian = chain.pose_and_jacobian(q)
        assert pose.shape == (*batch, 4, 4)
        assert jacobian.shape == (*batch, 6, n)
        assert np.array_equal(pose, chain.pose(q))
        assert np.array_equal(jacobian, chain.jacobian(q))


def test_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(…, 7\) is expected"):
        franka("fr3").pose(np.zeros(6))


def one_joint(tmp_path: Path, axis: str, kind: str = "revolute") -> Path:
    path = tmp_path / "one.urdf"
    path.write_text(
        '<robot name="one"><link name="a"/>'
        '<link name="b"><inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1"/></inertial></link><link name="c"/>'
        f'<joint name="j" type="{kind}"><origin xyz="1 2 3" rpy="0.1 0.2 0.3"/><parent link="a"/><child link="b"/>'
        f'<axis xyz="{axis}"/><limit lower="-1" upper="1" velocity="1" effort="1"/></joint>'
        '<joint name="tip" type="fixed"><origin xyz="0.3 0.2 0.1"/><parent link="b"/><child link="c"/></joint></robot>'
    )
    return path


@pytest.mark.parametrize("axis", ["1 0 0", "0 -1 0", "0 0 -1", "0 3 4", "1 2 -3"])
def test_any_axis(tmp_path: Path, axis: str) -> None:
    direction = np.array([float(part) for part in axis.split()])
    chain = Chain.from_urdf(one_joint(tmp_path, axis), "a", "c", ["j"])
    zero = chain.pose(np.zeros(1))
    turn = transform(from_axis_angle(direction / np.linalg.norm(direction), np.array(0.7)), np.zeros(3))
    tip = transform(np.eye(3), np.array([0.3, 0.2, 0.1]))
    np.testing.assert_allclose(chain.pose(np.array([0.7])), zero @ np.linalg.inv(tip) @ turn @ tip, atol=1e-15)


def test_wrong_chains_are_named(tmp_path: Path) -> None:
    path = one_joint(tmp_path, "0 0 1")
    for base, tool, joints, message in [
        ("a", "c", ["k"], "no joint 'k'; there is j, tip"),
        ("a", "x", ["j"], "no link 'x'; there is a, b, c"),
        ("c", "a", ["j"], "link 'a' does not hang on 'c'"),
        ("a", "c", [], "from a to c the joints are j; expected "),
    ]:
        with pytest.raises(UsageError, match=message):
            Chain.from_urdf(path, base, tool, joints)
    with pytest.raises(UsageError, match="joint 'j' is prismatic"):
        Chain.from_urdf(one_joint(tmp_path, "0 0 1", "prismatic"), "a", "c", ["j"])
