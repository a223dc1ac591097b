"""Laws of the filtered effort, on joints that are as the model has them."""

from functools import cache

import numpy as np
import pytest

from robot_learning.run.cells import load_barrier, load_cell
from robot_learning.run.robots import load_robot
from robot_learning.safety.effort_filter import EffortFilter
from robot_learning.safety.limits import barrier_gain, joint_limits, joint_model

CELL = load_cell("table")
CASES = [("fr3", 0.01, True), ("fr3", 0.05, True), ("ur5e", 0.05, False)]


@cache
def setup(name, dt, damped=True):
    robot = load_robot(name)
    barrier = load_barrier(robot, CELL)
    limits = joint_limits(robot.limits, 0.1)
    model = joint_model(robot.plant, len(robot.joints), damped)
    return robot, barrier, limits, model, EffortFilter(barrier, limits, model, CELL.deceleration, dt)


def moved(model, q, velocity, effort, dt):
    """Positions and velocities after dt of I q̈ + d q̇ = τ, exactly."""
    gain, d = barrier_gain(model, dt), model.damping
    after = (effort + gain * velocity) / (d + gain)
    with np.errstate(invalid="ignore", divide="ignore"):
        way = np.where(d > 0.0, (effort * dt - model.inertia * (after - velocity)) / d, 0.5 * (velocity + after) * dt)
    return q + way, after


def test_an_effort_that_leads_nowhere_near_is_left_as_it_is():
    robot, _, limits, _, found = setup("fr3", 0.01)
    effort = np.array([1.0, -2.0, 0.5, 0.0, 0.1, 0.0, 0.2])
    result = found.filtered(np.array(robot.home), np.zeros(7), effort)
    assert result.values is effort
    assert result.near == ()


def test_an_approach_that_is_too_fast_is_braked():
    robot, barrier, _, model, found = setup("fr3", 0.01)
    q = np.array(robot.home)
    floor = barrier.names.index("floor and fr3_hand")
    _, G = barrier.constraints(q)
    velocity = -4.0 * G[2 * floor]
    effort = model.damping * velocity  # which keeps it
    result = found.filtered(q, velocity, effort)
    assert "floor and fr3_hand" in result.near
    _, free = moved(model, q, velocity, effort, 0.01)
    _, after = moved(model, q, velocity, result.values, 0.01)
    assert G[2 * floor] @ after > G[2 * floor] @ free


@pytest.mark.parametrize(("name", "dt", "damped"), CASES)
def test_a_robot_like_its_model_stays_clear(name, dt, damped):
    robot, barrier, limits, model, found = setup(name, dt, damped)
    rng = np.random.default_rng(0)
    q, velocity, wanted, limited = np.array(robot.home), np.zeros(len(robot.joints)), np.zeros(len(robot.joints)), 0
    for step in range(600):
        if step % 20 == 0:
            wanted = 0.3 * limits.effort * rng.standard_normal(len(q)) + 0.1 * limits.effort * (robot.home - q)
        effort = found.filtered(q, velocity, np.clip(wanted, -limits.effort, limits.effort))
        assert np.all(np.abs(effort.values) <= limits.effort)
        q, velocity = moved(model, q, velocity, effort.values, dt)
        limited += effort.near != ()
        assert barrier.around(q).room.min() > -1e-4
    assert limited > 200
