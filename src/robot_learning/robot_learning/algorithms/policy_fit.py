"""Supervised learning of the global policy from local controllers, weighted by their precision.

    minimise  Σ_i ½ (π(x_i) − μ_i)ᵀ C_i⁻¹ (π(x_i) − μ_i)        over the states x_i that were visited,

with μ_i and C_i the local controller's mean action and covariance there: the KL divergence from policy to controllers, up to what
does not depend on the network. Teachers may have an importance each, which scales their precision. The
policy's covariance is the inverse of the mean precision, which minimises the same divergence, but not less than a floor.

The states are redundant, so many networks fit equally well where states were visited; weight decay (Loshchilov and Hutter 2019)
chooses one that is smooth in between, and this is what makes the policy reach targets that it was not trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from robot_learning.core.gmm import scales
from robot_learning.core.matrices import apply, inverse_root, raise_eigenvalues, symmetric, transpose
from robot_learning.core.types import Array, LinearGaussian
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.models.mlp import Layer, forward, gradient


@dataclass(frozen=True)
class FitConfig:
    """Settings of the fit."""

    __pydantic_config__ = {"extra": "forbid"}

    steps: int = 1500  # of Adam
    batch: int = 256
    rate: float = 3e-3  # learning rate at first; it falls to zero along half a cosine
    decay: float = 1.0  # of the parameters, per step and learning rate: without it, targets between the trained ones suffer
    least_deviation: float = 0.1  # of the policy's actions in any direction: it has to go on exploring


class FitReport(NamedTuple):
    """How the fit went; mean squared errors in units of the mean precision."""

    before: float
    after: float
    outcome: str = "fitted"  # or "rejected: <why>": then the policy is the one from before


def fit(
    policy: GaussianPolicy,
    states: Array,
    controllers: LinearGaussian,
    config: FitConfig,
    seed: int,
    importance: Array | None = None,
) -> tuple[GaussianPolicy, FitReport]:
    """The policy after imitating `controllers` (C, T, …) at `states` (C, N, T + 1, dx), starting from the given one.

    importance (C, T): of each teacher, positive, by its ratio to the mean; all equal if None.
    """
    visited = states[..., :-1, :]
    K, k, covariance = controllers
    R, _ = inverse_root(covariance)
    precisions = transpose(R) @ R
    if importance is not None:
        precisions = precisions * (importance / np.mean(importance))[..., None, None]
    return imitate(policy, visited, apply(K[:, None], visited) + k[:, None], precisions[:, None], config, seed)


def imitate(
    policy: GaussianPolicy, states: Array, actions: Array, precisions: Array, config: FitConfig, seed: int
) -> tuple[GaussianPolicy, FitReport]:
    """The policy after learning `actions` (…, du) in `states` (…, dx), starting from the given one.

    precisions (…, du, du): how exactly each action is meant; one for several states where a dimension is 1.
    """
    dx, du = states.shape[-1], actions.shape[-1]
    precision = np.mean(precisions, axis=tuple(range(precisions.ndim - 2)))
    weights = precisions / (np.trace(precision) / du)
    x, y, w = states.reshape(-1, dx), actions.reshape(-1, du), np.broadcast_to(weights, (*actions.shape, du)).reshape(-1, du, du)
    center, scale = scales(x)
    layers, report = _train(renormalized(policy, center, scale).layers, (x - center) / scale, y, w, config, seed)
    if not np.isfinite(report.after):
        return policy, report._replace(outcome="rejected: the fit diverged")
    spread = raise_eigenvalues(_inverse(precision), config.least_deviation**2)
    return GaussianPolicy(layers, center, scale, spread), report


def pooled(controllers: LinearGaussian) -> Array:
    """The covariance (du, du) whose precision is the mean of all precisions of `controllers` (C, T, …)."""
    R, _ = inverse_root(controllers.covariance)
    return _inverse(np.mean(transpose(R) @ R, axis=(0, 1)))


def _inverse(M: Array) -> Array:
    """The inverse (…, n, n) of a symmetric positive definite matrix."""
    R, _ = inverse_root(symmetric(M))
    return symmetric(transpose(R) @ R)


def renormalized(policy: GaussianPolicy, center: Array, scale: Array) -> GaussianPolicy:
    """The same function of the state with another normalization of its input."""
    first, *rest = policy.layers
    W = first.W / policy.scale
    moved = Layer((W * scale).astype(np.float32), (first.b + W @ (center - policy.center)).astype(np.float32))
    return GaussianPolicy([moved, *rest], center, scale, policy.covariance)


def _train(layers: Sequence[Layer], x: Array, y: Array, w: Array, config: FitConfig, seed: int) -> tuple[list[Layer], FitReport]:
    """Adam (Kingma and Ba 2015) with decoupled weight decay in float32, on minibatches: each point once before any is seen again."""
    rng = np.random.default_rng(seed)
    x, y, w = (np.ascontiguousarray(array, dtype=np.float32) for array in (x, y, w))
    flat, network = _flat(layers)
    first, second = np.zeros_like(flat), np.zeros_like(flat)
    before = _error(network, x, y, w)
    batch = min(config.batch, len(x))
    order = np.empty(0, dtype=int)
    for step in range(1, config.steps + 1):
        if len(order) < batch:
            order = rng.permutation(len(x))
        rows, order = order[:batch], order[batch:]
        targets, weights = y[rows], w[rows] / np.float32(batch)
        parts = gradient(network, x[rows], partial(_slope, targets, weights))
        slope = np.concatenate([array.ravel() for layer in parts for array in layer])
        first += 0.1 * (slope - first)
        second += 0.001 * (slope * slope - second)
        rate = 0.5 * config.rate * (1.0 + np.cos(np.pi * step / config.steps))
        flat *= np.float32(1.0 - rate * config.decay)
        flat -= np.float32(rate / (1 - 0.9**step)) * first / (np.sqrt(second / np.float32(1 - 0.999**step)) + np.float32(1e-8))
    return [Layer(layer.W.copy(), layer.b.copy()) for layer in network], FitReport(before, _error(network, x, y, w))


def _slope(targets: Array, weights: Array, output: Array) -> Array:
    """The weighted squared error's derivative by the network's output: (B, du), weights (B, du, du)."""
    slope: Array = np.sum(weights * (output - targets)[:, None, :], axis=-1)
    return slope


def _flat(layers: Sequence[Layer]) -> tuple[Array, list[Layer]]:
    """All parameters in one float32 vector, and layers that are views of it."""
    flat = np.concatenate([array.ravel() for layer in layers for array in layer]).astype(np.float32)
    views, start = [], 0
    for layer in layers:
        W, b = (part.size for part in layer)
        views.append(Layer(flat[start : start + W].reshape(layer.W.shape), flat[start + W : start + W + b]))
        start += W + b
    return flat, views


def _error(layers: Sequence[Layer], x: Array, y: Array, w: Array) -> float:
    error = forward(layers, x) - y
    return float(np.mean(np.sum(error * np.sum(w * error[:, None, :], axis=-1), axis=-1)) / y.shape[1])
