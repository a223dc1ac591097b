"""Poses that do not change on their way through a message."""

import itertools

import numpy as np
import pytest

from robot_learning.core.canonical import canonical_pose, canonical_quaternion
from robot_learning.core.rotations import from_rpy


def poses():
    rng = np.random.default_rng(0)
    angles = [*rng.uniform(-np.pi, np.pi, (500, 3)), *(np.array(a) * np.pi / 2 for a in itertools.product(range(-2, 3), repeat=3))]
    for rpy in angles:
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = from_rpy(rpy), rng.normal(size=3)
        yield pose


def test_canonical_is_near_and_stays_as_it_is():
    for pose in poses():
        once = canonical_pose(pose)
        assert np.abs(once - pose).max() < 4e-12
        assert np.array_equal(canonical_pose(once), once)
        assert np.linalg.norm(canonical_quaternion(pose[:3, :3])) == pytest.approx(1.0, abs=1e-15)
