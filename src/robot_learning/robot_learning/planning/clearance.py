"""How far a robot is from itself and from what surrounds it, for many joint positions at once, and how far it can get on the way.

Robot and surroundings are capsules and boxes that enclose the real shapes, so a distance here is never above the true one. No point
of link j moves faster than Σ rₖ |q̇ₖ| over the joints k that carry it, with rₖ at least its distance from joint k's axis. Where a distance
in the middle of an interval is above what can be lost in half of it, the whole interval is free: nothing can be between two samples.
"""

from collections.abc import Sequence, Set
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array
from robot_learning.safety.capsules import Capsule
from robot_learning.safety.frames import Frames
from robot_learning.safety.segments import closest


class Box(NamedTuple):
    """A box of the surroundings, in the base frame."""

    name: str
    center: Array  # (3,), m
    rotation: Array  # (3, 3), its axes in the base frame
    half: Array  # (3,), m


class Clearance:
    """Of one robot among boxes."""

    def __init__(
        self,
        chain: Chain,
        shapes: Sequence[Capsule],
        allowed: Set[frozenset[str]],
        boxes: Sequence[Box],
        passed: Set[tuple[str, str]] = frozenset(),
    ) -> None:
        """`allowed` are pairs of links that may touch, `passed` pairs of a link and a box."""
        self._fixed = np.array([np.reshape(F, (3, 4)) for F in chain.fixed[:-1]])  # (n, 3, 4)
        self._groups = [[i for i, one in enumerate(shapes) if one.frame == frame] for frame in range(len(chain.joints) + 1)]
        self._order = np.argsort(np.concatenate(self._groups).astype(int))
        reach = _reach(chain, shapes)
        self._ends = [np.array([shapes[i].ends for i in group]).reshape(-1, 3) for group in self._groups]
        pairs = [
            (i, j)
            for i, one in enumerate(shapes)
            for j, other in enumerate(shapes)
            if one.frame < other.frame and frozenset((one.link, other.link)) not in allowed
        ]
        self._pairs = np.array(pairs, dtype=int).reshape(-1, 2).T
        radii = np.array([one.radius for one in shapes])
        self._pair_radii = radii[self._pairs[0]] + radii[self._pairs[1]]
        after = np.array([[shapes[i].frame <= k for k in range(reach.shape[1])] for i, _ in pairs]).reshape(-1, reach.shape[1])
        self._pair_reach = np.where(after, reach[self._pairs[1]], 0.0).T  # (n, p): joints between the two carry the second
        self._cover(shapes, reach)
        self._place(shapes, boxes, passed)

    def _cover(self, shapes: Sequence[Capsule], reach: Array) -> None:
        """Spheres that cover the moving capsules: what is convex against a box is simple for a point."""
        weights, owner, radii = [], [], []
        for i, one in enumerate(shapes):
            if one.frame == 0:
                continue
            length = float(np.linalg.norm(one.ends[1] - one.ends[0]))
            steps = int(np.ceil(length / one.radius))
            count = steps + 1  # both ends are centres: the round ends reach as far from there as from nowhere else
            weights += np.linspace(0.0, 1.0, count).tolist()
            owner += [i] * count
            radii += [float(np.hypot(one.radius, length / max(steps, 1) / 2.0))] * count
        self._owner, self._weight = np.array(owner, dtype=int), np.array(weights)
        self._sphere_radii = np.array(radii)
        self._sphere_reach = reach[self._owner].T  # (n, s)

    def _place(self, shapes: Sequence[Capsule], boxes: Sequence[Box], passed: Set[tuple[str, str]]) -> None:
        self._axes = np.concatenate([np.zeros((3, 0)), *(box.rotation for box in boxes)], axis=1)  # (3, 3 j)
        self._centers = np.array([box.rotation.T @ box.center for box in boxes]).reshape(-1)
        self._halves = np.array([box.half for box in boxes]).reshape(-1)
        skipped = [[(shapes[i].link, box.name) in passed for box in boxes] for i in self._owner]
        self._skipped = np.where(np.array(skipped, dtype=bool).reshape(len(self._owner), -1), np.inf, 0.0)  # (s, j)

    def distances(self, positions: Array) -> tuple[Array, Array]:
        """Lower bounds in m: of each sphere from the nearest box (b, s), and of each pair of capsules (b, p); positions (b, n) rad."""
        starts, ends = self._capsules(np.asarray(positions, dtype=float))
        return self._from_boxes(starts, ends), self._from_itself(starts, ends)

    def clear(self, positions: Array, half: Array, slack: Array) -> tuple[NDArray[np.bool_], Array]:
        """Which intervals keep away, and the least distances (b,) in their middles.

        positions: (b, n) middles, rad; half: (n,) rad, by which the joints move to either side. The first result (b, 2) says whether all
        the interval keeps slack[0] m from the surroundings, and slack[1] m from itself.
        """
        boxes, itself = self.distances(positions)
        moved = np.abs(half)
        apart = np.all(boxes >= moved @ self._sphere_reach + slack[0], axis=1)
        unfolded = np.all(itself >= moved @ self._pair_reach + slack[1], axis=1)
        return np.stack([apart, unfolded], axis=1), np.minimum(
            np.min(boxes, axis=1, initial=np.inf), np.min(itself, axis=1, initial=np.inf)
        )

    def travel(self, half: Array) -> Array:
        """How far (2,) in m any point of the robot can get, and any two of them from each other, when joints move by `half` (n,) rad."""
        moved = np.abs(half)
        return np.array([np.max(moved @ reach, initial=0.0) for reach in (self._sphere_reach, self._pair_reach)])

    def _capsules(self, q: Array) -> tuple[Array, Array]:
        """Starts and ends of all capsules in the base frame, (b, k, 3) each."""
        cos, sin = np.cos(q)[..., None], np.sin(q)[..., None]
        R, p = np.broadcast_to(np.eye(3), (len(q), 3, 3)), np.zeros((len(q), 3))
        found = [np.broadcast_to(self._ends[0], (len(q), *self._ends[0].shape))]
        for i, F in enumerate(self._fixed):
            p = p + R @ F[:, 3]
            R = R @ F[:, :3]
            x, y = R[:, :, 0], R[:, :, 1]
            R = np.stack([x * cos[:, i] + y * sin[:, i], y * cos[:, i] - x * sin[:, i], R[:, :, 2]], axis=-1)
            found.append(self._ends[i + 1] @ R.transpose(0, 2, 1) + p[:, None, :])
        both = np.concatenate(found, axis=1).reshape(len(q), -1, 2, 3)[:, self._order]
        return both[:, :, 0], both[:, :, 1]

    def _from_boxes(self, starts: Array, ends: Array) -> Array:
        centers = starts[:, self._owner] + self._weight[:, None] * (ends - starts)[:, self._owner]
        local = centers.reshape(-1, 3) @ self._axes - self._centers
        outside = np.maximum(np.abs(local) - self._halves, 0.0).reshape(len(starts), len(self._owner), -1, 3)
        away = np.sqrt(np.einsum("...i,...i->...", outside, outside)) + self._skipped
        return np.asarray(np.min(away, axis=2, initial=np.inf) - self._sphere_radii)

    def _from_itself(self, starts: Array, ends: Array) -> Array:
        first, second = self._pairs
        along = ends - starts
        a, u, b, v = starts[:, first], along[:, first], starts[:, second], along[:, second]
        s, t = closest(a, u, b, v)
        apart = b - a + t[..., None] * v - s[..., None] * u
        return np.asarray(np.sqrt(np.einsum("...i,...i->...", apart, apart)) - self._pair_radii)


def _reach(chain: Chain, shapes: Sequence[Capsule]) -> Array:
    """Upper bounds (k, n) in m of the distance of any point of capsule k from the axis of joint n; 0 where the joint does not carry it.

    The distance from an axis is convex along a capsule, so that its ends say all.
    """
    frames, joints = Frames(chain), np.arange(len(chain.joints))
    bounds = [np.max([frames.reach(one.frame, end) for end in one.ends], axis=0) for one in shapes]
    return np.array([np.where(joints < one.frame, bound + one.radius, 0.0) for bound, one in zip(bounds, shapes, strict=True)])
