"""The linear-quadratic regulator: the controller that minimises a quadratic cost under linear dynamics, and where it leads.

Its covariance Q_uu⁻¹ makes it the controller of *maximum entropy* (Levine and Koltun 2013): of all linear-Gaussian controllers it
minimises Σ_t E[ℓ(x_t, u_t)] − Σ_t H(p(u_t | x_t)), in nats; it acts as randomly as the cost lets it. At temperature τ, that is with
τ H instead of H, divide the cost by τ: K and k stay, the covariance is τ Q_uu⁻¹.

All functions take any number of leading batch dimensions "…" (conditions, for example).
"""

from typing import NamedTuple

import numpy as np

from robot_learning.core.matrices import apply, inverse_root, symmetric, transpose
from robot_learning.core.types import Array, Dynamics, LinearGaussian, QuadraticCost, StateGaussian


class Regulator(NamedTuple):
    """What the backward pass finds."""

    controller: LinearGaussian  # covariance Q_uu⁻¹: the controller of maximum entropy (Levine and Koltun 2013)
    repairs: Array  # (…), the number of steps whose Q_uu was not positive definite; its eigenvalues were raised


def backward(dynamics: Dynamics, cost: QuadraticCost, least: float = 0.0) -> Regulator:
    """The optimal controller, from the last step to the first.

    Q_uu = ℓ_uu + F_uᵀ V' F_u,  K = −Q_uu⁻¹ Q_ux,  k = −Q_uu⁻¹ Q_u. The value V is that of the controller just found, summed from
    positive semidefinite terms (Joseph's form): with A = F_x + F_u K,

        V = [I; K]ᵀ H [I; K] + Aᵀ V' A.

    The textbook's V = Q_xx − Q_xu Q_uu⁻¹ Q_ux is equal on paper, but subtracts large numbers where fitted dynamics are unstable,
    and then loses definiteness. Where Q_uu is not positive definite its eigenvalues are raised to `least`, or to rounding.
    """
    dx = dynamics.F.shape[-2]
    horizon = dynamics.F.shape[-3]
    batch = dynamics.F.shape[:-3]
    F_x, F_u, f = dynamics.F[..., :dx], dynamics.F[..., dx:], dynamics.f
    H_xx, H_xu, H_uu = cost.H[..., :dx, :dx], cost.H[..., :dx, dx:], cost.H[..., dx:, dx:]
    g_x, g_u = cost.g[..., :dx], cost.g[..., dx:]
    du = F_u.shape[-1]
    K, k = np.empty((*batch, horizon, du, dx)), np.empty((*batch, horizon, du))
    root = np.empty((*batch, horizon, du, du))
    repairs = np.zeros(batch, dtype=int)
    V, v = H_xx[..., horizon, :, :], g_x[..., horizon, :]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for t in reversed(range(horizon)):
            B, l_xu, l_uu = F_u[..., t, :, :], H_xu[..., t, :, :], H_uu[..., t, :, :]
            BV = transpose(B) @ V
            R, repaired = inverse_root(symmetric(l_uu + BV @ B), least)
            repairs += repaired
            Q_ux = transpose(l_xu) + BV @ F_x[..., t, :, :]
            Q_u = g_u[..., t, :] + apply(transpose(B), v) + apply(BV, f[..., t, :])
            K_t, k_t = -transpose(R) @ (R @ Q_ux), -apply(transpose(R), apply(R, Q_u))
            A, a = F_x[..., t, :, :] + B @ K_t, f[..., t, :] + apply(B, k_t)
            tilted = l_xu + transpose(K_t) @ l_uu
            VA = V @ A
            v = (
                g_x[..., t, :]
                + apply(transpose(K_t), g_u[..., t, :])
                + apply(tilted, k_t)
                + apply(transpose(A), v)
                + apply(transpose(VA), a)
            )
            V = symmetric(H_xx[..., t, :, :] + l_xu @ K_t + transpose(K_t) @ transpose(tilted) + transpose(A) @ VA)
            K[..., t, :, :], k[..., t, :], root[..., t, :, :] = K_t, k_t, R
    return Regulator(LinearGaussian(K, k, transpose(root) @ root), repairs)


