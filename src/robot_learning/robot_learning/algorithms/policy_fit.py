"""Supervised learning of the global policy from local controllers, weighted by their precision.

    minimise  Σ_i ½ (π(x_i) − μ_i)ᵀ C_i⁻¹ (π(x_i) − μ_i)        over the states x_i that were visited,

with μ_i and C_i the local controller's mean action and covariance there: the KL divergence from policy to controllers, up to what
does not depend on the network. The policy's covariance is the inverse of the mean precision, which minimises the same divergence.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from robot_learning.core.gmm import scales
from robot_learning.core.matrices import apply, inverse_root, symmetric, transpose
from robot_learning.core.types import Array, LinearGaussian
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.models.mlp import Layer


@dataclass(frozen=True)
class FitConfig:
    """Settings of the fit."""

    __pydantic_config__ = {"extra": "forbid"}

    steps: int = 1500  # of Adam
    batch: int = 256
    rate: float = 3e-3  # learning rate at first; it falls to zero along half a cosine
    decay: float = 1e-4  # of the weights, per step and learning rate


class FitReport(NamedTuple):
    """How the fit went; mean squared errors in units of the mean precision."""

    before: float
    after: float


def fit(
    policy: GaussianPolicy, states: Array, controllers: LinearGaussian, config: FitConfig, seed: int
) -> tuple[GaussianPolicy, FitReport]:
    """The policy after imitating `controllers` (C, T, …) at `states` (C, N, T + 1, dx), starting from the given one."""
    visited = states[..., :-1, :]
    K, k, covariance = controllers
    targets = apply(K[:, None], visited) + k[:, None]
    R, _ = inverse_root(covariance)
    precision = np.mean(transpose(R) @ R, axis=(0, 1))
    unit = np.sqrt(np.trace(precision) / len(precision))
    roots = np.broadcast_to((R / unit)[:, None], (*targets.shape, targets.shape[-1]))
    dx, du = visited.shape[-1], targets.shape[-1]
    x, y, w = visited.reshape(-1, dx), targets.reshape(-1, du), roots.reshape(-1, du, du)
    center, scale = scales(x)
    policy = renormalized(policy, center, scale)
    layers, report = _train(policy.layers, (x - center) / scale, y, w, config, seed)
    inverse, _ = inverse_root(symmetric(precision))
    return GaussianPolicy(layers, center, scale, symmetric(transpose(inverse) @ inverse)), report


def renormalized(policy: GaussianPolicy, center: Array, scale: Array) -> GaussianPolicy:
    """The same function of the state with another normalization of its input."""
    first, *rest = policy.layers
    W = first.W / policy.scale
    moved = Layer((W * scale).astype(np.float32), (first.b + W @ (center - policy.center)).astype(np.float32))
    return GaussianPolicy([moved, *rest], center, scale, policy.covariance)


def _train(layers: tuple[Layer, ...], x: Array, y: Array, w: Array, config: FitConfig, seed: int) -> tuple[list[Layer], FitReport]:
    generator = torch.Generator().manual_seed(seed)
    inputs, targets, roots = (torch.tensor(array, dtype=torch.float32) for array in (x, y, w))
    parameters = [torch.tensor(array, requires_grad=True) for layer in layers for array in layer]
    optimizer = torch.optim.AdamW(parameters, lr=config.rate, weight_decay=config.decay, foreach=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)

    def loss(rows: torch.Tensor | slice) -> torch.Tensor:
        h = inputs[rows]
        for i in range(0, len(parameters) - 2, 2):
            h = torch.relu(torch.nn.functional.linear(h, parameters[i], parameters[i + 1]))
        error = torch.nn.functional.linear(h, parameters[-2], parameters[-1]) - targets[rows]
        return (roots[rows] @ error[..., None]).square().mean()

    with torch.no_grad():
        before = float(loss(slice(None)))
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(config.steps):
        if len(order) < config.batch:
            order = torch.cat([order, torch.randperm(len(inputs), generator=generator)])
        rows, order = order[: config.batch], order[config.batch :]
        optimizer.zero_grad()
        loss(rows).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        after = float(loss(slice(None)))
    arrays = [parameter.detach().numpy().copy() for parameter in parameters]
    return [Layer(W, b) for W, b in zip(arrays[::2], arrays[1::2], strict=True)], FitReport(before, after)
