"""How much space is left before parts of a robot meet each other or leave their cell, and how it changes with the joints.

Everything that is kept apart is a unit: two capsules of the robot, or a capsule and a wall of the cell. A unit has a unit vector n from
the first to the second of them, and two rows, one for each end b of the second one's axis:

    h = n · b − max n · a − radii − margin,     ḣ = G q̇  with n fixed to the first one.

The smaller h of the two rows is the distance between the two minus the margin. (A plane across n separates them at that distance,
for n joins their closest points.) Two rows with a plane that stays are better than one with the closest points: these jump along
nearly parallel axes, but the ends b move on smooth paths whose curvature is known. Whatever the joints do for a time dt,

    h(q + q̇ dt) ≥ h(q) + G q̇ dt − ½ dt² Σ ρ_max(i,j) |q̇_i q̇_j|

over the joints between the two, with ρ_j (`reach`) a bound on the distance of b from the axis of joint j. The true distance minus the
margin is at least the smaller of the right sides.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array
from robot_learning.robots.description import Robot
from robot_learning.safety.capsules import Capsule, held_capsule, read_capsules
from robot_learning.safety.cell import Cell, SelfCollision
from robot_learning.safety.frames import Frames, axes
from robot_learning.safety.self_distance import Indices, Points, SelfDistance, between, rates

BEYOND_SHOULDER = 2  # the first frame that the floor is for
AXES = "xyz"


class Around(NamedTuple):
    """All units in one configuration."""

    frames: Array  # (n + 1, 4, 4)
    ends: Array  # (C, 2, 3), m
    normal: Array  # (U, 3)
    room: Array  # (U,), m: the smaller h of each unit


class Wall(NamedTuple):
    """A plane of the cell and the capsule that stays beyond it."""

    name: str
    capsule: Capsule
    normal: Array  # (3,)
    place: Array  # (3,), m, a point on the plane


class Barrier:
    """All units of one robot in one cell. `names` (U,): what is kept apart; `between` (U, n): 1 for the joints that count.

    `deceleration` in m/s²: the cell's.
    """

    def __init__(self, urdf: Path, robot: Robot, chain: Chain, cell: Cell, self_collision: SelfCollision) -> None:
        """UsageError names a link of the URDF that cannot become capsules."""
        solid = [*read_capsules(urdf, robot), *([held_capsule(chain, cell)] if cell.held_radius > 0.0 else [])]
        self._pairs = SelfDistance(chain, solid, {frozenset(pair) for pair in self_collision.exempt})
        walls = _walls(cell, chain, solid)
        capsules = [*solid, *(wall.capsule for wall in walls), *(_point(wall.place) for wall in walls)]
        count = np.arange(len(walls))
        self._first = np.concatenate([self._pairs.first, len(solid) + len(walls) + count])
        self._second = np.concatenate([self._pairs.second, len(solid) + count])
        self._walls: Array = np.array([wall.normal for wall in walls]).reshape(-1, 3)
        radius = np.array([capsule.radius for capsule in capsules])
        margin = np.repeat([self_collision.margin, cell.margin], [len(self._pairs.first), len(walls)])
        self._offset = radius[self._first] + radius[self._second] + margin
        self._margin, self.deceleration = self_collision.margin, cell.deceleration
        self._wall_offset = np.array([wall.normal @ wall.place for wall in walls]) + self._offset[len(self._pairs.first) :]
        self._frames, self._points = Frames(chain), Points(capsules)
        self.names = (*(" and ".join(pair) for pair in self._pairs.names), *(wall.name for wall in walls))
        self.between = between(capsules, self._first, self._second, len(chain.joints))
        reach = np.array([[self._frames.reach(capsule.frame, end) for end in capsule.ends] for capsule in capsules])
        self.reach: Array = reach.max(axis=1)[self._second] * self.between  # (U, n), m: no row of G is larger, joint by joint

    def constraints(self, positions: Array) -> tuple[Array, Array]:
        """The room h (2 U,) in m and its slope G (2 U, n) in m/rad, two rows for each unit, at positions (n,) in rad; h >= 0 is allowed."""
        return self.rows(self.around(positions), np.arange(len(self.names)))

    def around(self, positions: Array) -> Around:
        """How close all units are; positions (n,) in rad."""
        frames = self._frames.at(positions)
        ends = self._points.at(frames)
        gaps = self._pairs.gaps(ends)
        pairs = len(self._pairs.first)
        above = np.einsum("wij,wj->wi", ends[self._second[pairs:]], self._walls).min(axis=1, initial=np.inf)
        room = np.concatenate([gaps.distance - self._margin, above - self._wall_offset])
        return Around(frames, ends, np.concatenate([gaps.normal, self._walls]), room)

    def rows(self, around: Around, units: Indices) -> tuple[Array, Array]:
        """The room h (2 u,) and its slope G (2 u, n) of some units, given by their indices (u,)."""
        normal = np.repeat(around.normal[units], 2, axis=0)
        ends = around.ends[self._second[units]].reshape(-1, 3)
        first = around.ends[self._first[units]] @ around.normal[units][:, :, None]
        h = np.einsum("ij,ij->i", ends, normal) - np.repeat(first.max(axis=(1, 2), initial=-np.inf) + self._offset[units], 2)
        return h, rates(normal, ends, axes(around.frames)) * np.repeat(self.between[units], 2, axis=0)


def _walls(cell: Cell, chain: Chain, solid: list[Capsule]) -> list[Wall]:
    walls = []
    if cell.floor is not None:
        up = np.array([0.0, 0.0, 1.0])
        walls += [Wall(f"floor and {capsule.link}", capsule, up, up * cell.floor) for capsule in solid if capsule.frame >= BEYOND_SHOULDER]
    tool = held_capsule(chain, cell)._replace(radius=0.0)
    for side, bounds, sign in (("lower", cell.tool_lower, 1.0), ("upper", cell.tool_upper, -1.0)):
        for axis, bound, direction in zip(AXES, bounds or (), np.eye(3), strict=False):
            walls.append(Wall(f"tool_{side} {axis}", tool, sign * direction, bound * direction))
    return walls


def _point(place: Array) -> Capsule:
    return Capsule("cell", 0, np.stack([place, place]), 0.0)
