"""A timed path keeps its limits and its lines, whatever the path."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robot_learning.core.errors import UsageError
from robot_learning.planning.timing import SHORTEST, timed
from robot_learning.robots.description import Limits
from robot_learning.run.robots import load_robot

LIMITS = load_robot("fr3").limits
ANGLES = st.floats(-3.0, 3.0)
PATHS = st.integers(1, 5).flatmap(lambda k: arrays(float, (k, 7), elements=ANGLES))
SCALES = st.floats(0.05, 1.0)


def scaled(limits: Limits, velocity: float, acceleration: float) -> list[np.ndarray]:
    return [velocity * np.array(limits.velocity), acceleration * np.array(limits.acceleration), acceleration * np.array(limits.jerk)]


@settings(deadline=None, max_examples=60)
@given(PATHS, SCALES, SCALES, st.floats(5.0, 200.0))
def test_no_limit_is_exceeded_and_times_increase(path, velocity, acceleration, rate):
    motion = timed(path, LIMITS, velocity, acceleration, rate)
    v, a, j = scaled(LIMITS, velocity, acceleration)
    assert np.all(np.abs(motion.velocities) <= v)
    assert np.all(np.abs(motion.accelerations) <= a)
    gaps = np.diff(motion.times)[:, None]
    assert motion.times[0] == 0.0
    assert np.all(gaps > 0.0)
    assert np.all(gaps <= 1.0 / rate + 1e-9)
    assert np.all(np.abs(np.diff(motion.accelerations, axis=0)) <= j * gaps + 1e-6)


@settings(deadline=None, max_examples=60)
@given(PATHS)
def test_it_begins_and_ends_at_rest_and_rests_at_every_corner_exactly(path):
    motion = timed(path, LIMITS)
    rows = {tuple(row): i for i, row in enumerate(motion.positions)}
    distinct = [path[0]]
    for corner in path[1:]:
        if np.max(np.abs(corner - distinct[-1])) > SHORTEST:
            distinct.append(corner)
    for corner in distinct[1:]:
        index = rows[tuple(corner)]
        assert np.all(motion.velocities[index] == 0.0)
        assert np.all(motion.accelerations[index] == 0.0)
    assert tuple(motion.positions[0]) == tuple(path[0])
    assert np.all(motion.velocities[0] == 0.0)


@settings(deadline=None, max_examples=40)
@given(arrays(float, (3, 7), elements=ANGLES), SCALES)
def test_it_never_leaves_its_lines_between_samples_of_a_quintic_spline_either(path, scale):
    motion = timed(path, LIMITS, scale, scale, 20.0)
    for i, gap in enumerate(np.diff(motion.times)):
        for share in (0.25, 0.5, 0.75):
            at = quintic(motion, i, float(gap), share * float(gap))
            away = [off(path[k], path[k + 1], at) for k in range(len(path) - 1)]
            assert min(away) < 1e-7


@settings(deadline=None, max_examples=40)
@given(arrays(float, (3, 7), elements=ANGLES))
def test_velocities_are_the_slopes_of_positions_and_accelerations_those_of_velocities(path):
    motion = timed(path, LIMITS, 0.5, 0.5, 1000.0)
    gaps = np.diff(motion.times)[:, None]
    jerk, acceleration = 0.5 * np.array(LIMITS.jerk), 0.5 * np.array(LIMITS.acceleration)
    slope = np.diff(motion.positions, axis=0) - gaps * (motion.velocities[1:] + motion.velocities[:-1]) / 2.0
    assert np.all(np.abs(slope) <= jerk * gaps**3 + 1e-9)
    slope = np.diff(motion.velocities, axis=0) - gaps * motion.accelerations[:-1]
    assert np.all(np.abs(slope) <= np.minimum(jerk * gaps**2, 2.0 * acceleration * gaps) + 1e-9)


def test_a_straight_line_takes_as_long_as_its_slowest_joint():
    one = Limits(**{field.name: (1e9,) * 2 for field in fields(Limits)} | {"velocity": (1.0, 100.0)})
    motion = timed(np.array([[0.0, 0.0], [2.0, 2.0]]), one)
    assert motion.times[-1] == pytest.approx(2.0, rel=1e-3)


def test_a_path_of_one_point_is_one_sample_at_rest():
    motion = timed(np.array([[0.1] * 7, [0.1] * 7]), LIMITS)
    assert motion.times.tolist() == [0.0]
    assert np.all(motion.velocities == 0.0)


@pytest.mark.parametrize("path", [np.zeros((0, 7)), np.zeros(7), np.array([[np.nan] * 7])])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(UsageError, match="timing: path"):
        timed(path, LIMITS)


def quintic(motion, i, gap, t):
    """The spline that joint trajectory controllers put through positions, velocities and accelerations."""
    p, v, a = (part[i : i + 2] for part in (motion.positions, motion.velocities, motion.accelerations))
    A = np.array([[gap**3, gap**4, gap**5], [3 * gap**2, 4 * gap**3, 5 * gap**4], [6 * gap, 12 * gap**2, 20 * gap**3]])
    rest = np.stack([p[1] - p[0] - v[0] * gap - a[0] * gap**2 / 2, v[1] - v[0] - a[0] * gap, a[1] - a[0]])
    return p[0] + v[0] * t + a[0] * t**2 / 2 + np.array([t**3, t**4, t**5]) @ np.linalg.solve(A, rest)


def off(a, b, point):
    along = b - a
    share = np.clip(np.dot(point - a, along) / max(np.dot(along, along), 1e-18), 0.0, 1.0)
    return float(np.max(np.abs(point - a - share * along)))