def forward(dynamics: Dynamics, controller: LinearGaussian, initial: StateGaussian) -> StateGaussian:
    """The states' distribution, mean (…, T + 1, dx) and covariance (…, T + 1, dx, dx), when `controller` runs."""
    dx = dynamics.F.shape[-2]
    horizon = dynamics.F.shape[-3]
    with np.errstate(over="ignore", invalid="ignore"):
        F_x, F_u = dynamics.F[..., :dx], dynamics.F[..., dx:]
        A, a = F_x + F_u @ controller.K, dynamics.f + apply(F_u, controller.k)
        noise = dynamics.noise + F_u @ controller.covariance @ transpose(F_u)
        covariance = np.empty((*A.shape[:-3], horizon + 1, dx, dx))
        covariance[..., 0, :, :] = initial.covariance
        for t in range(horizon):
            A_t = A[..., t, :, :]
            covariance[..., t + 1, :, :] = symmetric(A_t @ covariance[..., t, :, :] @ transpose(A_t) + noise[..., t, :, :])
        return StateGaussian(_mean(A, a, initial.mean), covariance)


def mean_states(dynamics: Dynamics, controller: LinearGaussian, start: Array) -> Array:
    """The mean of the states (…, T + 1, dx) when `controller` runs from a state of mean `start` (…, dx)."""
    dx = dynamics.F.shape[-2]
    with np.errstate(over="ignore", invalid="ignore"):
        F_x, F_u = dynamics.F[..., :dx], dynamics.F[..., dx:]
        return _mean(F_x + F_u @ controller.K, dynamics.f + apply(F_u, controller.k), start)


def _mean(A: Array, a: Array, start: Array) -> Array:
    """The path of x' = A x + a."""
    mean = np.empty((*a.shape[:-2], a.shape[-2] + 1, a.shape[-1]))
    mean[..., 0, :] = start
    for t in range(a.shape[-2]):
        mean[..., t + 1, :] = apply(A[..., t, :, :], mean[..., t, :]) + a[..., t, :]
    return mean


def joint(states: StateGaussian, controller: LinearGaussian) -> StateGaussian:
    """The distribution of z = [x; u] at each step, mean (…, T + 1, dz) and covariance (…, T + 1, dz, dz); no action at step T."""
    dx = states.mean.shape[-1]
    K, k, C = controller
    dz = dx + k.shape[-1]
    mean = np.zeros((*states.mean.shape[:-1], dz))
    covariance = np.zeros((*states.mean.shape[:-1], dz, dz))
    mean[..., :dx], covariance[..., :dx, :dx] = states.mean, states.covariance
    with np.errstate(over="ignore", invalid="ignore"):
        cross = K @ states.covariance[..., :-1, :, :]
        mean[..., :-1, dx:] = apply(K, states.mean[..., :-1, :]) + k
        covariance[..., :-1, dx:, :dx], covariance[..., :-1, :dx, dx:] = cross, transpose(cross)
        covariance[..., :-1, dx:, dx:] = symmetric(cross @ transpose(K) + C)
    return StateGaussian(mean, covariance)


def expected_cost(cost: QuadraticCost, joint: StateGaussian) -> Array:
    """E[½ zᵀ H z + gᵀ z + c] at each step, (…, T + 1), for z distributed as `joint`."""
    with np.errstate(over="ignore", invalid="ignore"):
        quadratic = np.sum(cost.H * (joint.covariance + joint.mean[..., :, None] * joint.mean[..., None, :]), axis=(-1, -2))
        total: Array = 0.5 * quadratic + np.sum(cost.g * joint.mean, axis=-1) + cost.c
    return total
