"""Gaussian mixtures by expectation-maximization, fast on thousands of points with tens of dimensions.

In many dimensions nearly every point belongs to one or two components. So a component's density is only evaluated, and its moments
only summed, over points that it may explain; which those are is found anew every few iterations. Points are standardized, sums over
points are float32, factors and covariances float64.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.gaussian import Normal
from robot_learning.core.matrices import inverse_root
from robot_learning.core.types import Array

BELONGS = 1e-3  # a point counts for the components that explain at least so much of it
FAR = 60.0  # nats: a component whose density at a point is so much below the best one's is left out there
REFRESH = 5  # iterations after which all components are looked at again
ROUNDING = 1e-8  # a dimension that varies less than this part of its magnitude is constant


class Mixture(NamedTuple):
    """K components over D dimensions, in the points' own units."""

    weights: Array  # (K,), they sum to 1
    means: Array  # (K, D)
    covariances: Array  # (K, D, D)

    def near(self, points: Array, center: Array, scale: Array) -> Iterator[Normal]:
        """How points are distributed near some; a prior of dynamics fits.

        For each condition of `points` (C, N, T, D), in turn, the moments (T, D), (T, D, D) of the mixture of (points − center) / scale,
        with the weights that the components have, on average, at a step's N points.
        """
        prior = self.prepared(center, scale)
        shares = np.mean(prior.responsibilities(np.swapaxes(points, 1, 2)), axis=-2)
        return (prior.moments(own) for own in shares)

    def prepared(self, center: Array, scale: Array) -> "Prepared":
        """The mixture as a prior of (points − center) / scale."""
        own_scale = np.sqrt(np.mean(np.diagonal(self.covariances, axis1=-2, axis2=-1), axis=0))
        own_center = self.weights @ self.means
        return Prepared(
            own_center, own_scale, _densities(standardized(self, own_center, own_scale)), _spread(standardized(self, center, scale))
        )


class _Densities(NamedTuple):
    """What it takes to evaluate the components' densities at points."""

    constants: Array  # (K,), logarithms of the weights and of the densities at the means
    roots: Array  # (K, D, D), float32: R with RᵀR = C⁻¹
    shifts: Array  # (K, D), float32: R μ


class _Spread(NamedTuple):
    """The components' moments about the mean of the mixture."""

    center: Array  # (D,), that mean
    first: Array  # (K, D)
    second: Array  # (K, D²)


class Prepared(NamedTuple):
    """A mixture as a prior, with all that does not depend on the points near which it is asked for."""

    center: Array  # (D,), the mixture's own
    scale: Array  # (D,), likewise
    densities: _Densities  # in these units
    spread: _Spread  # in the units that the prior is asked for

    def responsibilities(self, points: Array) -> Array:
        """How much of each point (…, D), in its own units, each component explains, (…, K); each row sums to 1."""
        z = ((points - self.center) / self.scale).reshape(-1, points.shape[-1]).astype(np.float32)
        shares, _ = _normalized(_log_joint(z, self.densities))
        return shares.reshape(*points.shape[:-1], -1).astype(float)

    def moments(self, shares: Array) -> Normal:
        """Mean (…, D) and covariance (…, D, D), in standardized units, of the mixture with weights `shares` (…, K)."""
        return _weighted(self.spread, shares)


class Fit(NamedTuple):
    """A mixture and how the fit went."""

    mixture: Mixture
    log_likelihood: list[float]  # per point in standardized units, before each iteration


def scales(points: Array) -> tuple[Array, Array]:
    """Mean (D,) and standard deviation (D,) of points (M, D); a dimension that is constant to rounding gets the scale 1."""
    center = np.mean(points, axis=0)
    deviation = np.std(points, axis=0)
    varies = deviation > ROUNDING * np.max(np.abs(points), axis=0)
    return center, np.where(varies, deviation, 1.0)


def fit(points: Array, count: int, seed: int, start: Mixture | None = None, floor: float = 1e-4, iterations: int = 10) -> Fit:
    """A mixture of `count` components of points (M, D); from `start`, where given, or from k-means.

    floor: variance added to every dimension of every component, in standardized units. Iterations end early when the likelihood
    of a point rises by less than a thousandth.
    """
    center, scale = scales(points)
    z = ((points - center) / scale).astype(np.float32)
    rng = np.random.default_rng(seed)
    mixture = _seeded(z, count, rng, floor) if start is None else _revived(standardized(start, center, scale), z, rng, floor)
    history: list[float] = []
    near = None
    for iteration in range(iterations):
        log_joint = _log_joint(z, _densities(mixture), near if iteration % REFRESH else None)
        responsibilities, log_density = _normalized(log_joint)
        near = log_joint > log_density[:, None] - FAR
        history.append(float(np.mean(log_density)))
        if len(history) > 1 and history[-1] - history[-2] < 1e-3:
            break
        mixture = _maximized(z, responsibilities, floor)
        near |= ~np.any(near & (mixture.weights > 0), axis=1, keepdims=True)
    return Fit(Mixture(mixture.weights, mixture.means * scale + center, mixture.covariances * scale[:, None] * scale), history)


def responsibilities(mixture: Mixture, points: Array) -> Array:
    """How much of each point (…, D) each component explains, (…, K); each row sums to 1."""
    return mixture.prepared(np.zeros(points.shape[-1]), np.ones(points.shape[-1])).responsibilities(points)


