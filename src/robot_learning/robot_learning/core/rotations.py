"""Rotations as 3 × 3 matrices, roll-pitch-yaw (fixed axes x, y, z, as in URDF) and unit quaternions x, y, z, w (as in ROS).

Every function takes any number of leading batch dimensions "…".
"""

import numpy as np

from robot_learning.core.types import Array


def from_rpy(rpy: Array) -> Array:
    """R = Rz(yaw) Ry(pitch) Rx(roll); rpy (…, 3) in rad -> (…, 3, 3)."""
    rpy = np.asarray(rpy, dtype=float)
    (cr, cp, cy), (sr, sp, sy) = np.moveaxis(np.cos(rpy), -1, 0), np.moveaxis(np.sin(rpy), -1, 0)
    rows = [
        [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
        [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
        [-sp, cp * sr, cp * cr],
    ]
    return _matrix(rows)


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
    return _matrix(rows)


def from_quaternion(quaternion: Array) -> Array:
    """Unit quaternion (…, 4) as x, y, z, w -> (…, 3, 3); one of another length is normalized first."""
    quaternion = np.asarray(quaternion, dtype=float)
    x, y, z, w = np.moveaxis(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return _matrix(rows)


def to_quaternion(rotation: Array) -> Array:
    """Rotation matrix (…, 3, 3) -> unit quaternion (…, 4) as x, y, z, w with w >= 0.

    Each of the four columns below is a multiple of the quaternion (Shepperd 1978); the longest one is the best conditioned.
    """
    R = np.asarray(rotation, dtype=float)
    xx, yy, zz = R[..., 0, 0], R[..., 1, 1], R[..., 2, 2]
    x_w, y_w, z_w = R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]
    x_y, x_z, y_z = R[..., 0, 1] + R[..., 1, 0], R[..., 0, 2] + R[..., 2, 0], R[..., 1, 2] + R[..., 2, 1]
    rows = [
        [1 + xx - yy - zz, x_y, x_z, x_w],
        [x_y, 1 - xx + yy - zz, y_z, y_w],
        [x_z, y_z, 1 - xx - yy + zz, z_w],
        [x_w, y_w, z_w, 1 + xx + yy + zz],
    ]
    candidates = _matrix(rows)
    longest = np.argmax(np.einsum("...ii->...i", candidates), axis=-1)
    quaternion = np.take_along_axis(candidates, longest[..., None, None], axis=-2)[..., 0, :]
    quaternion = quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True)
    positive: Array = np.where(quaternion[..., 3:] < 0, -quaternion, quaternion)
    return positive


def transform(rotation: Array, translation: Array) -> Array:
    """Homogeneous matrix (…, 4, 4) of a rotation (…, 3, 3) and a translation (…, 3) in m."""
    rotation, translation = np.asarray(rotation, dtype=float), np.asarray(translation, dtype=float)
    result = np.zeros((*np.broadcast_shapes(rotation.shape[:-2], translation.shape[:-1]), 4, 4))
    result[..., :3, :3] = rotation
    result[..., :3, 3] = translation
    result[..., 3, 3] = 1.0
    return result


def _matrix(rows: list[list[Array]]) -> Array:
    return np.stack([np.stack(np.broadcast_arrays(*row), axis=-1) for row in rows], axis=-2)
