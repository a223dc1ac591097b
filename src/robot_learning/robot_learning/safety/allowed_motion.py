"""The motion nearest to a wanted one that is allowed near several obstacles.

A motion is x = q̇ / v, with v the joints' velocity limits. Each row allows the x with

    a · x ≥ −approach     and     room + dt a · x ≥ bend |x|²     (x without the joints that do not count for the row):

the first bounds the speed of the approach, the second is what is left of the room after dt, with the worst that the curvature of the
path can do. Together they are a half-space and a ball around a point on the row's own axis, so the nearest allowed point is known in
closed form. Both are convex and hold 0. So does what all rows allow, so its point nearest to x is never longer than x.
"""

from math import hypot, inf, sqrt
from typing import NamedTuple

import numpy as np

from robot_learning.core.types import Array

PASSES = 12  # so many rows are looked at, at most, and projected on 78 times in all; what that leaves is scaled away
EXACT = 1e-12  # rounding: in m/s for the approach, in m for the room, without unit for the motion


class Rows(NamedTuple):
    """What m rows allow."""

    gradient: Array  # (m, n), a [m/s], 0 for the joints that do not count
    approach: Array  # (m,), m/s, 0 or more
    room: Array  # (m,), m, 0 or more
    bend: Array  # (m,), m, above 0
    counts: Array  # (m, n), 1 for the joints that count, otherwise 0
    dt: float  # s


class _Set(NamedTuple):
    """What one row allows, in the plane of `axis` and what is across it: u >= least, and (u, w) in a disc around (center, 0)."""

    axis: Array  # (n,), length 1, or 0 if the row's gradient is 0
    counts: Array  # (n,)
    least: float
    center: float
    power: float  # radius² − center²


def nearest(rows: Rows, wanted: Array) -> Array:
    """`wanted` (n,) itself if it is allowed, otherwise an allowed motion near it that is not longer.

    With one row that matters it is the nearest one. With several it is what Dykstra's alternating projections come to in PASSES,
    scaled by the largest factor that all rows allow.
    """
    x = before = wanted
    sets: dict[int, _Set] = {}
    corrections: dict[int, Array] = {}
    for _ in range(PASSES):
        excess = excesses(rows, x)
        worst = int(excess.argmax())
        if excess[worst] <= 0.0 and np.abs(x - before).max() <= EXACT:
            break
        if worst not in sets and excess[worst] > 0.0:
            sets[worst], corrections[worst] = _set(rows, worst), np.zeros_like(x)
        before = x
        for row, allowed in sets.items():
            moved = x + corrections[row]
            x = _projected(allowed, moved)
            corrections[row] = moved - x
    return x if x is wanted else x * _factor(rows, x, float(wanted @ wanted))


def excesses(rows: Rows, x: Array) -> Array:
    """By how much (m,) each row does not allow x (n,), in m/s; 0 or less: it does."""
    along = rows.gradient @ x
    left = rows.room + rows.dt * along - rows.bend * (rows.counts @ (x * x))
    return np.maximum(-rows.approach - along, -left / rows.dt) - EXACT


def _set(rows: Rows, row: int) -> _Set:
    a, bend = rows.gradient[row], float(rows.bend[row])
    size = sqrt(a @ a)
    least = -float(rows.approach[row]) / size if size > 0.0 else -inf
    return _Set(a / (size or 1.0), rows.counts[row], least, 0.5 * rows.dt * size / bend, float(rows.room[row]) / bend)


def _projected(allowed: _Set, x: Array) -> Array:
    """The point of a set nearest to x (n,)."""
    along = float(allowed.axis @ x)
    across = allowed.counts * x - along * allowed.axis
    width = sqrt(across @ across)
    u, w = _in_plane(allowed, along, width)
    return x + (u - along) * allowed.axis + (w / width - 1.0 if width > 0.0 else 0.0) * across


def _in_plane(allowed: _Set, u: float, w: float) -> tuple[float, float]:
    """The half-space's nearest point if it is in the disc, the disc's if it is in the half-space, otherwise the corner of both."""
    least, center = allowed.least, allowed.center
    radius = sqrt(center * center + allowed.power)
    first = max(u, least)
    if hypot(first - center, w) <= radius:
        return first, w
    shrunk = radius / hypot(u - center, w)
    if center + (u - center) * shrunk >= least:
        return center + (u - center) * shrunk, w * shrunk
    return least, sqrt(max(allowed.power + (2.0 * center - least) * least, 0.0))


def _factor(rows: Rows, x: Array, longest: float) -> float:
    """The largest factor up to 1 with which all rows allow x, and its squared length is at most `longest`."""
    along = rows.gradient @ x
    bent = rows.bend * (rows.counts @ (x * x))
    fast = along < -rows.approach - EXACT
    factor = np.min(rows.approach[fast] / -along[fast], initial=1.0)
    far = rows.room + rows.dt * along < bent - rows.dt * EXACT
    half, room, bent = 0.5 * rows.dt * along[far], rows.room[far], bent[far]
    factor = np.min((half + np.sqrt(half * half + bent * room)) / bent, initial=factor)
    squared = float(x @ x)
    return min(float(factor), sqrt(longest / squared)) if squared > longest else float(factor)
