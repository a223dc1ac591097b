"""The multiplier search on functions whose answer is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from robot_learning.control.dual_search import TOLERANCE, Brackets


def run(functions, start, limit):
    search = Brackets(np.asarray(start, dtype=float), np.asarray(limit, dtype=float))
    while np.any(search.open):
        index = np.flatnonzero(search.open)
        search.observe(index, np.array([functions[i](search.x[i]) for i in index]))
    return search


@pytest.mark.parametrize("start", [-100.0, -3.0, 0.0, 5.0, 100.0])
@pytest.mark.parametrize("slope", [0.3, 1.0, 2.0, 7.0])
def test_power_laws_are_solved_from_anywhere(start, slope):
    search = run([lambda x: np.exp(-slope * x)], [start], [2.0])
    assert search.outcome(0) == "met"
    assert_allclose(search.best[0], 2.0, rtol=TOLERANCE)
    assert search.evaluations[0] < 25


def test_values_that_are_not_finite_count_as_too_large():
    search = run([lambda x: np.nan if x < 1 else np.inf if x < 2 else np.exp(-x)], [-10.0], [0.01])
    assert search.outcome(0) == "met"


def test_a_constraint_that_never_binds_is_inactive():
    search = run([lambda x: 0.5 / (1 + np.exp(x))], [0.0], [1.0])
    assert search.outcome(0) == "inactive"
    assert search.best[0] <= 0.5


def test_a_jump_over_the_limit_ends_below_it():
    search = run([lambda x: 10.0 if x < 3.0 else 0.1], [0.0], [1.0])
    assert search.outcome(0) == "short"
    assert search.best[0] == 0.1
    assert search.best_x[0] >= 3.0


def test_no_solution_is_said():
    search = run([lambda x: np.nan], [0.0], [1.0])
    assert search.outcome(0).startswith("rejected")


def test_searches_do_not_disturb_each_other():
    functions = [lambda x: np.exp(-x), lambda x: 0.0, lambda x: np.exp(-3 * x + 2)]
    together = run(functions, [0.0, 0.0, 0.0], [0.1, 1.0, 5.0])
    for i, function in enumerate(functions):
        assert run([function], [0.0], [[0.1, 1.0, 5.0][i]]).best[0] == together.best[i]


def test_a_limit_of_zero_is_refused():
    with pytest.raises(ValueError, match="positive"):
        Brackets(np.zeros(2), np.array([1.0, 0.0]))
