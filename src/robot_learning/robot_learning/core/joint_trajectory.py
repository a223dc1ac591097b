"""What joint_trajectory_controller of ros2_controllers does with the messages on its topic.

All joints are required, in any order; times rise strictly; positions are mandatory; velocities of the last point are zero or
absent; stamp 0 means now. A new trajectory replaces the old one and starts at the measured state. Between two points with
velocities the motion is a cubic Hermite spline, otherwise a straight line; after the last point the robot holds.
"""

from bisect import bisect_right
from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

Values = tuple[float, ...]

LAST_VELOCITY = 1e-6  # rad/s, above which the last point counts as moving
STREAM_PERIODS = 2.0  # a streamed single point lies so many periods ahead: the motion does not stop between two points


class Point(NamedTuple):
    """One point of a trajectory message."""

    time_ns: int  # from the trajectory's start
    positions: Sequence[float]  # (n,), rad, in the order of the message's names
    velocities: Sequence[float] = ()  # (n,), rad/s, or empty


class InvalidTrajectory(ValueError):
    """The message would be dropped by the robot; the text says why."""


class JointTrajectory:
    """A valid trajectory, from the measured state at its arrival to its last point."""

    def __init__(self, times_ns: list[int], positions: list[Values], velocities: list[Values | None]) -> None:
        """Knots at rising absolute times; None where a point has no velocities."""
        self.times_ns = times_ns
        self.positions = positions
        self.velocities = velocities
        self._still = (0.0,) * len(positions[0])

    def sample(self, now_ns: int) -> tuple[Values, Values]:
        """Positions [rad] and velocities [rad/s] that the robot should have now."""
        end = bisect_right(self.times_ns, now_ns)
        if end == len(self.times_ns):
            return self.positions[-1], self._still
        if end == 0:
            return self.positions[0], self._still
        span = (self.times_ns[end] - self.times_ns[end - 1]) * 1e-9
        s = (now_ns - self.times_ns[end - 1]) * 1e-9 / span
        p0, p1 = self.positions[end - 1], self.positions[end]
        v0, v1 = self.velocities[end - 1], self.velocities[end]
        if v0 is None or v1 is None:
            return tuple([a + s * (b - a) for a, b in zip(p0, p1, strict=True)]), tuple(
                [(b - a) / span for a, b in zip(p0, p1, strict=True)]
            )
        return _hermite(s, span, p0, p1, v0, v1)


def _hermite(s: float, span: float, p0: Values, p1: Values, v0: Values, v1: Values) -> tuple[Values, Values]:
    h01 = s * s * (3.0 - 2.0 * s)
    h00, h10, h11 = 1.0 - h01, span * s * (1.0 - s) ** 2, span * s * s * (s - 1.0)
    g01, g10, g11 = 6.0 * s * (1.0 - s) / span, (1.0 - s) * (1.0 - 3.0 * s), s * (3.0 * s - 2.0)
    positions = tuple([h00 * a + h01 * b + h10 * va + h11 * vb for a, b, va, vb in zip(p0, p1, v0, v1, strict=True)])
    return positions, tuple([g01 * (b - a) + g10 * va + g11 * vb for a, b, va, vb in zip(p0, p1, v0, v1, strict=True)])


def accept(
    names: Sequence[str],
    points: Sequence[Point],
    start_ns: int | None,
    joints: Sequence[str],
    now_ns: int,
    measured: tuple[Sequence[float], Sequence[float]],
) -> JointTrajectory:
    """The trajectory that a message stands for, in the order of `joints`, from the `measured` positions and velocities at `now_ns`.

    `start_ns` is the message's stamp on the clock of `now_ns`; None (stamp 0) starts now.

    Raises:
        InvalidTrajectory: the message breaks one of the rules.
    """
    order = _order(names, joints)
    _check_times(points, start_ns, now_ns)
    start_ns = now_ns if start_ns is None else start_ns
    _check_points(points, len(joints))
    times = [start_ns + point.time_ns for point in points]
    positions = [tuple([float(point.positions[i]) for i in order]) for point in points]
    velocities = [tuple([float(point.velocities[i]) for i in order]) if len(point.velocities) else None for point in points]
    if times[0] > now_ns:  # the measured state only matters before the first point
        times.insert(0, now_ns)
        positions.insert(0, tuple(map(float, measured[0])))
        velocities.insert(0, tuple(map(float, measured[1])))
    return JointTrajectory(times, positions, velocities)


def _order(names: Sequence[str], joints: Sequence[str]) -> list[int]:
    if len(names) != len(joints) or set(names) != set(joints):
        missing = sorted(set(joints) - set(names))
        strange = sorted(set(names) - set(joints))
        raise InvalidTrajectory(
            f"joint names do not match: missing {missing}, unknown {strange}, {len(names)} names for {len(joints)} joints"
        )
    return [list(names).index(joint) for joint in joints]


def _check_times(points: Sequence[Point], start_ns: int | None, now_ns: int) -> None:
    if not points:
        raise InvalidTrajectory("no points")
    if points[0].time_ns < 0:
        raise InvalidTrajectory("time_from_start of point 0 is negative")
    for index in range(1, len(points)):
        if points[index].time_ns <= points[index - 1].time_ns:
            raise InvalidTrajectory(f"time_from_start of point {index} is not after that of point {index - 1}")
    if start_ns is not None and start_ns + points[-1].time_ns < now_ns:
        raise InvalidTrajectory("the trajectory ends in the past")


def _check_points(points: Sequence[Point], n: int) -> None:
    for index, point in enumerate(points):
        if len(point.positions) != n:
            raise InvalidTrajectory(f"point {index} has {len(point.positions)} positions for {n} joints")
        if len(point.velocities) not in (0, n):
            raise InvalidTrajectory(f"point {index} has {len(point.velocities)} velocities for {n} joints")
        if not all(map(isfinite, point.positions)) or not all(map(isfinite, point.velocities)):
            raise InvalidTrajectory(f"point {index} is not finite")
    if any(abs(v) > LAST_VELOCITY for v in points[-1].velocities):
        raise InvalidTrajectory("velocities of the last point are not zero")


def streamed(positions: Sequence[float], period_s: float) -> tuple[Point, ...]:
    """The one-point trajectory by which a controller of that period streams a target."""
    return (Point(round(STREAM_PERIODS * period_s * 1e9), positions),)
