"""Time-varying linear-Gaussian dynamics fitted to a few rollouts, for all time steps and conditions at once.

At each step, the points z = [x; u; x'] of N rollouts are combined with a prior, which says how z varies near those points
(algorithms/priors.py). The conditional distribution of x' given [x; u] is the model. Without a prior it is the least-squares fit
with a small ridge.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np

from robot_learning.core import gmm
from robot_learning.core.gaussian import Normal, posterior, regression
from robot_learning.core.types import Array, Dynamics, Rollouts, StateGaussian

STRENGTH = 1.0  # of the prior, in points
RIDGE = 1e-8  # added to the variance of inputs, in standardized units
RIDGE_ALONE = 1e-5  # the same for an arm without a prior: in directions that vary less, coefficients would be mostly curvature
LEAST_NOISE = 1e-8  # variance, in standardized units


class Prior(Protocol):
    """How z = [x; u; x'] varies near some rollouts."""

    def near(self, points: Array, center: Array, scale: Array) -> Iterator[Normal]:
        """For each condition of `points` (C, N, T, D), in turn: mean (T, D) and covariance (T, D, D) of (z − center) / scale."""
        ...


def transitions(rollouts: Rollouts) -> Array:
    """The points z = [x; u; x'] (…, N, T, 2 dx + du)."""
    states, actions = rollouts
    return np.concatenate([states[..., :-1, :], actions, states[..., 1:, :]], axis=-1)


class Fitted(NamedTuple):
    """Models, and what had to be done for them."""

    dynamics: Dynamics  # (C, T, …)
    repaired: Array  # (C,), steps whose points were so degenerate that the ridge was not enough


def fit(rollouts: Rollouts, prior: Prior | None, ridge: float = RIDGE) -> Dynamics:
    """One linear model for each condition and step; states (C, N, T + 1, dx) and actions (C, N, T, du) -> F (C, T, dx, dx + du)."""
    return fitted(rollouts, prior, ridge).dynamics


def fitted(rollouts: Rollouts, prior: Prior | None, ridge: float = RIDGE) -> Fitted:
    """As `fit`, and where data had to be repaired."""
    inputs = rollouts.states.shape[-1] + rollouts.actions.shape[-1]
    points = transitions(rollouts)
    dim = points.shape[-1]
    center, scale = gmm.scales(points.reshape(-1, dim))
    z = np.swapaxes((points - center) / scale, 1, 2)  # (C, T, N, dim)
    nothing = Normal(np.zeros(dim), np.zeros((dim, dim)))
    known, strength = ((nothing for _ in z), 0.0) if prior is None else (prior.near(points, center, scale), STRENGTH)
    posteriors = (posterior(own, normal, strength, strength) for own, normal in zip(z, known, strict=True))
    # all steps of a condition at once, one condition at a time: the covariances of all of them would not stay in the cache
    fits = [regression(own, inputs, ridge) for own in posteriors]
    W, b, noise, repaired = (np.stack(parts) for parts in zip(*fits, strict=True))
    return Fitted(in_units(W, b, noise, center, scale), np.sum(repaired, axis=-1))


def in_units(W: Array, b: Array, noise: Array, center: Array, scale: Array) -> Dynamics:
    """Regressions of standardized points as dynamics; W (…, dx, dx + du), b (…, dx), noise (…, dx, dx), center and scale (2 dx + du,)."""
    dz, dx = W.shape[-1], W.shape[-2]
    into, out = scale[:dz], scale[dz:]
    F = W * (out[:, None] / into)
    f = b * out + center[dz:] - F @ center[:dz]
    return Dynamics(F, f, (noise + LEAST_NOISE * np.eye(dx)) * (out[:, None] * out))


def initial_state(rollouts: Rollouts, least: float = 1e-6) -> StateGaussian:
    """Where rollouts begin: mean (C, dx), and covariance (C, dx, dx) with at least `least` of each dimension's overall variance."""
    first = rollouts.states[..., 0, :]
    mean = np.mean(first, axis=-2)
    centred = first - mean[..., None, :]
    _, scale = gmm.scales(rollouts.states.reshape(-1, rollouts.states.shape[-1]))
    covariance = np.swapaxes(centred, -1, -2) @ centred / first.shape[-2] + least * np.diag(scale**2)
    return StateGaussian(mean, covariance)
