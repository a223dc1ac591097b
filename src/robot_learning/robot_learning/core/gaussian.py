"""Normal distributions: conditioning, divergence, and the posterior of mean and covariance.

"…" stands for any number of batch dimensions.
"""

from typing import NamedTuple

import numpy as np

from robot_learning.core.matrices import apply, inverse_root, symmetric, transpose
from robot_learning.core.types import Array


class Normal(NamedTuple):
    """A normal distribution over z (…, D)."""

    mean: Array  # (…, D)
    covariance: Array  # (…, D, D)


class Regression(NamedTuple):
    """y = W x + b + noise."""

    W: Array  # (…, dy, dx)
    b: Array  # (…, dy)
    noise: Array  # (…, dy, dy), covariance
    repaired: Array  # (…), whether the inputs' covariance had to be repaired although it had its ridge


def posterior(points: Array, prior: Normal, mean_strength: float, covariance_strength: float) -> Normal:
    """Mean and covariance after seeing N points (…, N, D), with a normal-inverse-Wishart prior worth so many points.

    With m, n₀ the strengths, S the scatter about the points' mean z̄ (Gelman et al., Bayesian Data Analysis, 3.6):
    μ = (N z̄ + m μ₀) / (N + m),  Σ = (S + n₀ Σ₀ + N m / (N + m) (z̄ − μ₀)(z̄ − μ₀)ᵀ) / (N + n₀).
    """
    count, m, n0 = points.shape[-2], mean_strength, covariance_strength
    middle = np.mean(points, axis=-2)
    apart = middle - prior.mean
    rows = np.concatenate([points - middle[..., None, :], np.sqrt(count * m / (count + m)) * apart[..., None, :]], axis=-2)
    rows /= np.sqrt(count + n0)
    covariance = transpose(rows) @ rows
    covariance += n0 / (count + n0) * prior.covariance
    return Normal((count * middle + m * prior.mean) / (count + m), covariance)


def regression(z: Normal, inputs: int, ridge: float) -> Regression:
    """The conditional distribution of z[inputs:] given z[:inputs]; `ridge` is added to the inputs' variances first."""
    xx = z.covariance[..., :inputs, :inputs].copy()
    xx[..., range(inputs), range(inputs)] += ridge
    yx, yy = z.covariance[..., inputs:, :inputs], z.covariance[..., inputs:, inputs:]
    R, repaired = inverse_root(xx)
    half = yx @ transpose(R)
    W = half @ R
    return Regression(W, z.mean[..., inputs:] - apply(W, z.mean[..., :inputs]), symmetric(yy - half @ transpose(half)), repaired)


def divergence(p: Normal, q: Normal) -> Array:
    """KL(p ‖ q) (…) in nats, never negative."""
    R, _ = inverse_root(q.covariance)
    s = np.linalg.eigvalsh(symmetric(R @ p.covariance @ transpose(R)))
    s = np.maximum(s, np.finfo(float).tiny)
    shift = apply(R, p.mean - q.mean)
    total: Array = 0.5 * (np.sum(np.maximum(s - 1 - np.log(s), 0.0), axis=-1) + np.sum(shift**2, axis=-1))
    return total
