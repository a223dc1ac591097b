"""Rotations: the group's laws and agreement between the representations, on random elements."""

import numpy as np
import pytest

from robot_learning.core import rotations
from robot_learning.core.types import Array

N = 500


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def matrices(rng: np.random.Generator) -> Array:
    return rotations.from_quaternion(rng.standard_normal((N, 4)))


def test_every_result_is_a_rotation(rng: np.random.Generator, matrices: Array) -> None:
    axis = rng.standard_normal((N, 3))
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    for R in (matrices, rotations.from_rpy(rng.uniform(-4, 4, (N, 3))), rotations.from_axis_angle(axis, rng.uniform(-4, 4, N))):
        np.testing.assert_allclose(R @ np.swapaxes(R, -1, -2), np.broadcast_to(np.eye(3), R.shape), atol=1e-14)
        np.testing.assert_allclose(np.linalg.det(R), 1, atol=1e-14)


def test_quaternion_and_matrix_round_trip(matrices: Array) -> None:
    quaternion = rotations.to_quaternion(matrices)
    np.testing.assert_allclose(np.linalg.norm(quaternion, axis=-1), 1, atol=1e-15)
    assert np.all(quaternion[..., 3] >= 0)
    np.testing.assert_allclose(rotations.from_quaternion(quaternion), matrices, atol=1e-14)


@pytest.mark.parametrize("angle", [0.0, 1e-9, np.pi / 2, np.pi - 1e-9, np.pi])
@pytest.mark.parametrize("axis", list(np.eye(3)) + [np.array([0.6, 0.0, 0.8])])
def test_quaternion_of_an_axis_and_an_angle(axis: Array, angle: float) -> None:
    expected = np.append(np.sin(angle / 2) * axis, np.cos(angle / 2))
    found = rotations.to_quaternion(rotations.from_axis_angle(axis, np.array(angle)))
    np.testing.assert_allclose(found * np.sign(found @ expected), expected, atol=1e-9)


def test_rpy_is_z_after_y_after_x(rng: np.random.Generator) -> None:
    roll, pitch, yaw = rpy = rng.uniform(-3, 3, 3)
    x, y, z = (rotations.from_axis_angle(axis, angle) for axis, angle in zip(np.eye(3), rpy, strict=True))
    np.testing.assert_allclose(rotations.from_rpy(rpy), z @ y @ x, atol=1e-15)


def test_axis_angle_leaves_the_axis_and_adds_up(rng: np.random.Generator) -> None:
    axis = rng.standard_normal(3)
    axis /= np.linalg.norm(axis)
    first, second = (rotations.from_axis_angle(axis, np.array(angle)) for angle in (0.4, 1.1))
    np.testing.assert_allclose(first @ axis, axis, atol=1e-15)
    np.testing.assert_allclose(first @ second, rotations.from_axis_angle(axis, np.array(1.5)), atol=1e-15)


def test_transform_composes(rng: np.random.Generator, matrices: Array) -> None:
    p, q = rng.standard_normal((2, N, 3))
    T, S = rotations.transform(matrices, p), rotations.transform(matrices[::-1], q)
    expected = rotations.transform(matrices @ matrices[::-1], (matrices @ q[..., None])[..., 0] + p)
    np.testing.assert_allclose(T @ S, expected, atol=1e-14)
