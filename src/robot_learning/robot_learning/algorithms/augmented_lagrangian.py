"""Guided policy search by dual gradient descent on the augmented Lagrangian of u_t = π(x_t).

    L = E_p[ℓ] + Σ_t λ_tᵀ E[π(x_t) − u_t] + ½ ρ Σ_t E|π(x_t) − u_t|²_W,        λ ← λ + α W E[π(x_t) − u_t]

The metric W is the precision of the policy, so that an action that matters counts more, and ρ is in cost per nat. The C-step
minimises L over controllers with π linearized, the S-step over π: that is a regression on u_t − W⁻¹ λ_t/ρ. Without penalty, ρ = 0, it
is plain dual gradient descent; L is then linear in π's actions and has no least value, and the policy learns from u_t itself.
See algorithms/multipliers.py for the loop.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from robot_learning.algorithms import multipliers
from robot_learning.algorithms.multipliers import DualState, Gap, LoopConfig, Method, Turn
from robot_learning.algorithms.policy_fit import pooled
from robot_learning.control.kl_lqr import Bond
from robot_learning.core.matrices import apply, transpose
from robot_learning.core.types import Array, LinearGaussian, Rollouts
from robot_learning.tasks.description import TaskConfig


@dataclass(frozen=True)
class AugmentedRules:
    """Settings of the constraint."""

    __pydantic_config__ = {"extra": "forbid"}

    penalty: float = 0.003  # ρ, cost per nat; 0: dual gradient descent
    dual_step: float = 0.0015  # α, cost per nat; no more than ρ


@dataclass(frozen=True)
class AugmentedConfig:
    """Settings."""

    rules: AugmentedRules = field(default_factory=AugmentedRules)
    loop: LoopConfig = field(default_factory=LoopConfig)


def start(controllers: LinearGaussian, config: AugmentedConfig, seed: int) -> DualState:
    """The state before the first rollouts, with the controllers (C, T, …) that make them."""
    return multipliers.start(controllers, config.loop, config.rules.penalty, seed)


def samplers(state: DualState, config: AugmentedConfig) -> LinearGaussian:
    """The controllers (C, T, …) that the next rollouts come from."""
    return state.local.controllers


def update(
    state: DualState, rollouts: Rollouts, task: TaskConfig, config: AugmentedConfig, seed: int
) -> tuple[DualState, tuple[Turn, ...]]:
    """One iteration, after `rollouts` of `samplers`: states (C, N, T + 1, dx), actions (C, N, T, du)."""
    method = Method(bond, lesson, partial(dual, dual_step=config.rules.dual_step))
    return multipliers.update(state, rollouts, task, config.loop, seed, method)


def bond(policy: LinearGaussian, multiplier: Array, weight: Array) -> Bond:
    """L's terms in the controllers, for a linearized policy (C, T, …): λᵀ(K̂x − u) and the square."""
    linear = np.concatenate([apply(transpose(policy.K), multiplier), -multiplier], axis=-1)
    return Bond(policy, weight, linear, np.zeros_like(weight))


def lesson(controllers: LinearGaussian, multiplier: Array, weight: Array) -> tuple[LinearGaussian, None]:
    """What the policy is to imitate: the controllers' actions minus W⁻¹ λ/ρ, all steps equally in the metric W."""
    metric = pooled(controllers)
    ratio = np.divide(multiplier, weight[..., None], out=np.zeros_like(multiplier), where=weight[..., None] > 0)
    return LinearGaussian(controllers.K, controllers.k - apply(metric, ratio), np.broadcast_to(metric, controllers.covariance.shape)), None


def dual(gap: Gap, multiplier: Array, weight: Array, dual_step: float) -> tuple[Array, Array, int]:
    """Gradient ascent on λ; ρ stays."""
    return multiplier + dual_step * apply(gap.precision, gap.action), weight, 0
