"""The global policy of guided policy search: a small network's mean, and a constant covariance.

A value: nothing changes it, training returns another one. It acts on float64 copies of its float32 weights, with sums in a fixed
order, so that every process on a machine computes the same action.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from robot_learning.core.types import Array
from robot_learning.models.mlp import Layer, forward, jacobian

HIDDEN = (40, 40)
KIND = "gaussian_policy"


class GaussianPolicy:
    """u ~ N(network((x − center) / scale), covariance); actions are dimensionless."""

    def __init__(self, layers: Sequence[Layer], center: Array, scale: Array, covariance: Array) -> None:
        """Network `layers` (float32), normalization `center` and `scale` (dx,) of its input, `covariance` (du, du)."""
        self.layers = tuple(layers)
        self.center, self.scale, self.covariance = center, scale, covariance
        self._root = np.linalg.cholesky(covariance)
        first, *rest = (Layer(layer.W.astype(float), layer.b.astype(float)) for layer in self.layers)
        W = first.W / scale
        self._network = (Layer(W, first.b - W @ center), *rest)

    @classmethod
    def initial(cls, state_dim: int, action_dim: int, seed: int, variance: float = 1.0, hidden: Sequence[int] = HIDDEN) -> "GaussianPolicy":
        """Random weights (He et al. 2015) and a small output layer: it begins near zero."""
        rng = np.random.default_rng(seed)
        sizes = [state_dim, *hidden, action_dim]
        layers = []
        for i, (inputs, outputs) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            spread = np.sqrt(2.0 / inputs) * (1.0 if i < len(hidden) else 0.1)
            layers.append(Layer((spread * rng.standard_normal((outputs, inputs))).astype(np.float32), np.zeros(outputs, np.float32)))
        return cls(layers, np.zeros(state_dim), np.ones(state_dim), variance * np.eye(action_dim))

    def act(self, state: Array, noise: Array | None = None) -> Array:
        """The action (du,) in `state` (dx,); `noise` (du,) is standard normal, None: the mean."""
        x = state
        for W, b in self._network[:-1]:
            x = np.maximum(np.add.reduce(W * x, axis=-1) + b, 0.0)
        W, b = self._network[-1]
        mean: Array = np.add.reduce(W * x, axis=-1) + b
        return mean if noise is None else mean + np.add.reduce(self._root * noise, axis=-1)

    def mean(self, states: Array) -> Array:
        """The mean actions (…, du) in states (…, dx)."""
        return forward(self._network, states)

    def jacobian(self, states: Array) -> tuple[Array, Array]:
        """The mean actions (…, du) and their exact derivatives (…, du, dx) in states (…, dx)."""
        return jacobian(self._network, states)

    @property
    def state_dim(self) -> int:
        """Length dx of the states on which it acts."""
        return len(self.center)

    @property
    def action_dim(self) -> int:
        """Length du of its actions."""
        return len(self.covariance)

    def state(self) -> dict[str, Array]:
        """The arrays that make up the policy, by name."""
        tensors: dict[str, Array] = {"center": self.center, "scale": self.scale, "covariance": self.covariance}
        for i, layer in enumerate(self.layers):
            tensors[f"layer{i}.weight"], tensors[f"layer{i}.bias"] = layer.W, layer.b
        return tensors

    @classmethod
    def from_state(cls, tensors: Mapping[str, Array]) -> "GaussianPolicy":
        """The policy with these arrays; ValueError if names or shapes do not fit together."""
        names = {"center", "scale", "covariance"}
        count = (len(tensors) - len(names)) // 2
        names |= {f"layer{i}.{part}" for i in range(count) for part in ("weight", "bias")}
        if set(tensors) != names or count < 1:
            raise ValueError(f"arrays {', '.join(sorted(tensors))}; expected {', '.join(sorted(names))}")
        layers = [Layer(tensors[f"layer{i}.weight"], tensors[f"layer{i}.bias"]) for i in range(count)]
        sizes = [len(tensors["center"]), *(len(layer.b) for layer in layers)]
        for i, layer in enumerate(layers):
            if layer.W.shape != (sizes[i + 1], sizes[i]) or layer.b.shape != (sizes[i + 1],):
                raise ValueError(f"layer{i}.weight has shape {layer.W.shape}; ({sizes[i + 1]}, {sizes[i]}) is expected")
        if tensors["scale"].shape != (sizes[0],) or tensors["covariance"].shape != (sizes[-1], sizes[-1]):
            raise ValueError(f"scale and covariance must have shapes ({sizes[0]},) and ({sizes[-1]}, {sizes[-1]})")
        return cls(layers, *(tensors[name].astype(float) for name in ("center", "scale", "covariance")))

    def about(self) -> dict[str, object]:
        """See models/manifest.py."""
        return {"kind": KIND}
