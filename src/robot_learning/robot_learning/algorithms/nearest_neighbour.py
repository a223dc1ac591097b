"""Nearest neighbour: a general policy without a network. It acts by the local controller whose condition resembles the present one most.

    c(x) = argmin over c of  Σ_d ((x_d − x̄_cd) / s_d)²,        s the standard deviations over the controllers' own places x̄.

A place is what a condition is recognised by: the first state of its episodes, which holds start and target, or a part of it, such as
the pose of an object (Kumar, Gupta, Todorov and Levine 2016). All local controllers have to be kept, and a place has to be measured.
With the mean path of each controller for its places, it can choose anew at each step.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.gmm import scales
from robot_learning.core.types import Array, LinearGaussian


class Places(NamedTuple):
    """What controllers are recognised by."""

    points: Array  # (C, …, D); "…" may be the steps of an episode
    scale: Array  # (D,): a difference of so much counts as one


def learn(points: Array) -> Places:
    """Places (C, …, D) with their own standard deviations as scale; a dimension that does not vary is measured in its own unit."""
    _, scale = scales(points.reshape(-1, points.shape[-1]))
    return Places(points, scale)


def nearest(places: Places, points: Array) -> NDArray[np.intp]:
    """The number (M,) of the controller that is nearest to each of some points (M, D); of equals the first. Places (C, D)."""
    apart = (points[:, None] - places.points) / places.scale
    found: NDArray[np.intp] = np.argmin(np.sum(apart * apart, axis=-1), axis=1)
    return found


def nearest_now(places: Places, step: int, point: Array) -> int:
    """The number of the controller whose path (C, T + 1, D) is nearest to a point (D,) at a step."""
    return int(nearest(Places(places.points[:, step], places.scale), point[None])[0])


def select(controllers: LinearGaussian, places: Places, points: Array) -> LinearGaussian:
    """The controllers (M, T, …) out of (C, T, …) for conditions that are recognised by points (M, D)."""
    index = nearest(places, points)
    return LinearGaussian(controllers.K[index], controllers.k[index], controllers.covariance[index])