def moments(mixture: Mixture, shares: Array) -> Normal:
    """Mean (…, D) and covariance (…, D, D) of the mixture with weights `shares` (…, K)."""
    return _weighted(_spread(mixture), shares)


def _spread(mixture: Mixture) -> _Spread:
    center = mixture.weights @ mixture.means
    offset = mixture.means - center
    return _Spread(center, offset, (mixture.covariances + offset[:, :, None] * offset[:, None, :]).reshape(len(offset), -1))


def _weighted(spread: _Spread, shares: Array) -> Normal:
    count, dim = spread.first.shape
    flat = shares.reshape(-1, count)
    mean = flat @ spread.first
    covariance = (flat @ spread.second).reshape(-1, dim, dim)
    covariance -= mean[:, :, None] * mean[:, None, :]
    return Normal((mean + spread.center).reshape(*shares.shape[:-1], dim), covariance.reshape(*shares.shape[:-1], dim, dim))


def standardized(mixture: Mixture, center: Array, scale: Array) -> Mixture:
    """The mixture of (points − center) / scale."""
    return Mixture(mixture.weights, (mixture.means - center) / scale, mixture.covariances / (scale[:, None] * scale))


def _densities(mixture: Mixture) -> _Densities:
    dim = mixture.means.shape[1]
    R, _ = inverse_root(mixture.covariances)
    with np.errstate(divide="ignore"):
        constants = np.log(mixture.weights) + np.sum(np.log(np.diagonal(R, axis1=-2, axis2=-1)), axis=-1) - 0.5 * dim * np.log(2 * np.pi)
    shifts = np.stack([root @ mean for root, mean in zip(R, mixture.means, strict=True)])
    return _Densities(constants, R.astype(np.float32), shifts.astype(np.float32))


def _log_joint(z: Array, densities: _Densities, near: NDArray[np.bool_] | None = None) -> Array:
    """The logarithm of (weight · density) of points (M, D) under each component: (M, K), float32; -inf where `near` (M, K) is False."""
    result = np.full((len(z), len(densities.constants)), -np.inf, dtype=np.float32)
    for j, (constant, root, shift) in enumerate(zip(*densities, strict=True)):
        mine = slice(None) if near is None else np.flatnonzero(near[:, j])
        white = z[mine] @ root.T
        white -= shift
        result[mine, j] = constant - 0.5 * np.einsum("md,md->m", white, white)
    return result


def _normalized(log_joint: Array) -> tuple[Array, Array]:
    largest = np.max(log_joint, axis=1, keepdims=True)
    shares = np.exp(log_joint - largest)
    total = np.sum(shares, axis=1, keepdims=True)
    return shares / total, (largest + np.log(total))[:, 0]


def _maximized(z: Array, shares: Array, floor: float) -> Mixture:
    count, dim = shares.shape[1], z.shape[1]
    weights, means, covariances = np.zeros(count), np.zeros((count, dim)), np.tile(np.eye(dim), (count, 1, 1))
    for j in range(count):
        mine = np.flatnonzero(shares[:, j] > BELONGS)
        total = float(np.sum(shares[mine, j], dtype=float))
        if total < 0.5:  # empty: no weight, until the next fit revives it
            continue
        part = shares[mine, j, None]
        mean = np.sum(part * z[mine], axis=0, dtype=float) / total
        centred = (z[mine] - mean.astype(np.float32)) * np.sqrt(part)
        weights[j], means[j] = total, mean
        covariances[j] = (centred.T @ centred).astype(float) / total + floor * np.eye(dim)
    return Mixture(weights / np.sum(weights), means, covariances)


def _seeded(z: Array, count: int, rng: np.random.Generator, floor: float) -> Mixture:
    """Components around centres that k-means++ chooses and four of Lloyd's iterations move."""
    centres = z[rng.integers(len(z))][None]
    nearest = np.full(len(z), np.inf, dtype=np.float32)
    while len(centres) < min(count, len(z)):
        nearest = np.minimum(nearest, np.sum((z - centres[-1]) ** 2, axis=1))
        cumulative = np.cumsum(nearest, dtype=float)
        centres = np.vstack([centres, z[min(int(np.searchsorted(cumulative, rng.random() * cumulative[-1])), len(z) - 1)]])
    one_hot = np.eye(len(centres), dtype=np.float32)
    for _ in range(4):
        member = one_hot[np.argmin(np.sum(centres**2, axis=1) - 2 * (z @ centres.T), axis=1)]
        sizes = np.sum(member, axis=0)
        centres = np.where(sizes[:, None] > 0, (member.T @ z) / np.maximum(sizes, 1)[:, None], centres)
    return _maximized(z, member, floor)


def _revived(mixture: Mixture, z: Array, rng: np.random.Generator, floor: float) -> Mixture:
    """`mixture` with its empty components placed, small and round, on points that the others explain worst."""
    weights, means, covariances = (np.array(part) for part in mixture)
    empty = np.flatnonzero(weights * len(z) < 0.5)
    covariances += floor * np.eye(z.shape[1])
    if len(empty) == 0 or len(empty) == len(weights):
        return Mixture(weights, means, covariances) if len(empty) == 0 else _seeded(z, len(weights), rng, floor)
    _, density = _normalized(_log_joint(z, _densities(Mixture(weights, means, covariances))))
    means[empty] = z[np.argsort(density)[: len(empty)]]
    covariances[empty] = np.eye(z.shape[1]) / len(weights)
    weights[empty] = 1.0 / len(z)
    return Mixture(weights / np.sum(weights), means, covariances)
