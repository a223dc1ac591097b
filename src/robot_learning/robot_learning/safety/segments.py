"""The closest points of line segments, for many pairs at once.

The squared distance of x(s) = a + s u and y(t) = b + t v is a convex quadratic in (s, t) on the unit square. Best s without bounds,
clamped; best t for it, clamped; best s for that t, clamped: this reaches the minimum (C. Ericson, Real-Time Collision Detection,
5.1.9). With parallel segments any first s does. A segment of length zero has u = 0, and its s does not matter.
"""

import numpy as np

from robot_learning.core.types import Array

PARALLEL = 1e-14  # relative to the product of the squared lengths
TINY = 1e-300


def closest(a: Array, u: Array, b: Array, v: Array) -> tuple[Array, Array]:
    """The shares s and t (…) in [0, 1] of the closest points a + s u and b + t v; all arguments (…, 3), m."""
    r = b - a
    uu, vv, uv = _dot(u, u), _dot(v, v), _dot(u, v)
    return closest_shares(uu, vv, uv, _dot(u, r), _dot(v, r))


def closest_shares(uu: Array, vv: Array, uv: Array, ur: Array, vr: Array) -> tuple[Array, Array]:
    """The same from the dot products of u, v and r = b − a."""
    uu, vv = np.maximum(uu, TINY), np.maximum(vv, TINY)
    area = uu * vv
    determinant = area - uv * uv  # the squared area that u and v span
    crossing = determinant > PARALLEL * area
    s = np.where(crossing, (ur * vv - uv * vr) / np.where(crossing, determinant, 1.0), 0.0)
    t = _clamped((_clamped(s) * uv - vr) / vv)
    return _clamped((t * uv + ur) / uu), t


def _clamped(share: Array) -> Array:
    return np.minimum(np.maximum(share, 0.0), 1.0)


def _dot(x: Array, y: Array) -> Array:
    return np.einsum("...i,...i->...", x, y)
