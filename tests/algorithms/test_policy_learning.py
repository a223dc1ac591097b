"""The global policy: linearization, supervised fit and step sizes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.algorithms import policy_fit
from robot_learning.algorithms.policy_linearization import linearize
from robot_learning.algorithms.step import StepRange, adapt
from robot_learning.core.types import LinearGaussian
from robot_learning.models.gaussian_policy import GaussianPolicy

QUICK = policy_fit.FitConfig(steps=400, batch=64)


def policy(seed=0, dx=6, du=2):
    rng = np.random.default_rng(seed)
    fresh = GaussianPolicy.initial(dx, du, seed)
    return policy_fit.renormalized(fresh, rng.standard_normal(dx), np.exp(rng.standard_normal(dx)))


def teachers(seed, conditions=2, horizon=5, dx=6, du=2):
    rng = np.random.default_rng(seed)
    K = np.broadcast_to(rng.standard_normal((du, dx)), (conditions, horizon, du, dx))
    k = np.broadcast_to(rng.standard_normal(du), (conditions, horizon, du))
    return LinearGaussian(K, k, np.broadcast_to(0.1 * np.eye(du), (conditions, horizon, du, du)))


def test_the_linearization_has_the_derivatives_of_the_network():
    rng = np.random.default_rng(1)
    states = rng.standard_normal((2, 1, 4, 6))
    found, step = linearize(policy(), states), 1e-6
    for c in range(2):
        for t in range(3):
            x = states[c, 0, t]
            J = np.stack([(policy().mean(x + step * e) - policy().mean(x - step * e)) / (2 * step) for e in np.eye(6)], axis=-1)
            assert_allclose(found.K[c, t], J, atol=1e-6)
            assert_allclose(found.K[c, t] @ x + found.k[c, t], policy().mean(x), atol=1e-12)


def test_the_mean_action_over_rollouts_is_right():
    states = np.random.default_rng(2).standard_normal((2, 5, 4, 6))
    found = linearize(policy(), states)
    middle = np.einsum("ctij,ctj->cti", found.K, states[:, :, :-1].mean(axis=1)) + found.k
    assert_allclose(middle, policy().mean(states[:, :, :-1]).mean(axis=1), atol=1e-12)


def test_a_linear_teacher_is_imitated():
    states = np.random.default_rng(3).standard_normal((2, 30, 6, 6))
    fitted, report = policy_fit.fit(GaussianPolicy.initial(6, 2, 0), states, teachers(0), policy_fit.FitConfig(steps=1500), 0)
    assert report.after < 0.01 * report.before
    assert_allclose(fitted.covariance, 0.1 * np.eye(2), atol=1e-9)


def test_the_same_seed_gives_the_same_bits():
    states = np.random.default_rng(4).standard_normal((2, 5, 6, 6))
    first, second = (policy_fit.fit(policy(), states, teachers(1), QUICK, 5)[0] for _ in range(2))
    for a, b in zip(first.state().values(), second.state().values(), strict=True):
        assert_array_equal(a, b)
    other = policy_fit.fit(policy(), states, teachers(1), QUICK, 6)[0]
    assert not np.array_equal(other.layers[0].W, first.layers[0].W)


def test_inputs_that_do_not_vary_are_harmless():
    states = np.random.default_rng(5).standard_normal((2, 5, 6, 6))
    states[..., 2], states[..., 3] = 4.0, 0.0
    fitted, _ = policy_fit.fit(policy(), states, teachers(2), QUICK, 0)
    assert all(np.all(np.isfinite(array)) for array in fitted.state().values())
    nudged = states[0, 0, 0] + np.array([0, 0, 0.01, 0.01, 0, 0])
    assert np.max(np.abs(fitted.act(nudged) - fitted.act(states[0, 0, 0]))) < 1.0


def test_another_normalization_is_the_same_function():
    rng = np.random.default_rng(6)
    moved = policy_fit.renormalized(policy(), rng.standard_normal(6), np.exp(rng.standard_normal(6)))
    x = rng.standard_normal((10, 6))
    assert_allclose(moved.mean(x), policy().mean(x), atol=1e-5)


def test_the_precise_teacher_is_followed_where_two_disagree():
    states = np.tile(np.random.default_rng(7).standard_normal((1, 40, 6, 6)), (2, 1, 1, 1))
    K, k = np.zeros((2, 5, 2, 6)), np.zeros((2, 5, 2))
    k[0], k[1] = 1.0, -1.0
    covariance = np.stack([np.broadcast_to(c * np.eye(2), (5, 2, 2)) for c in (0.01, 0.09)])
    fitted, _ = policy_fit.fit(
        GaussianPolicy.initial(6, 2, 0), states, LinearGaussian(K, k, covariance), policy_fit.FitConfig(steps=800), 0
    )
    assert_allclose(fitted.mean(states[0, :, 0]).mean(axis=0), 0.8, atol=0.05)  # (100·1 − 11·1) / 111
    assert_allclose(np.diag(fitted.covariance), 2 / (1 / 0.01 + 1 / 0.09), rtol=1e-9)


@pytest.mark.parametrize(
    ("predicted", "actual", "factor"),
    [(1.0, 0.5, 1.0), (1.0, 0.9, 5.0), (1.0, 1.0, 10.0), (1.0, 0.0, 0.5), (1.0, -4.0, 0.1), (0.0, 1.0, 0.5), (np.nan, 1.0, 0.5)],
)
def test_the_step_follows_how_true_the_prediction_was(predicted, actual, factor):
    limits = StepRange(1.0, 1e-3, 1e3)
    assert adapt(np.array([1.0]), np.array([predicted]), np.array([actual]), limits)[0] == pytest.approx(factor)


def test_the_step_stays_in_its_range():
    limits = StepRange(2.0, 0.1, 3.0)
    assert adapt(np.array([2.0]), np.array([1.0]), np.array([1.0]), limits)[0] == pytest.approx(6.0)
    assert adapt(np.array([0.3]), np.array([1.0]), np.array([-9.0]), limits)[0] == pytest.approx(0.2)
