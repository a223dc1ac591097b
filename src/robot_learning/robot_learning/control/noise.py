"""Exploration noise: smooth in time, so that its effect adds up instead of cancelling, with unit variance at every step."""

import numpy as np

from robot_learning.core.types import Array


def draw(seed: int, horizon: int, action_dim: int, smooth: float = 2.0) -> Array:
    """Standard normal noise (T, du), each dimension convolved with a Gaussian of `smooth` steps; 0: white."""
    radius = int(np.ceil(4 * smooth))
    white = np.random.default_rng(seed).standard_normal((horizon + 2 * radius, action_dim))
    if radius == 0:
        return white
    window = np.exp(-0.5 * (np.arange(-radius, radius + 1) / smooth) ** 2)
    window /= np.sqrt(np.sum(window**2))  # a sum of independent unit variances stays a unit variance
    result = np.zeros((horizon, action_dim))
    for offset, weight in enumerate(window):
        result += weight * white[offset : offset + horizon]
    return result


def silence(horizon: int, action_dim: int) -> Array:
    """No noise (T, du): the controller's mean."""
    return np.zeros((horizon, action_dim))
