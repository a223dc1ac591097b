"""Where the frames of an arm are, points that are fixed in them, and how far from each joint's axis such points can ever be."""

from typing import NamedTuple

import numpy as np

from robot_learning.core.kinematics import Chain
from robot_learning.core.rotations import transform
from robot_learning.core.types import Array

NEXT, LAST = [1, 2, 0], [2, 0, 1]  # the components after each of x, y, z


class Axes(NamedTuple):
    """The joints' axes in the base frame as Plücker lines: a point p moves with z × p − moment per unit of joint velocity."""

    z: Array  # (n, 3), direction
    moment: Array  # (n, 3), m: z × (a point on the axis)


class Frames:
    """The base's frame and the frames in which the joints turn: frame k turns about its z by joint k, k = 1 … n."""

    def __init__(self, chain: Chain) -> None:
        self._fixed = np.stack([transform_of(constants) for constants in chain.fixed[:-1]])
        self._turned = self._fixed.copy()

    def at(self, positions: Array) -> Array:
        """(n + 1, 4, 4) in the base frame; positions (n,) in rad."""
        cos, sin = np.cos(positions)[:, None], np.sin(positions)[:, None]
        x, y, turned = self._fixed[:, :, 0], self._fixed[:, :, 1], self._turned
        turned[:, :, 0] = x * cos + y * sin
        turned[:, :, 1] = y * cos - x * sin
        frames = np.empty((len(turned) + 1, 4, 4))
        frames[0] = frame = np.eye(4)
        for k, local in enumerate(turned, 1):
            frames[k] = frame = frame @ local
        return frames

    def reach(self, frame: int, point: Array) -> Array:
        """A bound (n,) on the distance [m] of `point` (3,), fixed in that frame, from each joint's axis in any configuration.

        Exact for the last joint that moves the point; for those before it the next axis' place, which is fixed, plus the straight
        line to the point by way of all further ones. 0 for joints that do not move it.
        """
        bound = np.zeros(len(self._fixed))
        further = 0.0  # from the next frame's origin to the point, at most
        for k in range(frame, 0, -1):
            place = point if k == frame else self._fixed[k][:3, 3]
            bound[k - 1] = np.hypot(place[0], place[1]) + further
            further += float(np.linalg.norm(place))
        return bound


def axes(frames: Array) -> Axes:
    """The axes of the joints from `Frames.at`."""
    z = frames[1:, :3, 2]
    return Axes(z, cross(z, frames[1:, :3, 3]))


def cross(x: Array, y: Array) -> Array:
    """Row by row, (m, 3); np.cross takes several times as long for a few rows."""
    return x[:, NEXT] * y[:, LAST] - x[:, LAST] * y[:, NEXT]


def transform_of(constants: tuple[float, ...]) -> Array:
    """(4, 4) from the 12 numbers of a Chain's constant transform."""
    rows = np.reshape(constants, (3, 4))
    return transform(rows[:, :3], rows[:, 3])
