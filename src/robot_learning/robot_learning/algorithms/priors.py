"""What is known about the dynamics before the few rollouts of a condition are looked at step by step.

A prior says, for each condition and step, how z = [x; u; x'] varies near the rollouts: a normal distribution, which
algorithms/dynamics.py takes for as good as one more point. There are

* none: least squares;
* the Gaussian of all recent transitions, which is a mixture with one component;
* a mixture of Gaussians (Levine et al. 2015, "Learning contact-rich manipulation skills with guided policy search");
* a network (Fu, Levine and Abbeel 2016, "One-shot learning of manipulation skills with online dynamics adaptation and neural
  network priors"), trained on the transitions of all iterations and conditions and linearized where the rollouts are.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from robot_learning.algorithms.dynamics import Prior, transitions
from robot_learning.core import gmm
from robot_learning.core.gaussian import Normal
from robot_learning.core.types import Array, Rollouts
from robot_learning.models import dynamics_net
from robot_learning.models.dynamics_net import DynamicsNet

Kind = Literal["none", "gaussian", "gmm", "neural"]
INPUTS = 0.1  # the network's Jacobian counts for so many points in every direction of [x; u]
UNSEEN = 1e-5  # variance of [x; u] in directions in which the rollouts do not vary, in standardized units


class Learned(NamedTuple):
    """What a prior keeps from one iteration to the next; at most one of them is there."""

    mixture: gmm.Mixture | None = None
    net: DynamicsNet | None = None

    @property
    def prior(self) -> Prior | None:
        """The prior that was learned; None: there is none."""
        return self.mixture if self.net is None else NeuralPrior(self.net)

    @property
    def fault(self) -> str:
        """What went wrong while it was learned; empty if nothing did."""
        if self.net is None or np.any(self.net.layers[-1].W):
            return ""
        return "the prior's network predicted no better than its linear part and was left out"


class NeuralPrior(NamedTuple):
    """A network's mean and Jacobian, averaged over a step's rollouts.

    With μ the mean of the N inputs, F the mean Jacobian and Q the inputs' covariance,

        mean = [μ; mean of f],   covariance = [Q, Q Fᵀ; F Q, F Q Fᵀ + Σ],

    Σ being the network's error on points that were held back. Q is a small share of the scatter of rollouts about their means,
    pooled over all steps and conditions: a single step's five rollouts would leave most directions out, and the scatter over all
    steps would make the Jacobian outweigh the rollouts.
    """

    net: DynamicsNet

    def near(self, points: Array, center: Array, scale: Array) -> Iterator[Normal]:
        """See dynamics.Prior."""
        dx, dz = len(self.net.shift), len(self.net.center)
        into, out = scale[:dz], scale[dz:]
        inputs = points[..., :dz]
        apart = ((inputs - np.mean(inputs, axis=1, keepdims=True)) / into).reshape(-1, dz)
        Q = INPUTS * (apart.T @ apart) / len(apart) + UNSEEN * np.eye(dz)
        noise = self.net.noise / (out[:, None] * out)
        for own in inputs:
            x, u = own[..., :dx], own[..., dx:]
            F = np.mean(self.net.derivatives(x, u), axis=0) * (into / out[:, None])
            mean = np.concatenate([np.mean(own, axis=0), np.mean(self.net.mean(x, u), axis=0)], axis=-1)
            covariance = np.empty((len(F), dz + dx, dz + dx))
            covariance[:, :dz, :dz] = Q
            covariance[:, dz:, :dz] = F @ Q
            covariance[:, :dz, dz:] = np.swapaxes(covariance[:, dz:, :dz], 1, 2)
            covariance[:, dz:, dz:] = covariance[:, dz:, :dz] @ np.swapaxes(F, 1, 2) + noise
            yield Normal((mean - center) / scale, covariance)


def mixture(memory: Sequence[Rollouts], last: gmm.Mixture | None, most: int, least_points: int, seed: int) -> tuple[Learned, float]:
    """A mixture over the transitions of `memory`, and its log-likelihood per point.

    It has as many components as get `least_points` each, but at most `most`; NaN where there is none. EM goes on from the `last`
    mixture where that has as many.
    """
    points = np.concatenate([part.reshape(-1, part.shape[-1]) for part in map(transitions, memory)])
    components = min(most, len(points) // least_points)
    if components == 0:
        return Learned(), float("nan")
    fitted = gmm.fit(points, components, seed, last if last is not None and len(last.weights) == components else None)
    return Learned(mixture=fitted.mixture), fitted.log_likelihood[-1]


def network(memory: Sequence[Rollouts], last: DynamicsNet | None, seed: int) -> Learned:
    """A network trained on all transitions of `memory`, from the `last` one on."""
    return Learned(net=dynamics_net.fit(*pairs(memory), seed, start=last).net)


def pairs(memory: Sequence[Rollouts]) -> tuple[Array, Array, Array]:
    """All transitions as states (M, dx), actions (M, du) and next states (M, dx)."""
    parts = [(states[..., :-1, :], actions, states[..., 1:, :]) for states, actions in memory]
    states, actions, following = (np.concatenate([a.reshape(-1, a.shape[-1]) for a in column]) for column in zip(*parts, strict=True))
    return states, actions, following
