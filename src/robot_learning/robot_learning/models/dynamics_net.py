"""A global model of the dynamics, x' = x + f(x, u): one for all conditions, tasks and iterations together.

f is linear, by least squares, plus a small network that learns what is left: away from the data the linear part still holds, and
weight decay keeps the network from inventing more. Hidden units are tanh, so that the Jacobian, which is what trajectory
optimization asks for, is smooth. Weights are trained in float32; means and derivatives are computed in float64.

A model is a value: nothing changes it, `fit` returns another one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from robot_learning.core.gmm import scales
from robot_learning.core.types import Array
from robot_learning.models.mlp import Layer, forward

LEAST = 1e-6  # standard deviation of the residuals, relative to that of the change: the model is never taken for exact
VECTORS = ("center", "scale", "shift", "span", "noise")
HELD_BACK = 10  # one point in so many is not trained on, but used to estimate the noise


@dataclass(frozen=True)
class NetConfig:
    """Settings of the network and its fit."""

    __pydantic_config__ = {"extra": "forbid"}

    hidden: tuple[int, ...] = (64, 64)
    steps: int = 4000  # of Adam for the first fit
    again: int = 3000  # and for each that starts from the last one
    batch: int = 256
    rate: float = 3e-3  # learning rate at first; it falls to zero along half a cosine
    decay: float = 0.2  # of the weights, per step and learning rate
    ridge: float = 1e-6  # of the linear part, in standardized units


class DynamicsNet(NamedTuple):
    """x' = x + shift + span · (linear(z) + network(z)) + noise, with z = ([x; u] − center) / scale."""

    linear: Layer  # float64
    layers: tuple[Layer, ...]  # float32
    center: Array  # (dx + du,)
    scale: Array  # (dx + du,)
    shift: Array  # (dx,), mean change in a step
    span: Array  # (dx,), its standard deviation
    noise: Array  # (dx, dx), covariance of x' on points that the last fit held back

    def mean(self, states: Array, actions: Array) -> Array:
        """The expected next states (…, dx) after actions (…, du) in states (…, dx)."""
        h = z = (np.concatenate([states, actions], axis=-1) - self.center) / self.scale
        for layer in self.layers[:-1]:
            h = np.tanh(h @ layer.W.T.astype(float) + layer.b)
        last = self.layers[-1]
        result: Array = states + self.shift + self.span * (forward([self.linear], z) + h @ last.W.T.astype(float) + last.b)
        return result

    def derivatives(self, states: Array, actions: Array) -> Array:
        """∂x'/∂[x; u] (…, dx, dx + du) there."""
        h = (np.concatenate([states, actions], axis=-1) - self.center) / self.scale
        slopes = []
        for layer in self.layers[:-1]:
            h = np.tanh(h @ layer.W.T.astype(float) + layer.b)
            slopes.append(1.0 - h * h)
        J = self.layers[-1].W.astype(float)
        for layer, slope in zip(reversed(self.layers[:-1]), reversed(slopes), strict=True):
            J = (J * slope[..., None, :]) @ layer.W.astype(float)
        J = (self.linear.W + J) * (self.span[:, None] / self.scale)
        dx = states.shape[-1]
        J[..., range(dx), range(dx)] += 1.0
        return J

    def state(self) -> dict[str, Array]:
        """The arrays that make up the model, by name."""
        own = {name: getattr(self, name) for name in VECTORS}
        named = [("linear", self.linear), *((f"layer{i}", layer) for i, layer in enumerate(self.layers))]
        return own | {f"{name}.{part}": array for name, layer in named for part, array in (("weight", layer.W), ("bias", layer.b))}

    @classmethod
    def from_state(cls, arrays: Mapping[str, Array]) -> "DynamicsNet":
        """The model with these arrays; ValueError if names or shapes do not fit together."""
        count = (len(arrays) - len(VECTORS)) // 2 - 1
        named = ["linear", *(f"layer{i}" for i in range(count))]
        names = {*VECTORS, *(f"{name}.{part}" for name in named for part in ("weight", "bias"))}
        if set(arrays) != names or count < 1:
            raise ValueError(f"arrays {', '.join(sorted(arrays))}; expected {', '.join(sorted(names))}")
        linear, *layers = (Layer(arrays[f"{name}.weight"], arrays[f"{name}.bias"]) for name in named)
        net = cls(linear, tuple(layers), *(arrays[name] for name in VECTORS))
        dx, dz, sizes = net.shift.size, net.center.size, [layer.b.size for layer in layers]
        shapes: dict[str, tuple[int, ...]] = {"center": (dz,), "scale": (dz,), "shift": (dx,), "span": (dx,), "noise": (dx, dx)}
        for name, inputs, outputs in zip(named, [dz, dz, *sizes], [dx, *sizes], strict=False):
            shapes |= {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise ValueError(f"{name} has shape {arrays[name].shape}; {shape} is expected")
        if not 0 < dx < dz or sizes[-1] != dx or np.any(net.scale <= 0):
            raise ValueError(f"no dynamics: {dx} states, {dz - dx} actions, {sizes[-1]} outputs; scales are positive")
        return net


class NetFit(NamedTuple):
    """A network and how its fit went."""

    net: DynamicsNet
    error: float  # mean squared, on points held back, per output and relative to the variance of its change


def fit(
    states: Array, actions: Array, following: Array, seed: int, config: NetConfig | None = None, start: DynamicsNet | None = None
) -> NetFit:
    """The model after training on M transitions: states (M, dx), actions (M, du), next states (M, dx); from `start`, where given.

    It is never worse than its linear part would be alone, on the points that were held back.
    """
    config = config or NetConfig()
    rng = np.random.default_rng(seed)
    inputs, change = np.concatenate([states, actions], axis=-1), following - states
    dz, dx = inputs.shape[1], change.shape[1]
    (center, scale), (shift, span) = scales(inputs), scales(change)
    x, y = (inputs - center) / scale, (change - shift) / span
    order = rng.permutation(len(x))
    held, trained = order[: len(x) // HELD_BACK], order[len(x) // HELD_BACK :]
    judged = held if len(held) else trained
    bare = [Layer(np.zeros_like(layer.W), np.zeros_like(layer.b)) for layer in _first(dz, config.hidden, dx, rng)]
    candidates = [(_least_squares(x[trained], y[trained], config.ridge), bare)]
    if start is None or not np.any(start.layers[-1].W):  # from zeros tanh cannot learn
        first, steps = _first(dz, config.hidden, dx, rng), config.steps
    else:
        first, steps = _renormalized(start, center, scale, shift, span), config.again
    candidates.append(_learned(first, x[trained], y[trained], config, steps, rng))
    residuals = [
        forward([linear], x[judged]) + _outputs(layers, x[judged].astype(np.float32))[-1] - y[judged] for linear, layers in candidates
    ]
    errors = [float(np.mean(residual**2)) for residual in residuals]
    best = 1 if errors[1] < errors[0] else 0  # also where the network is not finite
    covariance = residuals[best].T @ residuals[best] / len(judged) + LEAST**2 * np.eye(dx)
    linear, layers = candidates[best]
    return NetFit(DynamicsNet(linear, tuple(layers), center, scale, shift, span, covariance * (span[:, None] * span)), errors[best])


def _learned(
    layers: Sequence[Layer], x: Array, y: Array, config: NetConfig, steps: int, rng: np.random.Generator
) -> tuple[Layer, list[Layer]]:
    """The linear part that fits what the network leaves, then the network that fits what the linear part leaves."""
    small = x.astype(np.float32)
    linear = _least_squares(x, y - _outputs(layers, small)[-1], config.ridge)
    return linear, _train(layers, small, (y - forward([linear], x)).astype(np.float32), config, steps, rng)


def _least_squares(x: Array, y: Array, ridge: float) -> Layer:
    """The W and b for which y ≈ W x + b, of least squares and a small ridge."""
    middle = np.mean(x, axis=0)
    centred = x - middle
    W: Array = np.linalg.solve(centred.T @ centred + ridge * len(x) * np.eye(x.shape[1]), centred.T @ y).T
    W = np.ascontiguousarray(W)  # as it comes back from a file: products of another layout differ in their last bits
    return Layer(W, np.mean(y, axis=0) - W @ middle)


def _first(inputs: int, hidden: Sequence[int], outputs: int, rng: np.random.Generator) -> list[Layer]:
    """Random weights (Glorot and Bengio 2010), the last ones small: the network begins near zero."""
    sizes = [inputs, *hidden, outputs]
    layers = []
    for i, (before, after) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        spread = np.sqrt(2.0 / (before + after)) * (1.0 if i < len(hidden) else 0.1)
        layers.append(Layer((spread * rng.standard_normal((after, before))).astype(np.float32), np.zeros(after, np.float32)))
    return layers


def _renormalized(net: DynamicsNet, center: Array, scale: Array, shift: Array, span: Array) -> list[Layer]:
    """The same function with another normalization of its inputs and outputs."""
    first, *middle, last = net.layers
    W = first.W / net.scale
    first = Layer((W * scale).astype(np.float32), (first.b + W @ (center - net.center)).astype(np.float32))
    gain = net.span / span
    last = Layer((gain[:, None] * last.W).astype(np.float32), (gain * last.b + (net.shift - shift) / span).astype(np.float32))
    return [first, *middle, last]


def _train(layers: Sequence[Layer], x: Array, y: Array, config: NetConfig, steps: int, rng: np.random.Generator) -> list[Layer]:
    """Adam (Kingma and Ba 2015) with decoupled weight decay, in float32, on minibatches: each point once before any is seen again."""
    flat, network = _flat(layers)
    first, second = np.zeros_like(flat), np.zeros_like(flat)
    batch = min(config.batch, len(x))
    order = np.empty(0, dtype=int)
    for step in range(1, steps + 1):
        if len(order) < batch:
            order = rng.permutation(len(x))
        rows, order = order[:batch], order[batch:]
        slope = _gradient(network, x[rows], y[rows])
        first += 0.1 * (slope - first)
        second += 0.001 * (slope * slope - second)
        rate = 0.5 * config.rate * (1.0 + np.cos(np.pi * step / steps))
        flat *= np.float32(1.0 - rate * config.decay)
        flat -= np.float32(rate / (1 - 0.9**step)) * first / (np.sqrt(second / np.float32(1 - 0.999**step)) + np.float32(1e-8))
    return [Layer(layer.W.copy(), layer.b.copy()) for layer in network]


def _outputs(layers: Sequence[Layer], x: Array) -> list[Array]:
    """The values of all layers, the input first, in float32."""
    values = [x]
    for layer in layers[:-1]:
        values.append(np.tanh(values[-1] @ layer.W.T + layer.b))
    values.append(values[-1] @ layers[-1].W.T + layers[-1].b)
    return values


def _gradient(layers: Sequence[Layer], x: Array, y: Array) -> Array:
    """The derivative of the mean of ½ |network(x) − y|² by all parameters, as one vector."""
    values = _outputs(layers, x)
    back = (values[-1] - y) / np.float32(len(x))
    parts: list[Array] = []
    for i in reversed(range(len(layers))):
        parts += [np.sum(back, axis=0), (back.T @ values[i]).ravel()]
        if i > 0:
            back = (back @ layers[i].W) * (1.0 - values[i] * values[i])
    return np.concatenate(parts[::-1])


def _flat(layers: Sequence[Layer]) -> tuple[Array, list[Layer]]:
    """All parameters in one float32 vector, and layers that are views of it."""
    flat = np.concatenate([array.ravel() for layer in layers for array in layer]).astype(np.float32)
    views, start = [], 0
    for layer in layers:
        W, b = (part.size for part in layer)
        views.append(Layer(flat[start : start + W].reshape(layer.W.shape), flat[start + W : start + W + b]))
        start += W + b
    return flat, views
