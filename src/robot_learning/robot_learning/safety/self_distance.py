"""How far the parts of a robot are from each other, and how that changes with the joints.

Pairs of capsules on links with at least two joints between them; links that share a joint always touch. For capsules A and B with
closest points p_A and p_B of their segments and n the unit vector from p_A to p_B, the distance is d = |p_B − p_A| − r_A − r_B, and
since p_A and p_B are closest points, their motion along the segments changes nothing: ∂d/∂q = nᵀ(J_B − J_A). Only joints between the
two frames count; the others move both as one rigid body.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array
from robot_learning.safety.capsules import Capsule
from robot_learning.safety.frames import Axes, Frames, axes, cross
from robot_learning.safety.segments import closest

Indices = NDArray[np.integer[Any]]
JOINTS_BETWEEN = 2  # at least, for two capsules that are looked at
CROSSING = 1e-9  # m between two axes below which the direction between them is taken from their directions


class Gaps(NamedTuple):
    """What is between P pairs of capsules."""

    distance: Array  # (P,), m, of the surfaces; negative: they overlap
    normal: Array  # (P, 3), length 1, from the first to the second
    point: Array  # (P, 3), m, on the second's axis, closest to the first


class SelfDistance:
    """All pairs of a robot's capsules that can meet. `first` and `second` (P,) index the capsules; the second is moved by more joints."""

    def __init__(self, chain: Chain, capsules: Sequence[Capsule], exempt: Collection[frozenset[str]] = ()) -> None:
        """`exempt`: pairs of links whose distance is of no interest."""
        pairs = [
            (i, j)
            for i, a in enumerate(capsules)
            for j, b in enumerate(capsules)
            if b.frame - a.frame >= JOINTS_BETWEEN and frozenset((a.link, b.link)) not in exempt
        ]
        self.first, self.second = np.array(pairs, dtype=int).reshape(-1, 2).T
        self.names = tuple((capsules[i].link, capsules[j].link) for i, j in pairs)
        self.between = between(capsules, self.first, self.second, len(chain.joints))
        radius = np.array([capsule.radius for capsule in capsules])
        self._radii = radius[self.first] + radius[self.second]
        self._frames, self._points = Frames(chain), Points(capsules)

    def distances(self, positions: Array) -> Array:
        """(P,) in m; positions (n,) in rad."""
        return self.gaps(self._points.at(self._frames.at(positions))).distance

    def distances_and_gradients(self, positions: Array) -> tuple[Array, Array]:
        """The distances (P,) in m and their derivatives (P, n) in m/rad; positions (n,) in rad."""
        frames = self._frames.at(positions)
        gaps = self.gaps(self._points.at(frames))
        return gaps.distance, rates(gaps.normal, gaps.point, axes(frames)) * self.between

    def gaps(self, ends: Array) -> Gaps:
        """The gaps between the capsules with these `ends` (C, 2, 3) in m, in any one frame."""
        start, along = ends[:, 0], ends[:, 1] - ends[:, 0]
        a, u, b, v = start[self.first], along[self.first], start[self.second], along[self.second]
        s, t = closest(a, u, b, v)
        point = b + t[:, None] * v
        normal = point - (a + s[:, None] * u)
        length = np.sqrt(np.einsum("ij,ij->i", normal, normal))
        if length.size and length.min() < CROSSING:
            _cross_axes(normal, length, u, v)
        else:
            normal /= length[:, None]
        return Gaps(length - self._radii, normal, point)


class Points:
    """The ends of capsules."""

    def __init__(self, capsules: Sequence[Capsule]) -> None:
        self._frame = np.array([capsule.frame for capsule in capsules], dtype=int)
        ends = np.stack([capsule.ends for capsule in capsules])  # (C, 2, 3)
        self._ends = np.concatenate([ends, np.ones((*ends.shape[:2], 1))], axis=2).transpose(0, 2, 1)  # (C, 4, 2)

    def at(self, frames: Array) -> Array:
        """(C, 2, 3) in m in the base frame; frames (n + 1, 4, 4)."""
        return (frames[self._frame, :3] @ self._ends).transpose(0, 2, 1)


def between(capsules: Sequence[Capsule], first: Indices, second: Indices, joints: int) -> Array:
    """(P, n): 1 for the joints that move the second capsule of a pair but not the first, otherwise 0; first, second (P,): indices."""
    frame = np.array([capsule.frame for capsule in capsules], dtype=int)
    joint = np.arange(1, joints + 1)
    return 1.0 * ((frame[first, None] < joint) & (joint <= frame[second, None]))


def rates(normal: Array, point: Array, lines: Axes) -> Array:
    """The velocity of points (m, 3) along directions (m, 3) per unit of each joint's velocity, (m, n): n · (z × p − moment)."""
    return cross(point, normal) @ lines.z.T - normal @ lines.moment.T


def _cross_axes(normal: Array, length: Array, u: Array, v: Array) -> None:
    """Makes `normal` unit vectors where some axes cross: there the normal of both axes, or upwards if these are parallel, too."""
    crossing = length < CROSSING
    both = cross(u, v)
    both[np.linalg.norm(both, axis=1) < CROSSING] = [0.0, 0.0, 1.0]
    normal[crossing] = both[crossing]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
