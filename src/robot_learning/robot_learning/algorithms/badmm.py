"""Guided policy search by Bregman ADMM (Wang and Banerjee 2014; Levine et al. 2016, "End-to-end training of deep visuomotor policies").

The constraint p(u_t|x_t) = π(u_t|x_t) has multipliers on the mean action, and a KL divergence in each direction as its penalty:

    C-step   p ← argmin  Σ_t E_p[ℓ − λ_tᵀ u_t] + ν_t E_p[KL(p(u_t|x_t) ‖ π(u_t|x_t))]
    S-step   π ← argmin  Σ_t E_p[λ_tᵀ π(x_t)] + ν_t E_p[KL(π(u_t|x_t) ‖ p(u_t|x_t))]
    dual     λ_t ← λ_t + α ν_t Ĉ⁻¹ E_p[π(x_t) − u_t]

The S-step is a regression on μ_t − C_t λ_t/ν_t with weights ν_t C_t⁻¹, for controllers N(μ_t, C_t). The policy's precision Ĉ⁻¹ in the
dual step, which the paper leaves out, makes it free of units: α = 1 is the full step of the method of multipliers. The weights ν_t
double where the divergence is above its mean over the steps, and halve where it is two standard deviations below (Levine et al. 2016,
appendix), within bounds: too large a weight locks controllers and policy together. See algorithms/multipliers.py for the loop.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from robot_learning.algorithms import multipliers
from robot_learning.algorithms.multipliers import DualState, Gap, LoopConfig, Method, Turn
from robot_learning.control.kl_lqr import Bond
from robot_learning.core.matrices import apply
from robot_learning.core.types import Array, LinearGaussian, Rollouts
from robot_learning.tasks.description import TaskConfig

FACTOR = 2.0  # by which a weight changes
FAR_BELOW = 2.0  # standard deviations


@dataclass(frozen=True)
class BadmmRules:
    """Settings of the constraint."""

    __pydantic_config__ = {"extra": "forbid"}

    weight: float = 0.003  # ν at first, cost per nat
    weight_least: float = 0.1  # as a multiple of `weight`
    weight_most: float = 10.0
    dual_step: float = 0.1  # α, as a fraction of the full step


@dataclass(frozen=True)
class BadmmConfig:
    """Settings."""

    rules: BadmmRules = field(default_factory=BadmmRules)
    loop: LoopConfig = field(default_factory=LoopConfig)


def start(controllers: LinearGaussian, config: BadmmConfig, seed: int) -> DualState:
    """The state before the first rollouts, with the controllers (C, T, …) that make them."""
    return multipliers.start(controllers, config.loop, config.rules.weight, seed)


def samplers(state: DualState, config: BadmmConfig) -> LinearGaussian:
    """The controllers (C, T, …) that the next rollouts come from."""
    return state.local.controllers


def update(state: DualState, rollouts: Rollouts, task: TaskConfig, config: BadmmConfig, seed: int) -> tuple[DualState, tuple[Turn, ...]]:
    """One iteration, after `rollouts` of `samplers`: states (C, N, T + 1, dx), actions (C, N, T, du)."""
    return multipliers.update(state, rollouts, task, config.loop, seed, Method(bond, lesson, partial(dual, rules=config.rules)))


def bond(policy: LinearGaussian, multiplier: Array, weight: Array) -> Bond:
    """ν KL(p ‖ π) − λᵀu, for a linearized policy (C, T, …)."""
    return Bond(policy, weight, np.concatenate([np.zeros(policy.K.shape[:-2] + policy.K.shape[-1:]), -multiplier], axis=-1), weight)


def lesson(controllers: LinearGaussian, multiplier: Array, weight: Array) -> tuple[LinearGaussian, Array]:
    """What the policy is to imitate, and how important each step is."""
    K, k, covariance = controllers
    return LinearGaussian(K, k - apply(covariance, multiplier / weight[..., None]), covariance), weight


def dual(gap: Gap, multiplier: Array, weight: Array, rules: BadmmRules) -> tuple[Array, Array, int]:
    """The next multipliers, with the weights of the steps that led here; and the next weights."""
    multiplier = multiplier + rules.dual_step * weight[..., None] * apply(gap.precision, gap.action)
    middle, deviation = np.mean(gap.nats, axis=-1, keepdims=True), np.std(gap.nats, axis=-1, keepdims=True)
    factor = np.where(gap.nats > middle, FACTOR, np.where(gap.nats < middle - FAR_BELOW * deviation, 1.0 / FACTOR, 1.0))
    least, most = rules.weight_least * rules.weight, rules.weight_most * rules.weight
    wanted = weight * factor
    held = int(np.sum((wanted > most) | (wanted < least)))
    return multiplier, np.clip(wanted, least, most), held
