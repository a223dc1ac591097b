"""What of a robot can collide: its URDF's collision shapes as capsules, each fixed to one of the moving frames.

Spheres, and cylinders with spheres at their ends, are capsules themselves; boxes and cylinders with flat ends lie within theirs.
Frame 0 is the base, frame i > 0 moves with joint i of the chain, whose axis is its z axis.
"""

from itertools import combinations
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.kinematics import Chain
from robot_learning.core.rotations import from_rpy, transform
from robot_learning.core.types import Array
from robot_learning.core.urdf import Urdf

MEETING = 1e-6  # m, between two axes that meet


class Capsule(NamedTuple):
    """All points within `radius` of the line from `start` to `end`."""

    link: str
    frame: int
    start: Array  # (3,), m, in the frame
    end: Array
    radius: float

    def holds(self, other: "Capsule") -> bool:
        """Whether the other one, in the same frame, lies within this one."""
        return all(self._distance(point) + other.radius <= self.radius + 1e-9 for point in (other.start, other.end))

    def _distance(self, point: Array) -> float:
        along = self.end - self.start
        share = np.clip(np.dot(point - self.start, along) / max(float(np.dot(along, along)), 1e-12), 0.0, 1.0)
        return float(np.linalg.norm(point - self.start - share * along))


def capsules(text: str, urdf: Urdf, chain: Chain) -> list[Capsule]:
    """Of all links in the URDF `text`, which `urdf` is the tree of; UsageError names a shape that cannot be used."""
    at = link_frames(urdf, chain)
    found: list[Capsule] = []
    for link in ElementTree.fromstring(text).findall("link"):
        name = link.get("name", "")
        if name in at:
            own = [_capsule(shape, name, *at[name]) for shape in link.findall("collision")]
            own.sort(key=lambda one: -float(np.linalg.norm(one.end - one.start)) - one.radius)
            found += [one for index, one in enumerate(own) if not any(other.holds(one) for other in own[:index])]
    return found


def allowed_pairs(urdf: Urdf, chain: Chain) -> set[frozenset[str]]:
    """Links that may touch: those of one moving frame, neighbours at a joint, and the outer two of three whose joints' axes meet.

    Where two axes meet, in a shoulder or wrist, the shapes of the outer links share the surroundings of that point.
    """
    at = link_frames(urdf, chain)
    allowed = {frozenset(pair) for pair in combinations(at, 2) if at[pair[0]][0] == at[pair[1]][0]}
    parents, children = [urdf.joints[name].parent for name in chain.joints], [urdf.joints[name].child for name in chain.joints]
    allowed |= {frozenset(pair) for pair in zip(parents, children, strict=True)}
    for index, between in enumerate(chain.fixed[1:-1]):
        F = np.reshape(between, (3, 4))
        if _from_z_axis(F[:, 3], F[:, 2]) < MEETING:
            allowed.add(frozenset((parents[index], children[index + 1])))
    return allowed


def link_frames(urdf: Urdf, chain: Chain) -> dict[str, tuple[int, Array]]:
    """For each link its moving frame, and its pose (4, 4) in it, m."""
    zero: list[Array] = [np.eye(4)]
    for F in chain.fixed[:-1]:
        zero.append(zero[-1] @ np.vstack([np.reshape(F, (3, 4)), [0.0, 0.0, 0.0, 1.0]]))
    children: dict[str, list[str]] = {}
    for joint in urdf.joints.values():
        children.setdefault(joint.parent, []).append(joint.name)
    (root,) = set(urdf.links) - {joint.child for joint in urdf.joints.values()}
    poses: dict[str, Array] = {root: np.eye(4)}
    found: dict[str, tuple[int, Array]] = {root: (0, np.eye(4))}
    waiting = [root]
    while waiting:
        link = waiting.pop()
        for name in children.get(link, ()):
            joint = urdf.joints[name]
            frame = chain.joints.index(name) + 1 if name in chain.joints else found[link][0]
            poses[joint.child] = poses[link] @ joint.origin
            found[joint.child] = frame, np.linalg.inv(zero[frame]) @ poses[joint.child]
            waiting.append(joint.child)
    return found


def _capsule(shape: ElementTree.Element, link: str, frame: int, pose: Array) -> Capsule:
    origin = shape.find("origin")
    xyz, rpy = (np.array([float(part) for part in _text(origin, field, "0 0 0").split()]) for field in ("xyz", "rpy"))
    at = pose @ transform(from_rpy(rpy), xyz)
    kind = next((child for child in shape.iterfind("geometry/*")), None)
    tag = "" if kind is None else kind.tag
    if tag == "sphere":
        half, radius = np.zeros(3), float(_text(kind, "radius"))
    elif tag == "cylinder":
        half, radius = np.array([0.0, 0.0, float(_text(kind, "length")) / 2.0]), float(_text(kind, "radius"))
    elif tag == "box":
        size = np.array([float(part) for part in _text(kind, "size").split()])
        longest = int(np.argmax(size))
        half, radius = np.eye(3)[longest] * size[longest] / 2.0, float(np.linalg.norm(np.delete(size, longest))) / 2.0
    else:
        raise UsageError(f"link {link!r}: collision shape {tag or 'missing'}: a sphere, cylinder or box is expected for planning")
    ends = (at[:3, 3] - at[:3, :3] @ half, at[:3, 3] + at[:3, :3] @ half)
    return Capsule(link, frame, *ends, radius)


def _text(element: ElementTree.Element | None, field: str, default: str = "") -> str:
    return default if element is None else element.get(field, default)


def _from_z_axis(point: Array, direction: Array) -> float:
    """Distance of the line through `point` along `direction` (3,) from the z axis, m."""
    normal = np.array([-direction[1], direction[0], 0.0])
    length = float(np.linalg.norm(normal))
    if length < 1e-9:  # parallel
        return float(np.hypot(point[0], point[1]))
    return abs(float(np.dot(point, normal))) / length
