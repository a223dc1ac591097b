"""Rotations about an axis, as the tests check others with them."""

import numpy as np

from robot_learning.core.types import Array


def from_axis_angle(axis: Array, angle: Array) -> Array:
    """Rodrigues' formula; axis (…, 3) of length 1, angle (…) in rad -> (…, 3, 3)."""
    x, y, z = np.moveaxis(np.asarray(axis, dtype=float), -1, 0)
    c, s = np.cos(angle), np.sin(angle)
    v = 1 - c
    rows = [
        [c + x * x * v, x * y * v - z * s, x * z * v + y * s],
        [y * x * v + z * s, c + y * y * v, y * z * v - x * s],
        [z * x * v - y * s, z * y * v + x * s, c + z * z * v],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))
