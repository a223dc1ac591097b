"""Finite differences against derivatives in closed form, and their order."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from plants import cartpole, linear, pendulum, pendulum_derivatives

from robot_learning.control.finite_differences import differences, linearize


def points(count, dx, du, seed=0):
    rng = np.random.default_rng(seed)
    return 2 * rng.standard_normal((count, dx)), rng.standard_normal((count, du))


def test_they_equal_the_derivative_in_closed_form():
    states, actions = points(50, 2, 1)
    assert_allclose(differences(pendulum)(states, actions), pendulum_derivatives(states, actions), rtol=1e-8, atol=1e-9)


def test_they_are_exact_to_rounding_for_a_linear_system():
    rng = np.random.default_rng(1)
    F = rng.standard_normal((5, 8))
    step, derivatives = linear(F, 0.3)
    states, actions = points(7, 5, 3)
    assert_allclose(linearize(step, states, actions), derivatives(states, actions), rtol=0, atol=1e-9)


def test_the_error_falls_with_the_square_of_the_width():
    states, actions = points(50, 4, 1)

    def error(width):
        return np.max(np.abs(linearize(cartpole, states, actions, width=width) - exact))

    exact = (4 * linearize(cartpole, states, actions, width=5e-4) - linearize(cartpole, states, actions, width=1e-3)) / 3
    assert_allclose([error(4e-2) / error(2e-2), error(2e-2) / error(1e-2)], 4.0, rtol=0.15)


def test_each_coordinate_has_a_width_in_its_own_unit():
    """A system in metres and the same in micrometres have the same derivative, if the typical sizes say so."""
    unit = np.array([1e-6, 1.0])

    def small(states, actions):
        return pendulum(states / unit, actions) * unit

    states, actions = points(20, 2, 1)
    F = linearize(small, states * unit, actions, typical=np.array([1e-6, 1.0, 1.0]))
    into = np.array([1e-6, 1.0, 1.0])
    assert_allclose(F / unit[:, None] * into, pendulum_derivatives(states, actions), rtol=1e-6, atol=1e-8)


def test_all_points_are_evaluated_in_one_call():
    rows = []

    def counted(states, actions):
        rows.append(len(states))
        return pendulum(states, actions)

    linearize(counted, *points(10, 2, 1))
    assert rows == [10 * 2 * 3]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_simulator_that_fails_somewhere_spoils_only_that_point(bad):
    states, actions = points(5, 2, 1)

    def broken(x, u):
        result = pendulum(x, u)
        result[np.all(np.abs(x - states[2]) < 1e-3, axis=1)] = bad
        return result

    F = linearize(broken, states, actions)
    assert np.all(np.isfinite(F[[0, 1, 3, 4]]))
    assert not np.any(np.isfinite(F[2]))
