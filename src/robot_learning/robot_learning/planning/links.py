"""Where a robot's links are on its chain, and which of them may touch.

Frame 0 is the base, frame i > 0 moves with joint i of the chain, whose axis is its z axis.
"""

from itertools import combinations

import numpy as np

from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array
from robot_learning.core.urdf import Urdf

MEETING = 1e-6  # m, between two axes that meet


def allowed_pairs(urdf: Urdf, chain: Chain) -> set[frozenset[str]]:
    """Links that may touch: those of one moving frame, neighbours at a joint, and the outer two of three whose joints' axes meet.

    Where two axes meet, in a shoulder or wrist, the shapes of the outer links share the surroundings of that point.
    """
    at = link_frames(urdf, chain)
    allowed = {frozenset(pair) for pair in combinations(at, 2) if at[pair[0]] == at[pair[1]]}
    parents, children = [urdf.joints[name].parent for name in chain.joints], [urdf.joints[name].child for name in chain.joints]
    allowed |= {frozenset(pair) for pair in zip(parents, children, strict=True)}
    for index, between in enumerate(chain.fixed[1:-1]):
        F = np.reshape(between, (3, 4))
        if _from_z_axis(F[:, 3], F[:, 2]) < MEETING:
            allowed.add(frozenset((parents[index], children[index + 1])))
    return allowed


def link_frames(urdf: Urdf, chain: Chain) -> dict[str, int]:
    """For each link the frame that moves it."""
    above = {joint.child: joint for joint in urdf.joints.values()}

    def frame(link: str) -> int:
        if link not in above:
            return 0
        joint = above[link]
        return chain.joints.index(joint.name) + 1 if joint.name in chain.joints else frame(joint.parent)

    return {link: frame(link) for link in urdf.links}


def _from_z_axis(point: Array, direction: Array) -> float:
    """Distance of the line through `point` along `direction` (3,) from the z axis, m."""
    normal = np.array([-direction[1], direction[0], 0.0])
    length = float(np.linalg.norm(normal))
    if length < 1e-9:  # parallel
        return float(np.hypot(point[0], point[1]))
    return abs(float(np.dot(point, normal))) / length
