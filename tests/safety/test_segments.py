"""The closest points of two segments: no sampled pair of points is closer, and the conditions of the optimum hold."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_learning.safety.segments import closest

GRID = np.linspace(0.0, 1.0, 101)
coordinate = st.one_of(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), st.floats(-2.0, 2.0).map(lambda x: round(x, 6)))
vector = st.lists(coordinate, min_size=3, max_size=3).map(np.array)
share = st.one_of(st.sampled_from([-1.0, 0.0, 1.0]), st.floats(-2.0, 2.0).map(lambda x: round(x, 6)))


def distance(a, u, b, v):
    s, t = closest(a, u, b, v)
    assert 0.0 <= s <= 1.0
    assert 0.0 <= t <= 1.0
    return float(np.linalg.norm(a + s * u - b - t * v))


def to_segment(points, b, v):
    """The exact distance (…) of points (…, 3) from the segment b + t v."""
    t = np.clip((points - b) @ v / max(v @ v, 1e-300), 0.0, 1.0)
    return np.linalg.norm(points - b - t[..., None] * v, axis=-1)


def brute(a, u, b, v):
    """The exact distance: the optimum is inside of both segments, where two equations give it, or at an end of one of them."""
    candidates = [*to_segment(np.stack([a, a + u]), b, v), *to_segment(np.stack([b, b + v]), a, u)]
    system = np.array([[u @ u, -u @ v], [-u @ v, v @ v]])
    s, t = np.linalg.lstsq(system, np.array([u @ (b - a), -v @ (b - a)]), rcond=None)[0]
    if 0.0 <= s <= 1.0 and 0.0 <= t <= 1.0:
        candidates.append(np.linalg.norm(a + s * u - b - t * v))
    return min(candidates)


@settings(max_examples=200, deadline=None)
@given(vector, vector, vector, vector)
def test_nothing_is_closer(a, u, b, v):
    found = distance(a, u, b, v)
    assert found <= to_segment(a + GRID[:, None] * u, b, v).min() + 1e-7
    assert abs(found - brute(a, u, b, v)) < 1e-7


@settings(max_examples=100, deadline=None)
@given(vector, vector, vector, share, st.sampled_from([0.0, 1e-12, 1e-9, 1e-6, 1e-3]))
def test_parallel_nearly_parallel_and_pointlike_segments(a, u, b, factor, tilt):
    v = factor * u + tilt * np.array([0.3, -0.5, 0.8])
    assert abs(distance(a, u, b, v) - brute(a, u, b, v)) < 1e-7


@settings(max_examples=100, deadline=None)
@given(vector, vector, vector, vector)
def test_the_order_of_the_segments_does_not_matter(a, u, b, v):
    assert abs(distance(a, u, b, v) - distance(b, v, a, u)) < 1e-7
    assert abs(distance(a, u, b, v) - distance(a + u, -u, b, v)) < 1e-7


def test_many_pairs_at_once_are_each_pair_alone():
    a, u, b, v = np.random.default_rng(0).standard_normal((4, 50, 3))
    s, t = closest(a, u, b, v)
    alone = [closest(*pair) for pair in zip(a, u, b, v, strict=True)]
    np.testing.assert_allclose(np.stack([s, t], axis=1), alone, atol=1e-12)
