"""A robot as capsules: the collision bodies of its URDF, each in the frame of the joint that carries it.

A capsule is a line segment with a radius: all points that are no further from the segment. A cylinder becomes the capsule around it,
a sphere one of length zero, a box the smallest capsule along one of its edges that encloses it. What lies within another capsule
of the same link is dropped. Joints that are not commanded (the fingers) are held anywhere within their limits: what they slide is
replaced by the capsule around all places where it can be.

Frame k is the one in which joint k turns about z, k = 1 … n in the order of the robot's joints, as in core.kinematics.Chain; frame 0
is the robot's base. Links that are fixed to each other share a frame.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.kinematics import Chain
from robot_learning.core.rotations import transform
from robot_learning.core.types import Array
from robot_learning.core.urdf import Joint, Urdf, read_urdf
from robot_learning.core.urdf_bodies import Body, read_bodies
from robot_learning.robots.description import Robot
from robot_learning.safety.cell import Cell
from robot_learning.safety.frames import transform_of

ROUNDING = 1e-9  # m, by which a body may stick out of another and still count as within it


class Capsule(NamedTuple):
    """Where it is and what it belongs to."""

    link: str
    frame: int  # how many of the robot's joints move it
    ends: Array  # (2, 3), m, in that frame; equal for a sphere
    radius: float  # m


def read_capsules(path: Path, robot: Robot) -> tuple[Capsule, ...]:
    """The capsules of all links with collision bodies, in the file's order; UsageError names a link that cannot have one."""
    urdf = read_urdf(path)
    bodies = read_bodies(path)
    where = {link: _places(urdf, robot, link) for link in dict.fromkeys(body.link for body in bodies)}
    capsules: list[Capsule] = []
    for body in bodies:
        frame, places = where[body.link]
        points, radius = _hull(body)
        ends = np.stack([points @ place[:3, :3].T + place[:3, 3] for place in places])  # (places, points, 3)
        if len(places) == 1 and len(points) <= 2:
            capsules.append(Capsule(body.link, frame, np.stack([ends[0, 0], ends[0, -1]]), radius))
        else:
            axes = (places[0] @ body.pose)[:3, :3]
            capsules.append(Capsule(body.link, frame, *enclosing(ends.reshape(-1, 3), axes, radius)))
    return tuple(_without_inner(capsules))


def held_capsule(chain: Chain, cell: Cell) -> Capsule:
    """The rod that the cell has in the robot's hand, as the capsule around it."""
    tool = transform_of(chain.fixed[-1])
    ends = tool[:3, 3] + np.outer([0.0, cell.held_length], tool[:3, 2])
    return Capsule("held tool", len(chain.joints), ends, cell.held_radius)


def enclosing(points: Array, axes: Array, radius: float) -> tuple[Array, float]:
    """Ends (2, 3) and radius of the smallest capsule along one of the columns of `axes` (3, 3) around balls at `points` (m, 3)."""
    best: tuple[float, Array, float] | None = None
    for axis in axes.T:
        along = points @ axis
        across = points - np.outer(along, axis)
        middle = (across.min(axis=0) + across.max(axis=0)) / 2.0
        middle -= axis * (middle @ axis)
        r = float(np.linalg.norm(across - middle, axis=1).max()) + radius
        volume = r * r * (along.max() - along.min() + 4.0 / 3.0 * r)
        if best is None or volume < best[0]:
            best = volume, middle + np.outer([along.min(), along.max()], axis), r
    assert best is not None
    return best[1], best[2]


def _hull(body: Body) -> tuple[Array, float]:
    """Points (m, 3) in the link's frame and the radius of the balls at them whose convex hull is, or encloses, the body."""
    if body.kind == "box":
        corners = np.stack(np.meshgrid(*([-0.5, 0.5],) * 3), axis=-1).reshape(-1, 3)
        points, radius = corners * body.size, 0.0
    elif body.kind == "cylinder":
        points, radius = np.outer([-0.5, 0.5], [0.0, 0.0, body.size[1]]), float(body.size[0])
    else:
        points, radius = np.zeros((1, 3)), float(body.size[0])
    return points @ body.pose[:3, :3].T + body.pose[:3, 3], radius


def _places(urdf: Urdf, robot: Robot, link: str) -> tuple[int, list[Array]]:
    """The frame that carries a link, and the link's poses (4, 4) in it: one, or those at the ends of what uncommanded joints slide."""
    path = _path(urdf, robot, link)
    frame = sum(joint.name in robot.joints for joint in path)
    loose = next((i for i, joint in enumerate(path) if joint.kind != "fixed" and joint.name not in robot.joints), len(path))
    carrier = path[loose].parent if loose < len(path) else link
    chain = Chain.from_urdf(urdf.path, robot.base_link, carrier, robot.joints[:frame])
    places = [transform_of(chain.fixed[-1])]
    for joint in path[loose:]:
        places = [place @ pose for place in places for pose in _extremes(joint, f"{urdf.path}: link {link!r}")]
    return frame, places


def _path(urdf: Urdf, robot: Robot, link: str) -> list[Joint]:
    above = {joint.child: joint for joint in urdf.joints.values()}
    path: list[Joint] = []
    upwards = link
    while upwards != robot.base_link:
        if upwards not in above:
            raise UsageError(f"{urdf.path}: link {link!r} has collision bodies, but does not hang on {robot.base_link!r}")
        path.insert(0, above[upwards])
        upwards = path[0].parent
    return path


def _extremes(joint: Joint, where: str) -> list[Array]:
    """The poses (4, 4) of the child in the parent at both ends of an uncommanded joint; of a fixed one its only pose."""
    if joint.kind == "fixed":
        return [joint.origin]
    if joint.kind != "prismatic" or not np.isfinite(joint.upper - joint.lower):
        raise UsageError(f"{where}: joint {joint.name!r} is {joint.kind} and not commanded; it must be fixed, or slide within limits")
    return [joint.origin @ transform(np.eye(3), joint.axis * position) for position in (joint.lower, joint.upper)]


def _without_inner(capsules: list[Capsule]) -> list[Capsule]:
    """Those that are not within another one of the same link; of two equal ones the first."""
    return [
        capsule
        for i, capsule in enumerate(capsules)
        if not any(
            _within(capsule, other) and (j < i or not _within(other, capsule))
            for j, other in enumerate(capsules)
            if j != i and other.link == capsule.link
        )
    ]


def _within(inner: Capsule, outer: Capsule) -> bool:
    """A capsule is convex: it holds another one if it holds the balls at its ends."""
    start, direction = outer.ends[0], outer.ends[1] - outer.ends[0]
    share = (inner.ends - start) @ direction / max(direction @ direction, 1e-300)
    nearest = start + np.clip(share, 0.0, 1.0)[:, None] * direction
    reach = np.linalg.norm(inner.ends - nearest, axis=1) + inner.radius
    return bool(np.all(reach <= outer.radius + ROUNDING))
