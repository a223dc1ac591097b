"""PLATO (Kahn et al. 2017): the teacher adapts to the learner while it acts, and the learner learns what the plain teacher would do.

At every step the teacher plans from the state it measures, and takes the action of

    argmin over π̂ of   E_π̂[Q_t(x_t, u)] − H(π̂) + λ KL(π̂ ‖ π_θ(· | x_t)),

where Q_t is the cost from here on if the plain teacher goes on after this step (its cost-to-go), H is entropy and π_θ the learner.
So it visits states that the learner will see, but pays for them: where the learner would spoil the task, Q_t is steep and the teacher
decides. A partly trained network never acts alone, which is what DAgger needs.

Near its minimum Q_t is a parabola. The plain teacher N(u*, C*), the regulator of maximum entropy, has just its curvature as
precision: C* = Q_uu⁻¹ (control/lqr.py, control/ilqr.py). With the learner N(m, S) the minimiser is in closed form, a product of
powers of both,

    π̂ ∝ p*^(1/(1+λ)) π_θ^(λ/(1+λ)):   precision P = (C*⁻¹ + λ S⁻¹) / (1 + λ),   mean = P⁻¹ (C*⁻¹ u* + λ S⁻¹ m) / (1 + λ).

λ = 0 is the plain teacher, λ → ∞ the learner.

Two teachers plan: `replanned` uses iLQR on a model at every step (control/mpc.py). `adapted` uses local controllers; under linear
dynamics and a quadratic cost planning again at step t yields the controller's own action of step t, so all plans of an episode are
known before it begins. What is left to approximate is the learner, which is linearized around the last rollouts; a teacher of this
kind is a local controller like any other, and acts wherever those can.

    state = behaviour_cloning.start(dx, du, config, seed)
    for iteration in range(iterations):
        acting = plato.teachers(state, teachers, rules)
        requests = [EpisodeRequest(c, at(acting, i), seed=…) for i, c in enumerate(conditions) for _ in range(rollouts)]
        batch = rollouts(runner.run(requests), len(conditions))
        state, report = behaviour_cloning.update(state, batch.states, behaviour_cloning.controllers(teachers), config, seed)
"""

from dataclasses import dataclass

import numpy as np

from robot_learning.algorithms.behaviour_cloning import CloningState
from robot_learning.algorithms.policy_linearization import linearize
from robot_learning.control import mpc
from robot_learning.control.ilqr import Problem
from robot_learning.control.mpc import Decision, MpcConfig, Plan
from robot_learning.core import gaussian
from robot_learning.core.gaussian import Normal
from robot_learning.core.matrices import apply, inverse_root, symmetric, transpose
from robot_learning.core.types import Array, LinearGaussian
from robot_learning.models.gaussian_policy import GaussianPolicy


@dataclass(frozen=True)
class PlatoRules:
    """What can be chosen."""

    __pydantic_config__ = {"extra": "forbid"}

    nearness: float = 5.0  # λ, from 0 on: how much a nat of divergence from the learner costs, against the teacher's own entropy


def near(teacher: Normal, learner: Normal, nearness: float) -> Normal:
    """The minimiser above for teacher N(u*, C*) and learner N(m, S), each (…, du); `nearness` is λ."""
    toward, away = _blend(teacher.covariance, learner.covariance, nearness)
    spread = _inverse(toward + away)
    return Normal(apply(spread, apply(toward, teacher.mean) + apply(away, learner.mean)), spread)


def adapted(plain: LinearGaussian, learner: LinearGaussian, nearness: float) -> LinearGaussian:
    """The same for every state at once: plain teachers (C, T, …) near a linearized learner (C, T, …)."""
    toward, away = _blend(plain.covariance, learner.covariance, nearness)
    spread = _inverse(toward + away)
    K = spread @ (toward @ plain.K + away @ learner.K)
    k = apply(spread, apply(toward, plain.k) + apply(away, learner.k))
    return LinearGaussian(K, k, spread)


def teachers(state: CloningState, plain: LinearGaussian, rules: PlatoRules) -> LinearGaussian:
    """Who acts next (C, T, …): the plain teachers at first, then as near to the policy as they may, around the last rollouts."""
    if not state.lessons:
        return plain
    return adapted(plain, linearize(state.policy, state.lessons[-1].states), rules.nearness)


def replanned(
    problem: Problem, states: Array, plan: Plan, learner: GaussianPolicy, rules: PlatoRules, config: MpcConfig | None = None
) -> tuple[Decision, Normal]:
    """The plain teacher's decision in the measured `states` (C, dx) and the actions N(mean, covariance) (C, du) to take near the learner.

    The decision's action is the label. A plan that begins now; shift the decision's for the next step. States that are not finite
    have no learner's action: there the plain decision stands.
    """
    decision = mpc.replan(problem, states, plan, config)
    plain = Normal(decision.action, decision.plan.controller.covariance[:, 0])
    known = np.all(np.isfinite(states), axis=-1)[:, None]
    mean = learner.mean(np.where(known, states, 0.0))
    chosen = near(plain, Normal(mean, np.broadcast_to(learner.covariance, plain.covariance.shape)), rules.nearness)
    return decision, Normal(np.where(known, chosen.mean, plain.mean), np.where(known[..., None], chosen.covariance, plain.covariance))


def divergence(acting: LinearGaussian, policy: GaussianPolicy, states: Array) -> float:
    """KL(acting ‖ policy) in nats per step, the mean over `states` (C, N, T + 1, dx) that controllers (C, T, …) visited."""
    visited = states[..., :-1, :]
    means = apply(acting.K[:, None], visited) + acting.k[:, None]
    covariances = np.broadcast_to(acting.covariance[:, None], (*means.shape, means.shape[-1]))
    return float(np.mean(gaussian.divergence(Normal(means, covariances), Normal(policy.mean(visited), policy.covariance))))


def _blend(teacher: Array, learner: Array, nearness: float) -> tuple[Array, Array]:
    """Both precisions (…, du, du) with their shares 1/(1 + λ) and λ/(1 + λ)."""
    share = 1.0 / (1.0 + nearness)
    return share * _inverse(teacher), (1.0 - share) * _inverse(learner)


def _inverse(M: Array) -> Array:
    R, _ = inverse_root(symmetric(M))
    return symmetric(transpose(R) @ R)
