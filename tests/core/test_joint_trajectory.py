"""The rules of joint_trajectory_controller, as laws."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_learning.core.joint_trajectory import STREAM_PERIODS, InvalidTrajectory, JointTrajectory, Point, accept, streamed
from robot_learning.safety.shaping import TRAJECTORY_PERIODS

JOINTS = ("a", "b")
SECOND = 1_000_000_000
REST = ([0.0, 0.0], [0.0, 0.0])


def start(points: Sequence[Point], names: Sequence[str] = JOINTS, start_ns: int | None = None, now_ns: int = 5 * SECOND) -> JointTrajectory:
    return accept(names, points, start_ns, JOINTS, now_ns, REST)


def test_positions_alone_are_joined_by_straight_lines() -> None:
    trajectory = start([Point(SECOND, [1.0, -2.0]), Point(3 * SECOND, [2.0, -2.0])])
    assert trajectory.sample(5 * SECOND) == ((0.0, 0.0), (1.0, -2.0))
    assert trajectory.sample(5 * SECOND + SECOND // 2) == ((0.5, -1.0), (1.0, -2.0))
    assert trajectory.sample(7 * SECOND) == ((1.5, -2.0), (0.5, 0.0))


def test_velocities_make_a_cubic_hermite_spline() -> None:
    """The cubic of position p = t³, which has p(1) = 1, v(1) = 3, is found again between its end points."""
    trajectory = start([Point(SECOND, [1.0, 0.0], [3.0, 0.0]), Point(2 * SECOND, [1.0, 0.0], [0.0, 0.0])])
    for t in (0.0, 0.25, 0.5, 0.9):
        positions, velocities = trajectory.sample(5 * SECOND + round(t * SECOND))
        assert positions[0] == pytest.approx(t**3, abs=1e-12)
        assert velocities[0] == pytest.approx(3 * t**2, abs=1e-12)


@given(st.floats(0.0, 3.0), st.floats(-1.0, 1.0), st.floats(-2.0, 2.0))
def test_the_velocity_is_the_derivative_of_the_position(t: float, middle: float, speed: float) -> None:
    trajectory = start([Point(SECOND, [middle, 0.3], [speed, 0.1]), Point(3 * SECOND, [0.5, 0.5], [0.0, 0.0])])
    h = 1e-4
    now = 5 * SECOND + round(t * SECOND)
    ahead, behind = trajectory.sample(now + round(h * SECOND))[0], trajectory.sample(now - round(h * SECOND))[0]
    if h < t < 3.0 - h and abs(t - 1.0) > h:
        assert (ahead[0] - behind[0]) / (2 * h) == pytest.approx(trajectory.sample(now)[1][0], abs=1e-3)


def test_it_passes_through_every_point_and_holds_the_last_one() -> None:
    points = [Point(SECOND, [0.4, 1.0], [0.3, 0.0]), Point(2 * SECOND, [0.9, 0.0])]
    trajectory = start(points)
    for point in points:
        assert trajectory.sample(5 * SECOND + point.time_ns)[0] == pytest.approx(point.positions)
    for later in (2, 3, 1000):
        assert trajectory.sample((5 + later) * SECOND) == ((0.9, 0.0), (0.0, 0.0))


def test_joints_are_mapped_by_name() -> None:
    trajectory = start([Point(SECOND, [1.0, 2.0])], names=("b", "a"))
    assert trajectory.sample(10 * SECOND)[0] == (2.0, 1.0)


def test_it_starts_at_the_measured_state() -> None:
    trajectory = accept(JOINTS, [Point(SECOND, [1.0, 1.0], [0.0, 0.0])], None, JOINTS, 0, ([0.2, 0.3], [0.5, 0.0]))
    assert trajectory.sample(0) == ((0.2, 0.3), (0.5, 0.0))


def test_a_stamp_in_the_future_delays_the_first_point_and_one_in_the_past_shortens_the_way() -> None:
    assert start([Point(SECOND, [1.0, 0.0])], start_ns=6 * SECOND).sample(6 * SECOND)[0] == (0.5, 0.0)
    late = start([Point(0, [0.0, 0.0]), Point(2 * SECOND, [1.0, 0.0])], start_ns=4 * SECOND)
    assert late.sample(5 * SECOND)[0] == (0.5, 0.0)


@pytest.mark.parametrize(
    ("names", "points", "reason"),
    [
        (JOINTS, [], "no points"),
        (("a",), [Point(SECOND, [1.0])], "missing"),
        (("a", "c"), [Point(SECOND, [1.0, 1.0])], "unknown"),
        (("a", "b", "b"), [Point(SECOND, [1.0, 1.0, 1.0])], "3 names"),
        (JOINTS, [Point(SECOND, [1.0])], "1 positions"),
        (JOINTS, [Point(SECOND, [])], "0 positions"),
        (JOINTS, [Point(SECOND, [1.0, 1.0], [0.0])], "1 velocities"),
        (JOINTS, [Point(SECOND, [1.0, 1.0]), Point(SECOND, [2.0, 2.0])], "not after"),
        (JOINTS, [Point(-1, [1.0, 1.0])], "negative"),
        (JOINTS, [Point(SECOND, [1.0, math.nan])], "not finite"),
        (JOINTS, [Point(SECOND, [1.0, 1.0], [0.0, math.inf])], "not finite"),
        (JOINTS, [Point(SECOND, [1.0, 1.0], [0.0, 0.1])], "last point"),
    ],
)
def test_invalid_messages_are_refused_with_the_reason(names: Sequence[str], points: list[Point], reason: str) -> None:
    with pytest.raises(InvalidTrajectory, match=reason):
        start(points, names)


def test_a_trajectory_that_ends_in_the_past_is_refused() -> None:
    with pytest.raises(InvalidTrajectory, match="past"):
        start([Point(SECOND, [1.0, 1.0])], start_ns=3 * SECOND)


def test_a_streamed_target_lies_further_ahead_than_the_next_one() -> None:
    (point,) = streamed([1.0, 2.0], 0.05)
    assert 1.5 * 50_000_000 <= point.time_ns <= 3 * 50_000_000
    assert start([point]).sample(10 * SECOND)[0] == (1.0, 2.0)


def test_the_gate_streams_in_the_same_way() -> None:
    """Otherwise episodes in process and through the graph would differ."""
    assert STREAM_PERIODS == TRAJECTORY_PERIODS
