"""Divergence and cost of linear-Gaussian controllers by their definitions: what the solver's own numbers are judged by.

No code is shared with control/ and core/. Numbers have the 64 bits of an extended mantissa. A state is written out as

    x_t = m_t + S_t ξ,      ξ: all normal draws up to t (the start, each action's and each step's), independent, of variance 1,

so that no covariance has to be subtracted from another, however fast the system grows. One condition at a time.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.types import Dynamics, LinearGaussian, QuadraticCost, StateGaussian

Long = NDArray[np.longdouble]


class _Affine(NamedTuple):
    """m + S ξ."""

    mean: Long  # (n,)
    spread: Long  # (n, number of draws)


def divergence(dynamics: Dynamics, new: LinearGaussian, old: LinearGaussian, initial: StateGaussian) -> float:
    """KL(p_new(τ) ‖ p_old(τ)) = Σ_t E[KL(new(u|x_t) ‖ old(u|x_t))], nats, with x_t where `new` leads; each argument has one condition.

    KL(N(a, C) ‖ N(b, D)) = ½ [tr(D⁻¹C) − n + ln det D − ln det C + (a − b)ᵀ D⁻¹ (a − b)].
    """
    total = np.longdouble(0.0)
    K, k, C = (_long(part[0]) for part in new)
    K_old, k_old, D = (_long(part[0]) for part in old)
    for t, state in enumerate(_states(dynamics, new, initial)):
        if t == len(K):
            break
        L, M = _root(C[t]), _root(D[t])
        half = _solve(M, L)
        apart = _solve(M, np.column_stack([(K[t] - K_old[t]) @ state.mean + k[t] - k_old[t], (K[t] - K_old[t]) @ state.spread]))
        volume = np.sum(np.log(np.diagonal(M))) - np.sum(np.log(np.diagonal(L)))
        total += 0.5 * (np.sum(half**2) - len(half) + np.sum(apart**2)) + volume
    return float(total)


def expected_cost(dynamics: Dynamics, controller: LinearGaussian, initial: StateGaussian, cost: QuadraticCost) -> float:
    """Σ_t E[½ zᵀHz + gᵀz + c], z = [x; u]; each argument has one condition. At the last step there is no action: u = 0."""
    total = np.longdouble(0.0)
    H, g, c = (_long(part[0]) for part in cost)
    for t, state in enumerate(_states(dynamics, controller, initial)):
        z = _acted(state, controller, t) if t < controller.k.shape[1] else _Affine(*(_padded(part, H.shape[-1]) for part in state))
        total += 0.5 * (z.mean @ H[t] @ z.mean + np.sum(z.spread * (H[t] @ z.spread))) + g[t] @ z.mean + c[t]
    return float(total)


def _states(dynamics: Dynamics, controller: LinearGaussian, initial: StateGaussian) -> Iterator[_Affine]:
    """x_0 … x_T."""
    F, f, noise = (_long(part[0]) for part in dynamics)
    state = _Affine(_long(initial.mean[0]), _root(_long(initial.covariance[0])))
    yield state
    for t in range(len(f)):
        z = _acted(state, controller, t)
        state = _Affine(F[t] @ z.mean + f[t], np.column_stack([F[t] @ z.spread, _root(noise[t])]))
        yield state


def _acted(state: _Affine, controller: LinearGaussian, t: int) -> _Affine:
    """State and action, z = [x; u], with the draw of the action."""
    K, k, C = (_long(part[0, t]) for part in controller)
    spread = np.vstack([state.spread, K @ state.spread])
    draws = np.vstack([np.zeros((len(state.mean), len(k)), np.longdouble), _root(C)])
    return _Affine(np.concatenate([state.mean, K @ state.mean + k]), np.column_stack([spread, draws]))


def _padded(part: Long, size: int) -> Long:
    return np.concatenate([part, np.zeros((size - len(part), *part.shape[1:]), np.longdouble)])


def _long(part: NDArray[np.float64]) -> Long:
    return np.asarray(part, dtype=np.longdouble)


def _root(M: Long) -> Long:
    """Lower triangular L, L Lᵀ = M, column by column; a column without a positive pivot is zero (M may be singular)."""
    rest, L = M.copy(), np.zeros_like(M)
    for i in range(len(M)):
        if rest[i, i] > 0:
            L[i:, i] = rest[i:, i] / np.sqrt(rest[i, i])
            rest[i:, i:] -= np.outer(L[i:, i], L[i:, i])
    return L


def _solve(L: Long, B: Long) -> Long:
    """L⁻¹ B for a lower triangular L with a positive diagonal."""
    X = np.zeros_like(B)
    for i in range(len(L)):
        X[i] = (B[i] - L[i, :i] @ X[:i]) / L[i, i]
    return X
