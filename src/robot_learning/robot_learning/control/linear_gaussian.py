"""Running a time-varying linear-Gaussian controller u_t ~ N(K_t x_t + k_t, C_t)."""

import numpy as np

from robot_learning.core.types import Array, LinearGaussian


def act(controller: LinearGaussian, t: int, state: Array, noise: Array | None = None) -> Array:
    """The action (du,) at step t in `state` (dx,); `noise` (du,) is standard normal, None: the mean.

    The sums run in a fixed order, so that every process computes the same bits.
    """
    mean: Array = np.add.reduce(controller.K[t] * state, axis=-1) + controller.k[t]
    if noise is None:
        return mean
    root = np.linalg.cholesky(controller.covariance[t])
    return mean + np.add.reduce(root * noise, axis=-1)


def at(controller: LinearGaussian, index: int) -> LinearGaussian:
    """One controller out of a batch."""
    return LinearGaussian(controller.K[index], controller.k[index], controller.covariance[index])


def stack(controllers: list[LinearGaussian]) -> LinearGaussian:
    """One batch, with a new leading dimension, out of several controllers of the same shape."""
    return LinearGaussian(*(np.stack(parts) for parts in zip(*controllers, strict=True)))
