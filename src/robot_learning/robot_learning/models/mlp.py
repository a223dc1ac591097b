"""A small fully connected network as plain arrays: what the control loop runs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from robot_learning.core.types import Array


class Layer(NamedTuple):
    """y = W x + b."""

    W: Array  # (out, in)
    b: Array  # (out,)


def forward(layers: Sequence[Layer], x: Array) -> Array:
    """The output (…, out) for inputs (…, in); ReLU between layers, none after the last."""
    for layer in layers[:-1]:
        x = np.maximum(x @ layer.W.T + layer.b, 0.0)
    y: Array = x @ layers[-1].W.T + layers[-1].b
    return y


def gradient(layers: Sequence[Layer], x: Array, pull: Callable[[Array], Array]) -> list[Layer]:
    """The derivatives of a loss with respect to W and b of each layer; inputs x (M, in), `pull` takes outputs to ∂loss/∂outputs."""
    inputs = [x]
    for layer in layers[:-1]:
        inputs.append(np.maximum(inputs[-1] @ layer.W.T + layer.b, 0.0))
    back = pull(inputs[-1] @ layers[-1].W.T + layers[-1].b)
    found = []
    for i in reversed(range(len(layers))):
        found.append(Layer(back.T @ inputs[i], np.sum(back, axis=0)))
        if i > 0:
            back = (back @ layers[i].W) * (inputs[i] > 0)
    return found[::-1]


def jacobian(layers: Sequence[Layer], x: Array) -> tuple[Array, Array]:
    """Output (…, out) and exact Jacobian (…, out, in) at inputs (…, in)."""
    hidden, slopes = x, []
    for layer in layers[:-1]:
        hidden = hidden @ layer.W.T + layer.b
        slopes.append(hidden > 0)
        hidden = np.maximum(hidden, 0.0)
    J = layers[-1].W
    for layer, slope in zip(reversed(layers[:-1]), reversed(slopes), strict=True):
        J = (J * slope[..., None, :]) @ layer.W
    return hidden @ layers[-1].W.T + layers[-1].b, J
