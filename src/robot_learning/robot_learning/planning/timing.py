"""When to be where on a path of straight lines in joint space, within a robot's limits, by Ruckig (Berscheid and Kröger 2021).

A line from a to b is q(t) = a + s(t) (b − a) with one scalar s from 0 to 1, so the motion cannot leave the line, and a limit of a
joint is one of s: |q̇ᵢ| = |ṡ| |bᵢ − aᵢ|. Each line goes from rest to rest: that stops at corners, but keeps exactly to the path that
was checked for collisions. Between two samples it does so, too, for every interpolation that is linear in the samples (the cubic
and quintic splines of joint trajectory controllers), since corners are samples.
"""

from math import ceil

import numpy as np
from ruckig import InputParameter, Result, Ruckig, Trajectory

from robot_learning.core.errors import UsageError
from robot_learning.core.types import Array
from robot_learning.planning.planner import Motion, PlanningFailed
from robot_learning.robots.description import Limits

BELOW = 1.0 - 1e-6  # of a limit is used, so that rounding does not exceed it
SHORTEST = 1e-9  # rad, of a line that counts


def timed(path: Array, limits: Limits, velocity_scale: float = 1.0, acceleration_scale: float = 1.0, rate_hz: float = 50.0) -> Motion:
    """The fastest motion of this kind along `path` (k, n) rad, sampled at `rate_hz` or a little faster and at each corner.

    The limits of velocity are scaled by `velocity_scale`, those of acceleration and jerk by `acceleration_scale`. A path of one
    point, or of equal ones, is one sample at rest.
    """
    corners = np.asarray(path, dtype=float)
    if corners.ndim != 2 or len(corners) == 0 or not np.all(np.isfinite(corners)):
        raise UsageError(f"timing: path: shape {corners.shape}; finite numbers (k, n) are expected")
    scaled = (
        velocity_scale * BELOW * np.array(limits.velocity),
        acceleration_scale * BELOW * np.array(limits.acceleration),
        acceleration_scale * BELOW * np.array(limits.jerk),
    )
    rest: Array = np.zeros((1, corners.shape[1]))
    times: list[Array] = [np.zeros(1)]
    at, speeds, rates, began = [corners[:1]], [rest], [rest], 0.0
    for a, b in zip(corners[:-1], corners[1:], strict=True):
        if np.max(np.abs(b - a)) <= SHORTEST:
            continue
        t, s, ds, dds = _line(np.abs(b - a), scaled, rate_hz)
        along = (b - a)[None, :]
        positions = at[-1][-1:] + s * (b - at[-1][-1])[None, :]  # from where the last line ended, at most SHORTEST from a
        positions[-1] = b
        times.append(began + t)
        at.append(positions)
        speeds.append(ds * along)
        rates.append(dds * along)
        began = float(times[-1][-1])
    return Motion(*(np.concatenate(parts) for parts in (times, at, speeds, rates)))


def _line(length: Array, limits: tuple[Array, Array, Array], rate_hz: float) -> tuple[Array, Array, Array, Array]:
    """Times (m,) and s, ṡ, s̈ (m, 1) after the first sample of one line with |bᵢ − aᵢ| = `length`."""
    wanted = InputParameter(1)
    wanted.current_position, wanted.target_position = [0.0], [1.0]
    wanted.max_velocity, wanted.max_acceleration, wanted.max_jerk = ([1.0 / float(np.max(length / one))] for one in limits)
    found = Trajectory(1)
    result = Ruckig(1).calculate(wanted, found)
    if result not in (Result.Working, Result.Finished):
        raise PlanningFailed("engine", f"ruckig finds no timing ({result})")
    count = max(1, ceil(found.duration * rate_hz))
    times = np.linspace(0.0, found.duration, count + 1)[1:]
    rows = np.array([found.at_time(float(t)) for t in times])[:, :3, 0]
    rows[-1] = 1.0, 0.0, 0.0  # the corner itself, at rest
    return times, rows[:, 0:1], rows[:, 1:2], rows[:, 2:3]
