"""Guided policy search as a constrained problem: the loop that the augmented Lagrangian and BADMM share.

    minimise  Σ_i E_{p_i}[ℓ(τ)]  over controllers p_i and a policy π,   subject to   E_{p_i}[u_t] = E_{p_i}[π(x_t)]  for all i and t.

Controllers, policy and multipliers λ_it are improved in turns, several times on the same rollouts of the controllers:

    C-step   controllers of least cost and *bond* with the policy, within a KL step of those that made the rollouts;
    S-step   the policy learns from the controllers, whose actions the multipliers correct (the *lesson*);
    dual     λ follows the *gap* between both.

Before the policy was taught for the first time there is no bond. What bond, lesson and dual step are is the difference between the
two algorithms; each is a few lines there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from robot_learning.algorithms import local_gps, policy_fit
from robot_learning.algorithms.local_gps import LocalConfig, LocalReport, LocalState
from robot_learning.algorithms.policy_fit import FitConfig, FitReport
from robot_learning.algorithms.policy_linearization import linearize
from robot_learning.control import kl_lqr
from robot_learning.control.kl_lqr import Bond
from robot_learning.core.matrices import apply, inverse_root, transpose
from robot_learning.core.types import Array, LinearGaussian, Rollouts, StateGaussian
from robot_learning.models.gaussian_policy import HIDDEN, GaussianPolicy
from robot_learning.tasks.description import TaskConfig


@dataclass(frozen=True)
class LoopConfig:
    """Settings of the loop, whichever algorithm runs in it."""

    turns: int = 2  # C-step, S-step and dual step, on the same rollouts
    hidden: tuple[int, ...] = HIDDEN
    local: LocalConfig = field(default_factory=lambda: LocalConfig(kl_step=2.0))
    fit: FitConfig = field(default_factory=FitConfig)


class DualState(NamedTuple):
    """All that the next iteration depends on."""

    local: LocalState
    policy: GaussianPolicy
    multiplier: Array  # λ, (C, T, du), cost per action unit
    weight: Array  # (C, T), of the penalty: cost per nat
    iteration: int


class Turn(NamedTuple):
    """What one C-step, S-step and dual step did."""

    local: LocalReport
    fit: FitReport
    gap: float  # between the mean actions of policy and controllers that is left: mean of the squares, in variances of the policy
    divergence: float  # KL(controllers ‖ policy) that is left, nats per time step
    kept: tuple[int, ...]  # conditions without a dual step, because their gap is not finite
    held: int  # weights that were held at a bound


class Gap(NamedTuple):
    """How far policy and controllers are from each other where the rollouts went."""

    action: Array  # (C, T, du), E[π(x_t)] − E[u_t]
    nats: Array  # (C, T), KL(controllers ‖ policy)
    precision: Array  # (du, du), of the policy's actions


class Method(NamedTuple):
    """What makes one algorithm out of the loop; `policy` is linearized, all of (C, T, …)."""

    bond: Callable[[LinearGaussian, Array, Array], Bond]  # (policy, λ, weight)
    lesson: Callable[[LinearGaussian, Array, Array], tuple[LinearGaussian, Array | None]]  # (controllers, λ, weight) -> (…, importance)
    dual: Callable[[Gap, Array, Array], tuple[Array, Array, int]]  # (gap, λ, weight) -> (λ, weight, how many were held at a bound)


def start(controllers: LinearGaussian, config: LoopConfig, weight: float, seed: int) -> DualState:
    """The state before the first rollouts, with the controllers (C, T, …) that make them."""
    du, dx = controllers.K.shape[-2:]
    policy = GaussianPolicy.initial(dx, du, seed, hidden=config.hidden)
    steps = controllers.k.shape[:-1]
    return DualState(local_gps.start(controllers, config.local), policy, np.zeros_like(controllers.k), np.full(steps, weight), 0)


def update(
    state: DualState, rollouts: Rollouts, task: TaskConfig, config: LoopConfig, seed: int, method: Method
) -> tuple[DualState, tuple[Turn, ...]]:
    """One iteration, after `rollouts` of the controllers: states (C, N, T + 1, dx), actions (C, N, T, du)."""
    evidence = local_gps.evaluate(state.local, rollouts, task, config.local, seed)
    previous, visited = state.local.controllers, rollouts.states
    after, taught = state, state.iteration > 0
    turns: list[Turn] = []
    for turn in range(config.turns):
        bond = method.bond(linearize(after.policy, visited), after.multiplier, after.weight) if taught or turn else None
        warm = state.local._replace(eta=after.local.eta)
        local, improved = local_gps.improve(warm, previous, evidence, config.local, bond=bond)
        teachers, importance = method.lesson(local.controllers, after.multiplier, after.weight)
        policy, fitted = policy_fit.fit(after.policy, visited, teachers, config.fit, seed + turn, importance)
        gap = between(policy, local.controllers, visited)
        multiplier, weight, kept, held = _dual(method, gap, after)
        after = DualState(local, policy, multiplier, weight, state.iteration + 1)
        square = float(np.mean(gap.action * apply(gap.precision, gap.action)))
        turns.append(Turn(improved, fitted, square, float(np.mean(gap.nats)), kept, held))
    return after, tuple(turns)


def between(policy: GaussianPolicy, controllers: LinearGaussian, states: Array) -> Gap:
    """The gap at `states` (C, N, T + 1, dx); the divergence is that of the linearized policy at their means and covariances."""
    visited = states[..., :-1, :]
    K, k, _ = controllers
    action = np.mean(policy.mean(visited), axis=1) - apply(K, np.mean(visited, axis=1)) - k
    R, _ = inverse_root(policy.covariance)
    mean = np.mean(states, axis=1)
    apart = np.swapaxes(states - mean[:, None], 1, 2)
    cloud = StateGaussian(mean, transpose(apart) @ apart / states.shape[1])
    return Gap(action, kl_lqr.divergence(controllers, linearize(policy, states), cloud), transpose(R) @ R)


def _dual(method: Method, gap: Gap, state: DualState) -> tuple[Array, Array, tuple[int, ...], int]:
    """The dual step of the conditions whose gap is finite; the others, which are named, keep multipliers and weights."""
    finite = np.all(np.isfinite(gap.action), axis=(-1, -2)) & np.all(np.isfinite(gap.nats), axis=-1)
    with np.errstate(over="ignore", invalid="ignore"):
        multiplier, weight, held = method.dual(gap, state.multiplier, state.weight)
    finite &= np.all(np.isfinite(multiplier), axis=(-1, -2)) & np.all(np.isfinite(weight), axis=-1)
    multiplier, weight = np.where(finite[:, None, None], multiplier, state.multiplier), np.where(finite[:, None], weight, state.weight)
    return multiplier, weight, tuple(int(c) for c in np.flatnonzero(~finite)), held
