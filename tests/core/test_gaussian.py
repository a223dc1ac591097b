"""Normal distributions: closed forms and Monte Carlo."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from robot_learning.core.gaussian import Normal, divergence, posterior, regression
from robot_learning.core.matrices import inverse_root, lower_inverse, raise_eigenvalues, root


def normal(seed, dim):
    rng = np.random.default_rng(seed)
    M = rng.standard_normal((dim, dim))
    return Normal(rng.standard_normal(dim), M @ M.T + 0.1 * np.eye(dim))


def test_the_divergence_from_oneself_is_zero():
    p = normal(0, 5)
    assert 0.0 <= divergence(p, p) < 1e-12


def test_the_divergence_is_the_mean_log_ratio():
    p, q = normal(1, 3), normal(2, 3)
    z = np.random.default_rng(0).multivariate_normal(*p, 200_000)
    ratio = _log_density(z, p) - _log_density(z, q)
    assert abs(np.mean(ratio) - divergence(p, q)) < 5 * np.std(ratio) / np.sqrt(len(z))


def _log_density(z, p):
    error = z - p.mean
    return -0.5 * np.sum(error @ np.linalg.inv(p.covariance) * error, axis=1) - 0.5 * np.linalg.slogdet(2 * np.pi * p.covariance)[1]


def test_regression_is_least_squares_of_samples():
    p = normal(3, 5)
    z = np.random.default_rng(0).multivariate_normal(*p, 400_000)
    found = regression(p, 3, 0.0)
    X = np.hstack([z[:, :3], np.ones((len(z), 1))])
    solution, *_ = np.linalg.lstsq(X, z[:, 3:], rcond=None)
    assert_allclose(found.W, solution[:3].T, atol=0.02)
    assert_allclose(found.b, solution[3], atol=0.02)
    assert_allclose(found.noise, np.cov((z[:, 3:] - X @ solution).T), atol=0.05)


def test_the_posterior_is_the_sample_moments_without_a_prior_and_the_prior_with_a_strong_one():
    z = np.random.default_rng(0).standard_normal((50, 4))
    prior = normal(4, 4)
    weak, strong = posterior(z, prior, 0.0, 0.0), posterior(z, prior, 1e9, 1e9)
    assert_allclose(weak.mean, z.mean(axis=0))
    assert_allclose(weak.covariance, np.cov(z.T, bias=True), atol=1e-12)
    assert_allclose(strong.mean, prior.mean, atol=1e-6)
    distance = z.mean(axis=0) - prior.mean  # what N points add to n₀ → ∞ vanishes
    assert_allclose(strong.covariance, prior.covariance, atol=1e-6 + 1e-6 * np.max(distance**2))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), dim=st.integers(1, 8), rank=st.integers(0, 8), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_factors_of_deficient_matrices_exist_and_are_finite(seed, dim, rank, scale):
    rng = np.random.default_rng(seed)
    M = rng.standard_normal((3, dim, min(rank, dim)))
    M = scale * M @ np.swapaxes(M, -1, -2)
    L, _ = root(M)
    R, _ = inverse_root(M)
    assert np.all(np.isfinite(L))
    assert np.all(np.isfinite(R))
    assert_allclose(L @ np.swapaxes(L, -1, -2), M, atol=1e-8 * scale * max(dim, 1))


def test_one_bad_matrix_is_repaired_alone():
    good = np.array([[2.0, 0.5], [0.5, 1.0]])
    L, repaired = root(np.stack([good, np.full((2, 2), np.nan), -good]), 0.1)
    assert repaired.tolist() == [False, True, True]
    assert_allclose(L[0] @ L[0].T, good)
    assert np.all(np.isfinite(L))


def test_eigenvalues_are_raised_and_the_others_stay():
    M = np.diag([1e-9, 0.5, 3.0])
    assert_allclose(raise_eigenvalues(M, 0.1), np.diag([0.1, 0.5, 3.0]), atol=1e-12)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 39, 71])
def test_the_inverse_by_halves_is_the_inverse_and_triangular(size: int) -> None:
    rng = np.random.default_rng(size)
    L = np.tril(rng.standard_normal((3, size, size))) + size * np.eye(size)
    R = lower_inverse(L)
    assert np.allclose(R @ L, np.eye(size), atol=1e-12)
    assert np.array_equal(R, np.tril(R))
