"""The network: its derivatives by finite differences."""

import numpy as np
from numpy.testing import assert_allclose

from robot_learning.models.mlp import Layer, forward, gradient, jacobian


def network(seed, sizes=(5, 7, 6, 3)):
    rng = np.random.default_rng(seed)
    return [Layer(rng.standard_normal((o, i)), rng.standard_normal(o)) for i, o in zip(sizes[:-1], sizes[1:], strict=True)]


def test_the_jacobian_is_the_derivative():
    layers, step = network(0), 1e-6
    x = np.random.default_rng(1).standard_normal((2, 4, 5))
    y, J = jacobian(layers, x)
    assert_allclose(y, forward(layers, x))
    moved = [(forward(layers, x + step * e) - forward(layers, x - step * e)) / (2 * step) for e in np.eye(5)]
    assert_allclose(J, np.stack(moved, axis=-1), atol=1e-7)


def test_the_gradient_is_the_derivative_of_a_loss():
    layers, step = network(2), 1e-6
    rng = np.random.default_rng(3)
    x, target = rng.standard_normal((8, 5)), rng.standard_normal((8, 3))
    found = gradient(layers, x, lambda y: y - target)
    for i, layer in enumerate(layers):
        for part, array in enumerate(layer):
            for index in np.ndindex(array.shape):
                losses = []
                for sign in (1, -1):
                    moved = [Layer(one.W.copy(), one.b.copy()) for one in layers]
                    moved[i][part][index] += sign * step
                    losses.append(0.5 * np.sum((forward(moved, x) - target) ** 2))
                assert_allclose(found[i][part][index], (losses[0] - losses[1]) / (2 * step), atol=1e-5)
