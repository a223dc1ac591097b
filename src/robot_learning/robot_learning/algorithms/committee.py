"""Several networks as one: their mean is more even between what they were trained on than any of them (Hansen and Salamon 1990)."""

from collections.abc import Sequence

import numpy as np

from robot_learning.core.types import Array
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.models.mlp import Layer


def merged(members: Sequence[GaussianPolicy]) -> GaussianPolicy:
    """One network whose mean action is the mean of those of `members`, which are as deep, and normalized alike; the first's covariance.

    The first layers stand side by side and the inner ones along a diagonal of blocks, so that members do not see each other; the last
    layer adds them up.
    """
    first = members[0]
    if len(members) == 1:
        return first
    if any(not np.array_equal(m.center, first.center) or not np.array_equal(m.scale, first.scale) for m in members):
        raise ValueError("the members of a committee must be normalized alike")
    entry, *inner, last = zip(*(member.layers for member in members), strict=True)
    layers = [Layer(np.concatenate([layer.W for layer in entry]), np.concatenate([layer.b for layer in entry]))]
    layers += [Layer(_diagonal([layer.W for layer in row]), np.concatenate([layer.b for layer in row])) for row in inner]
    share = np.float32(1.0 / len(members))
    layers.append(Layer(share * np.concatenate([layer.W for layer in last], axis=1), share * np.sum([layer.b for layer in last], axis=0)))
    return GaussianPolicy(layers, first.center, first.scale, first.covariance)


def _diagonal(blocks: Sequence[Array]) -> Array:
    """The blocks (n_i, m_i) along a diagonal, zeros elsewhere."""
    whole = np.zeros((sum(len(block) for block in blocks), sum(block.shape[1] for block in blocks)), blocks[0].dtype)
    row = column = 0
    for block in blocks:
        whole[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return whole
