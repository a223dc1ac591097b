"""Joint positions for a pose of the tool, within the joints' limits: damped least squares (Wampler 1986) from several starts.

Steps are clipped to the limits, so a search slides along a limit instead of leaving it.
"""

from collections.abc import Iterator

import numpy as np

from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array
from robot_learning.robots.description import Limits

TOLERANCE = 1e-7  # m and rad
STEPS = 100
LONGEST = 0.3  # rad, of a step
DAMPING = 1e-6


def solutions(chain: Chain, limits: Limits, pose: Array, near: Array, rng: np.random.Generator, starts: int = 20) -> Iterator[Array]:
    """Joint positions (n,) in rad that put the tool at `pose` (4, 4), the one found from `near` (n,) first; there may be none.

    Of joints that can turn more than once, the turn nearest to `near` is taken.
    """
    lower, upper = np.array(limits.position_lower), np.array(limits.position_upper)
    for attempt in range(starts):
        found = solve(chain, lower, upper, pose, near if attempt == 0 else rng.uniform(lower, upper))
        if found is not None:
            turned = found + 2.0 * np.pi * np.round((near - found) / (2.0 * np.pi))
            yield np.where((turned >= lower) & (turned <= upper), turned, found)


def solve(chain: Chain, lower: Array, upper: Array, pose: Array, start: Array) -> Array | None:
    """Joint positions (n,) in rad, within lower and upper, that put the tool at `pose`; None if the search from `start` ends elsewhere."""
    q = np.clip(start, lower, upper)
    for _ in range(STEPS):
        at, J = chain.pose_and_jacobian(q)
        error = np.concatenate([pose[:3, 3] - at[:3, 3], rotation_vector(pose[:3, :3] @ at[:3, :3].T)])
        if np.max(np.abs(error)) < TOLERANCE:
            return q
        step = J.T @ np.linalg.solve(J @ J.T + DAMPING * np.eye(6), error)
        q = np.clip(q + step * min(1.0, LONGEST / max(float(np.max(np.abs(step))), 1e-12)), lower, upper)
    return None


def rotation_vector(R: Array) -> Array:
    """Axis times angle (3,), rad, of a rotation (3, 3); at an angle of π, one of the two."""
    vector = 0.5 * np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    sine, cosine = float(np.linalg.norm(vector)), 0.5 * (float(np.trace(R)) - 1.0)
    if sine > 1e-6:
        return np.asarray(vector * (np.arctan2(sine, cosine) / sine))
    if cosine > 0.0:
        return vector
    column = (R + np.eye(3))[:, int(np.argmax(np.diag(R)))]  # R + 1 = 2 a aᵀ
    return np.asarray(np.pi * column / np.linalg.norm(column))
