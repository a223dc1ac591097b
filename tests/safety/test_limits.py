"""Velocity limits that depend on where the joint is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_learning.robots.description import NearStops
from robot_learning.run.robots import load_robot
from robot_learning.safety.limits import allowed_velocity, joint_limits

FR3 = load_robot("fr3")
STOPS = NearStops(  # of the FR3
    lower=(-2.7501, -1.7918, -2.9065, -3.0481, -2.8101, 0.54092, -3.0196),
    upper=(2.7501, 1.7918, 2.9065, -0.1458, 2.8101, 4.5205, 3.0196),
    slope=(12.0, 5.17, 7.0, 8.0, 34.0, 11.0, 34.0),
    offset=(0.3, 0.2, 0.2, 0.3, 0.35, 0.35, 0.35),
)
WITH, WITHOUT = (replace(FR3.limits, near_stops=stops) for stops in (STOPS, None))
DT = 0.01


def franka(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The FR3's limits as its makers print them, joint by joint."""

    def towards(most: float, offset: float, slope: float, room: float) -> float:
        return min(most, max(0.0, -offset + np.sqrt(max(0.0, slope * room))))

    rows = [
        (2.62, 0.30, 12.0, 2.75010, 2.75010),
        (2.62, 0.20, 5.17, 1.79180, 1.79180),
        (2.62, 0.20, 7.00, 2.90650, 2.90650),
        (2.62, 0.30, 8.00, -0.1458, 3.04810),
        (5.26, 0.35, 34.0, 2.81010, 2.81010),
        (4.18, 0.35, 11.0, 4.52050, -0.54092),
        (5.26, 0.35, 34.0, 3.01960, 3.01960),
    ]
    upper = np.array([towards(most, offset, slope, high - x) for (most, offset, slope, high, _), x in zip(rows, q, strict=True)])
    lower = np.array([-towards(most, offset, slope, low + x) for (most, offset, slope, _, low), x in zip(rows, q, strict=True)])
    return lower, upper


@given(st.lists(st.floats(0.0, 1.0), min_size=7, max_size=7))
def test_the_speed_stays_below_both_the_robots_own_limits_and_what_can_be_braked(shares):
    low, high = np.array(FR3.limits.position_lower), np.array(FR3.limits.position_upper)
    q = low + np.array(shares) * (high - low)
    lower, upper = allowed_velocity(joint_limits(WITH, 0.1), q, DT)
    own_lower, own_upper = franka(q)
    brake_lower, brake_upper = allowed_velocity(joint_limits(WITHOUT, 0.1), q, DT)
    np.testing.assert_allclose(upper, np.minimum(own_upper, brake_upper), atol=1e-12)
    np.testing.assert_allclose(lower, np.maximum(own_lower, brake_lower), atol=1e-12)


def test_near_a_stop_the_robots_own_limit_is_the_lower_one():
    q = np.array(FR3.home)
    q[1] = -1.2
    full, braked = (allowed_velocity(joint_limits(limits, 0.1), q, DT)[0][1] for limits in (WITH, WITHOUT))
    assert full == pytest.approx(-(np.sqrt(5.17 * 0.5918) - 0.2))
    assert abs(full) < abs(braked)


@pytest.mark.parametrize("speed", [0.1, 0.25, 1.0])
def test_speed_scales_the_velocity_limit_alone(speed):
    part, full = joint_limits(FR3.limits, 0.1, speed), joint_limits(FR3.limits, 0.1)
    np.testing.assert_allclose(part.velocity, speed * full.velocity)
    assert part.acceleration.tolist() == full.acceleration.tolist()
    lower, upper = allowed_velocity(part, np.array(FR3.home), DT)
    assert np.all(upper <= speed * full.velocity)
    assert np.all(-lower <= speed * full.velocity)
