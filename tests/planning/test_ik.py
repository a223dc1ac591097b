"""What inverse kinematics finds is there, within the limits."""

import numpy as np
import pytest

from robot_learning.core.rotations import from_axis_angle
from robot_learning.planning import ik
from robot_learning.run.robots import load_chain, load_robot


@pytest.mark.parametrize("name", ["fr3", "ur5e"])
def test_solutions_put_the_tool_there_within_the_limits(name):
    robot = load_robot(name)
    chain, rng = load_chain(robot), np.random.default_rng(0)
    lower, upper = np.array(robot.limits.position_lower), np.array(robot.limits.position_upper)
    for _ in range(10):
        pose = chain.pose(np.clip(np.array(robot.home) + rng.uniform(-0.8, 0.8, len(lower)), lower, upper))
        found = list(ik.solutions(chain, robot.limits, pose, np.array(robot.home), rng, starts=8))
        assert found
        for q in found:
            assert np.allclose(chain.pose(q), pose, atol=1e-5)
            assert np.all((q >= lower) & (q <= upper))


def test_turns_are_those_nearest_to_the_start():
    robot = load_robot("ur5e")
    chain = load_chain(robot)
    for q in ik.solutions(chain, robot.limits, chain.pose(np.array(robot.home)), np.array(robot.home), np.random.default_rng(1)):
        assert np.all(np.abs(np.delete(q - robot.home, 2)) <= np.pi + 1e-9)


def test_a_pose_out_of_reach_has_no_solution():
    robot = load_robot("fr3")
    pose = np.eye(4)
    pose[:3, 3] = [2.0, 0.0, 0.5]
    assert list(ik.solutions(load_chain(robot), robot.limits, pose, np.array(robot.home), np.random.default_rng(0), starts=3)) == []


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.5, 3.0, np.pi])
def test_the_rotation_vector_is_axis_times_angle(angle):
    axis = np.array([0.6, -0.0, 0.8])
    vector = ik.rotation_vector(from_axis_angle(axis, np.array(angle)))
    assert np.allclose(vector, axis * angle, atol=1e-7) or (angle == np.pi and np.allclose(vector, -axis * angle, atol=1e-7))
