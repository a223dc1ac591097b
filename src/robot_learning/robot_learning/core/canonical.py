"""Poses that survive the journey through a message bit for bit.

A matrix, turned into a quaternion and back, comes out different in its last bits, and then two processes that should compute the
same costs do not. The cure is a grid: three components of the quaternion are multiples of 2⁻⁴⁰ (1e-12 rad), the largest one follows.
"""

import numpy as np

from robot_learning.core.rotations import from_quaternion, to_quaternion
from robot_learning.core.types import Array

GRID = 2.0**40
BIAS = 1e-6  # among equally large components the first one is meant, whatever the last bits say


def canonical_quaternion(rotation: Array) -> Array:
    """The grid's unit quaternion (4,) as x, y, z, w next to a rotation (3, 3); within 2e-12 rad of it."""
    quaternion = to_quaternion(rotation)
    size = np.abs(quaternion)
    largest = int(np.argmax(size >= size.max() - BIAS))
    quaternion = quaternion if quaternion[largest] > 0 else -quaternion
    rounded = np.round(quaternion * GRID) / GRID
    rounded[largest] = 0.0
    rounded[largest] = np.sqrt(1.0 - np.sum(rounded**2))
    return rounded


def canonical_pose(pose: Array) -> Array:
    """The pose (4, 4) next to `pose` that messages carry exactly; a canonical pose stays as it is, bit for bit."""
    result = np.eye(4)
    result[:3, :3] = from_quaternion(canonical_quaternion(pose[:3, :3]))
    result[:3, 3] = pose[:3, 3]
    return result
