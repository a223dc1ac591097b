"""The global policy as a time-varying linear-Gaussian controller around the states that were visited."""

import numpy as np

from robot_learning.core.matrices import apply
from robot_learning.core.types import Array, LinearGaussian
from robot_learning.models.gaussian_policy import GaussianPolicy


def linearize(policy: GaussianPolicy, states: Array) -> LinearGaussian:
    """K (C, T, du, dx), k and covariance from states (C, N, T + 1, dx).

    K_t is the mean of the network's exact Jacobians at the N states of step t, and k_t makes the mean action right. Unlike a
    regression of actions on a few states it needs no prior, and is right in directions in which the states do not vary.
    """
    visited = states[..., :-1, :]
    actions, jacobians = policy.jacobian(visited)
    K = np.mean(jacobians, axis=1)
    k = np.mean(actions, axis=1) - apply(K, np.mean(visited, axis=1))
    return LinearGaussian(K, k, np.broadcast_to(policy.covariance, (*k.shape, k.shape[-1])))
