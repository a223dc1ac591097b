"""Actions, noise, the first controller, and running one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.control import linear_gaussian, noise
from robot_learning.control.actions import to_action, to_command
from robot_learning.control.initial import hold
from robot_learning.core.types import LinearGaussian
from robot_learning.run.robots import load_robot

FR3 = load_robot("fr3")


@pytest.mark.parametrize("mode", sorted(FR3.modes))
def test_an_action_survives_the_way_to_a_command_and_back(mode):
    rng = np.random.default_rng(0)
    action, positions = rng.standard_normal(7), rng.standard_normal(7)
    assert_allclose(to_action(FR3, mode, to_command(FR3, mode, action, positions), positions), action, rtol=1e-9, atol=1e-9)


def test_no_action_is_no_torque_and_no_motion():
    positions = np.array(FR3.home)
    assert_array_equal(to_command(FR3, "effort", np.zeros(7), positions), np.zeros(7))
    assert_array_equal(to_command(FR3, "position", np.zeros(7), positions), positions)


def test_noise_has_unit_variance_at_every_step_and_the_right_correlation():
    smooth = 2.0
    draws = np.stack([noise.draw(seed, 12, 3, smooth) for seed in range(4000)])
    flat = np.moveaxis(draws, -1, 1).reshape(-1, 12)
    covariance = flat.T @ flat / len(flat)
    lag = np.subtract.outer(np.arange(12), np.arange(12))
    assert_allclose(covariance, np.exp(-(lag**2) / (4 * smooth**2)), atol=0.05)  # two Gaussian windows convolved
    across = np.mean(draws[..., 0] * draws[..., 1])
    assert abs(across) < 0.05


def test_noise_depends_on_the_seed_alone():
    assert_array_equal(noise.draw(7, 20, 2), noise.draw(7, 20, 2))
    assert not np.array_equal(noise.draw(7, 20, 2), noise.draw(8, 20, 2))
    assert_array_equal(noise.draw(7, 20, 2, 0.0), np.random.default_rng(7).standard_normal((20, 2)))


def test_the_first_controller_pulls_back_to_the_start():
    start = np.array(FR3.home)
    controller = hold(FR3, "effort", start, 32, 10)
    state = np.concatenate([start, np.zeros(25)])
    assert_allclose(linear_gaussian.act(controller, 3, state), 0.0, atol=1e-12)
    state[2] += 0.1
    state[7 + 5] = 0.5
    expected = np.zeros(7)
    expected[2], expected[5] = -0.1 * FR3.modes["effort"].stiffness[2], -0.5 * FR3.modes["effort"].damping[5]
    assert_allclose(linear_gaussian.act(controller, 3, state), expected, atol=1e-12)


def test_actions_have_the_controllers_covariance():
    rng = np.random.default_rng(0)
    M = rng.standard_normal((3, 3))
    controller = LinearGaussian(rng.standard_normal((1, 3, 4)), rng.standard_normal((1, 3)), (M @ M.T)[None])
    x = rng.standard_normal(4)
    mean = linear_gaussian.act(controller, 0, x)
    assert_allclose(mean, controller.K[0] @ x + controller.k[0])
    actions = np.stack([linear_gaussian.act(controller, 0, x, n) for n in rng.standard_normal((20_000, 3))])
    assert_allclose(np.cov(actions.T), M @ M.T, atol=0.05 * np.max(M @ M.T))


def test_controllers_stack_and_come_apart():
    rng = np.random.default_rng(0)
    parts = [LinearGaussian(rng.standard_normal((5, 2, 3)), rng.standard_normal((5, 2)), np.tile(np.eye(2), (5, 1, 1))) for _ in range(3)]
    for i, part in enumerate(parts):
        for a, b in zip(linear_gaussian.at(linear_gaussian.stack(parts), i), part, strict=True):
            assert_array_equal(a, b)
