"""Gaussian mixtures: they find clusters, the likelihood rises, and degenerate data does not break them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from robot_learning.core import gmm


def clusters(seed, count=3, each=200, dim=5, apart=10.0):
    rng = np.random.default_rng(seed)
    centres = apart * rng.standard_normal((count, dim))
    return centres, np.concatenate([centre + rng.standard_normal((each, dim)) for centre in centres])


def test_separated_clusters_are_found():
    centres, points = clusters(0)
    mixture = gmm.fit(points, 3, 0).mixture
    nearest = np.argmin(np.linalg.norm(mixture.means[:, None] - centres, axis=-1), axis=1)
    assert sorted(nearest.tolist()) == [0, 1, 2]
    assert_allclose(mixture.weights, 1 / 3, atol=1e-3)
    assert_allclose(mixture.means, centres[nearest], atol=0.4)
    assert_allclose(np.mean(mixture.covariances, axis=0), np.eye(5), atol=0.2)


@pytest.mark.parametrize("seed", range(5))
def test_the_likelihood_rises(seed):
    _, points = clusters(seed, count=6, each=100, apart=1.5)
    history = gmm.fit(points, 4, seed, floor=1e-6, iterations=20).log_likelihood
    assert len(history) > 3
    assert np.all(np.diff(history) > -1e-4)


def test_a_warm_start_goes_on_where_it_ended():
    _, points = clusters(1, apart=2.0)
    first = gmm.fit(points, 3, 0, iterations=30, floor=1e-6)
    again = gmm.fit(points, 3, 1, start=first.mixture, floor=1e-6)
    assert len(again.log_likelihood) <= 3
    assert again.log_likelihood[0] > first.log_likelihood[-1] - 1e-2


@pytest.mark.parametrize("seed", range(5))
def test_warm_starts_one_after_the_other_never_lower_the_likelihood(seed):
    _, points = clusters(seed, count=6, each=100, apart=1.5)
    history, mixture = [], None
    for _ in range(8):
        found = gmm.fit(points, 4, seed, start=mixture, floor=1e-6, iterations=3)
        history += found.log_likelihood
        mixture = found.mixture
    assert np.all(np.diff(history) > -1e-4)
    assert history[-1] > history[0]


def test_the_moments_are_those_of_samples():
    _, points = clusters(2, dim=3, apart=1.0)
    mixture = gmm.fit(points, 3, 0).mixture
    shares = np.array([0.2, 0.5, 0.3])
    found = gmm.moments(mixture, shares)
    rng = np.random.default_rng(0)
    samples = np.concatenate(
        [rng.multivariate_normal(m, C, int(400_000 * w)) for m, C, w in zip(mixture.means, mixture.covariances, shares, strict=True)]
    )
    assert_allclose(found.mean, samples.mean(axis=0), atol=0.02)
    assert_allclose(found.covariance, np.cov(samples.T), atol=0.05)


def test_moments_of_all_the_weights_are_those_of_the_points():
    _, points = clusters(3)
    mixture = gmm.fit(points, 3, 0, floor=0.0).mixture
    found = gmm.moments(mixture, mixture.weights)
    assert_allclose(found.mean, points.mean(axis=0), atol=1e-3)
    assert_allclose(found.covariance, np.cov(points.T, bias=True), rtol=1e-3, atol=1e-2)


def test_responsibilities_are_shares_and_do_not_depend_on_units():
    _, points = clusters(4)
    mixture = gmm.fit(points, 3, 0).mixture
    shares = gmm.responsibilities(mixture, points.reshape(3, 200, 5))
    assert shares.shape == (3, 200, 3)
    assert_allclose(shares.sum(axis=-1), 1.0, atol=1e-5)
    units = np.array([1e-6, 1.0, 1e6, 1.0, 1e3])
    scaled = gmm.fit(points * units, 3, 0).mixture
    assert_allclose(gmm.responsibilities(scaled, points * units), shares.reshape(-1, 3), atol=1e-3)


def test_an_empty_component_is_revived_by_the_next_fit():
    centres, points = clusters(5, count=2)
    dead = gmm.fit(points[:200], 1, 0).mixture
    lonely = gmm.Mixture(np.array([1.0, 0.0]), np.stack([dead.means[0]] * 2), np.stack([dead.covariances[0]] * 2))
    mixture = gmm.fit(points, 2, 0, start=lonely, iterations=30).mixture
    assert_allclose(np.sort(mixture.weights), [0.5, 0.5], atol=0.01)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 60),
    dim=st.integers(1, 12),
    components=st.integers(1, 8),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    kind=st.sampled_from(["plain", "constant", "duplicated", "one point", "deficient"]),
)
def test_degenerate_points_give_finite_mixtures(seed, count, dim, components, scale, kind):
    rng = np.random.default_rng(seed)
    points = scale * rng.standard_normal((count, dim))
    if kind == "constant":
        points[:, 0] = 3.0 * scale
    elif kind == "duplicated":
        points[:, -1] = points[:, 0]
    elif kind == "one point":
        points[:] = points[0]
    elif kind == "deficient":
        points = points @ np.outer(rng.standard_normal(dim), rng.standard_normal(dim))
    for start in (None, gmm.fit(points, components, seed).mixture):
        mixture = gmm.fit(points, components, seed, start=start).mixture
        assert all(np.all(np.isfinite(part)) for part in mixture)
        assert_allclose(mixture.weights.sum(), 1.0)
        assert np.all(np.isfinite(gmm.responsibilities(mixture, points)))
