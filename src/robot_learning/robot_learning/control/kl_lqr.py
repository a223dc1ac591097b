"""The controller of least expected cost within a bounded KL divergence from the previous one, under the same dynamics.

    minimise  E_p[Σ_t ℓ(x_t, u_t)]   subject to   Σ_t E_p(x_t)[KL(p(u_t|x_t) ‖ p̄(u_t|x_t))] ≤ limit                       (nats)

For a multiplier η its Lagrangian, divided by η, is an LQR problem with the cost ℓ/η − log p̄ (Levine and Abbeel 2014). It is
solved here in *whitened deviations* from the previous controller, u = K̄x + k̄ + L̄w with L̄L̄ᵀ = C̄, around the mean trajectory
that this controller has: then −log p̄ is ½ wᵀw, and

  * Q_ww is the identity plus a positive semidefinite matrix, whatever the scales of states and actions are;
  * the old controller is w ~ N(0, I), so that nothing cancels when the two are close, and KL(p, p) is exactly 0;
  * KL = ½ Σ_t [Σ_i (s_i − 1 − log s_i) + |E w|² + tr(K_w Cov(x) K_wᵀ)], with s_i the eigenvalues of w's covariance, is a sum of
    terms none of which is negative.

KL falls as η rises. The multiplier is searched in log η by bracketing, for all conditions at once.

Guided policy search with multipliers adds a bond with a global policy π ~ N(K̂x + k̂, Ĉ) to what is minimised:

    Σ_t E_p[½ ρ_t |R̂_t (u_t − K̂_t x_t − k̂_t)|² + b_tᵀ [x_t; u_t]] − ν_t H(p(u_t|x_t)),   R̂ᵀR̂ = Ĉ⁻¹.

With ρ = ν this is ν_t KL(p ‖ π) + bᵀz.
In whitened deviations u − K̂x − k̂ = (K̄ − K̂)(x − x̂) + L̄w + what both differ by at x̂, so that the square stays one, positive
semidefinite, of small numbers. Entropy now counts η + ν_t: divided by η, the covariance of w is (1 + ν_t/η) Q_ww⁻¹; K and k do not
depend on it.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.control import lqr
from robot_learning.control.dual_search import Brackets
from robot_learning.core.matrices import SMALLEST, apply, inverse_root, raise_eigenvalues, root, symmetric, transpose
from robot_learning.core.types import Array, Dynamics, LinearGaussian, QuadraticCost, StateGaussian

BLUR = 0.01  # of the limit: a controller whose divergence changes by more when it is rounded is not used


class KlStep(NamedTuple):
    """The updates of C conditions, and what was done to get them."""

    controller: LinearGaussian  # the new one, or the previous one where the step was rejected
    eta: Array  # (C,), multiplier: cost per nat; a good start for the next search. 0 where the limit does not bind or nothing was found
    kl: Array  # (C,), nats over the whole trajectory
    limit: Array  # (C,), nats
    improvement: Array  # (C,), how much the expected cost falls under the model
    gain: Array  # (C,), how much what is minimised falls: the cost and the bond
    repairs: Array  # (C,), steps whose Q_ww had to be repaired
    evaluations: Array  # (C,), LQR problems solved
    outcome: tuple[str, ...]  # per condition: "met", "inactive" (the limit does not bind), "short" of it, or "rejected: <why>"


class Bond(NamedTuple):
    """What ties the controllers of C conditions to a policy, beside the limit; see above."""

    policy: LinearGaussian  # (C, T, …): K̂, k̂ and the metric Ĉ
    weight: Array  # (C, T), ρ: cost for half a squared distance of actions, in standard deviations of the policy
    linear: Array  # (C, T, dx + du), b: cost for each unit of [x; u]
    entropy: Array  # (C, T), ν: cost per nat


class _Problem(NamedTuple):
    """The problem in deviations d = [x − x̂; w] from the old controller's mean trajectory."""

    dynamics: Dynamics
    cost: QuadraticCost
    total: QuadraticCost  # with the bond
    entropy: Array  # ν, (C, T)
    initial: StateGaussian
    root: Array  # L̄, (C, T, du, du)
    floor: Array  # (C, T), least variance of an action


class _Trial(NamedTuple):
    """The solution for one η."""

    deviation: LinearGaussian  # w given x − x̂
    kl: Array  # (C,), inf where it overflowed
    repairs: Array  # (C,)


def update(
    dynamics: Dynamics,
    cost: QuadraticCost,
    previous: LinearGaussian,
    initial: StateGaussian,
    limit: Array,
    eta: Array | None = None,
    floor: float = 0.0,
    bond: Bond | None = None,
) -> KlStep:
    """The new controllers of C conditions; every argument has C as its first dimension.

    limit (C,): nats over the whole trajectory, positive. eta (C,): where the search starts; 0: anywhere. floor: least variance of an
    action, in any direction. bond: what else is minimised. A condition whose problem cannot be solved keeps its previous controller
    and says why in `outcome`.
    """
    du = previous.k.shape[-1]
    states = lqr.forward(dynamics, previous, initial)
    problem = _deviations(dynamics, cost, previous, states, floor, bond)
    still = LinearGaussian(np.zeros_like(previous.K), np.zeros_like(previous.k), np.broadcast_to(np.eye(du), previous.covariance.shape))
    centred = states._replace(mean=np.zeros_like(states.mean))
    before = _cost_of_deviations(problem.cost, centred, still)
    all_before = before if bond is None else _objective(problem, centred, still)
    start = _first_eta(problem, all_before, limit)
    if eta is not None:
        start = np.where(np.isfinite(eta) & (eta > 0), eta, start)
    search, trial = _search(problem, limit, np.log(start))
    led = lqr.forward(problem.dynamics, trial.deviation, problem.initial)
    after = _cost_of_deviations(problem.cost, led, trial.deviation)
    all_after = after if bond is None else _objective(problem, led, trial.deviation)
    new = _absolute(problem, trial.deviation, previous, states.mean)
    with np.errstate(invalid="ignore"):
        blurred = np.abs(_kl_as_written(problem, new, previous, states.mean) - trial.kl) > BLUR * limit
    verdicts = tuple(_verdict(search.outcome(i), all_before[i], all_after[i], blurred[i]) for i in range(len(before)))
    kept = np.array([verdict.startswith("rejected") for verdict in verdicts])
    return KlStep(
        LinearGaussian(*(np.where(kept.reshape(-1, *[1] * (a.ndim - 1)), a, b) for a, b in zip(previous, new, strict=True))),
        np.where([verdict in ("met", "short") for verdict in verdicts], np.exp(search.best_x), 0.0),
        np.where(kept, 0.0, trial.kl),
        np.asarray(limit, dtype=float),
        np.where(kept, 0.0, before - after),
        np.where(kept, 0.0, all_before - all_after),
        trial.repairs,
        search.evaluations,
        verdicts,
    )


def divergence(new: LinearGaussian, old: LinearGaussian, states: StateGaussian) -> Array:
    """KL(new ‖ old) at each step, (…, T) in nats and never negative, over `states` (…, T + 1) that `new` visits."""
    R, _ = inverse_root(old.covariance)
    gain = R @ (new.K - old.K)
    offset = apply(R, apply(new.K - old.K, states.mean[..., :-1, :]) + new.k - old.k)
    return _nats(LinearGaussian(gain, offset, R @ new.covariance @ transpose(R)), states.covariance[..., :-1, :, :])


def _nats(w: LinearGaussian, covariance: Array) -> Array:
    """KL at each step of w = K δ + k + noise from N(0, I), with E δ = 0; each of its three parts is at least 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        spread = np.maximum(np.sum((w.K @ covariance) * w.K, axis=(-1, -2)), 0.0)
        shift = np.sum(w.k**2, axis=-1)
        finite = np.all(np.isfinite(w.covariance), axis=(-1, -2))
        s = np.maximum(np.linalg.eigvalsh(np.where(finite[..., None, None], w.covariance, 0.0)), SMALLEST)
        entropy = np.sum(np.maximum(s - 1.0 - np.log(s), 0.0), axis=-1)
        total: Array = 0.5 * (spread + shift + entropy)
    return np.where(finite, total, np.inf)


def _deviations(
    dynamics: Dynamics, cost: QuadraticCost, old: LinearGaussian, states: StateGaussian, floor: float, bond: Bond | None
) -> _Problem:
    dx = old.K.shape[-1]
    L, _ = root(old.covariance)
    M = np.zeros(cost.H.shape)  # [x − x̂; u − û] = M [x − x̂; w]
    M[..., :dx, :dx] = np.eye(dx)
    M[..., :-1, dx:, :dx], M[..., :-1, dx:, dx:] = old.K, L
    with np.errstate(over="ignore", invalid="ignore"):
        F = dynamics.F @ M[..., :-1, :, :]
        H = symmetric(transpose(M) @ cost.H @ M)
        z = np.zeros(cost.g.shape)
        z[..., :dx] = states.mean
        z[..., :-1, dx:] = apply(old.K, states.mean[..., :-1, :]) + old.k
        g = apply(transpose(M), apply(cost.H, z) + cost.g)
    least = np.minimum(floor, np.linalg.eigvalsh(symmetric(L @ transpose(L)))[..., 0])  # the old controller stays feasible
    initial = StateGaussian(np.zeros_like(states.mean[:, 0]), states.covariance[:, 0])
    model, own = Dynamics(F, np.zeros_like(dynamics.f), dynamics.noise), QuadraticCost(H, g, np.zeros_like(cost.c))
    total, entropy = own, np.zeros(old.k.shape[:-1])
    if bond is not None:
        total, entropy = _bonded(own, bond, M, old, states), np.asarray(bond.entropy, dtype=float)
    return _Problem(model, own, total, entropy, initial, L, least)


def _bonded(cost: QuadraticCost, bond: Bond, M: Array, old: LinearGaussian, states: StateGaussian) -> QuadraticCost:
    """`cost` of deviations [x − x̂; w] with the bond's square and linear terms; c makes a difference to no choice and stays."""
    R, _ = inverse_root(bond.policy.covariance)
    dx, du = old.K.shape[-1], old.K.shape[-2]
    with np.errstate(over="ignore", invalid="ignore"):
        gain = old.K - bond.policy.K
        apart = apply(R, apply(gain, states.mean[..., :-1, :]) + old.k - bond.policy.k)
        D = np.concatenate([R @ gain, R @ M[..., :-1, dx:, dx : dx + du]], axis=-1)
        H, g = cost.H.copy(), cost.g.copy()
        H[..., :-1, :, :] += bond.weight[..., None, None] * (transpose(D) @ D)
        g[..., :-1, :] += bond.weight[..., None] * apply(transpose(D), apart) + apply(transpose(M[..., :-1, :, :]), bond.linear)
    return QuadraticCost(symmetric(H), g, cost.c)


def _first_eta(problem: _Problem, before: Array, limit: Array) -> Array:
    """Costs within reach, per nat: a start for the search that moves along with the scale of the cost."""
    with np.errstate(over="ignore", invalid="ignore"):
        reach = np.abs(before) + np.sum(np.abs(problem.total.g[..., problem.dynamics.F.shape[-2] :]), axis=(-1, -2))
    reach = np.where(np.isfinite(reach), reach, 1.0)
    return np.maximum(reach, SMALLEST) / np.maximum(limit, SMALLEST)


def _search(problem: _Problem, limit: Array, start: Array) -> tuple[Brackets, _Trial]:
    search = Brackets(start, limit)
    best: _Trial | None = None
    while np.any(search.open):
        index = np.flatnonzero(search.open)
        trial = _solve(_Problem(*(_rows(part, index) for part in problem)), np.exp(search.x[index]))
        better = search.observe(index, trial.kl)
        if best is None:
            best = trial
        for old, new in zip(_leaves(best), _leaves(trial), strict=True):
            old[index[better]] = new[better]
    assert best is not None
    return search, best


def _solve(problem: _Problem, eta: Array) -> _Trial:
    dx, du = problem.dynamics.F.shape[-2], problem.root.shape[-1]
    with np.errstate(over="ignore", invalid="ignore"):
        H, g = problem.total.H / eta[:, None, None, None], problem.total.g / eta[:, None, None]
        temperature = 1.0 + problem.entropy / eta[:, None]
    H[..., :-1, range(dx, dx + du), range(dx, dx + du)] += 1.0  # −log p̄ = ½ wᵀw
    (K, k, S), repairs = lqr.backward(problem.dynamics, QuadraticCost(H, g, problem.total.c), least=1.0)
    deviation = LinearGaussian(K, k, _floored(problem, temperature[..., None, None] * S))
    return _Trial(deviation, _divergence(problem, deviation), repairs)


def _divergence(problem: _Problem, deviation: LinearGaussian) -> Array:
    """KL (C,) over the whole trajectory, inf where it overflowed."""
    states = lqr.forward(problem.dynamics, deviation, problem.initial)
    with np.errstate(over="ignore", invalid="ignore"):
        shift = apply(deviation.K, states.mean[..., :-1, :]) + deviation.k
    kl = np.sum(_nats(deviation._replace(k=shift), states.covariance[..., :-1, :, :]), axis=-1)
    return np.where(np.isnan(kl), np.inf, kl)


def _floored(problem: _Problem, S: Array) -> Array:
    """The covariance of w for which that of the action, L̄ S L̄ᵀ, has no eigenvalue below the floor."""
    if not np.any(problem.floor):
        return S
    L = problem.root
    R = np.linalg.inv(L)
    return symmetric(R @ raise_eigenvalues(symmetric(L @ S @ transpose(L)), problem.floor) @ transpose(R))


def _cost_of_deviations(cost: QuadraticCost, states: StateGaussian, deviation: LinearGaussian) -> Array:
    total: Array = np.sum(lqr.expected_cost(cost, lqr.joint(states, deviation)), axis=-1)
    return total


def _objective(problem: _Problem, states: StateGaussian, deviation: LinearGaussian) -> Array:
    """Cost and bond (C,), up to what is the same for all controllers; entropy counts from that of the old controller."""
    with np.errstate(invalid="ignore", divide="ignore"):
        _, volume = np.linalg.slogdet(deviation.covariance)
        spread: Array = np.sum(problem.entropy * 0.5 * volume, axis=-1)
        return _cost_of_deviations(problem.total, states, deviation) - spread


def _verdict(outcome: str, before: float, after: float, blurred: bool) -> str:
    if not np.isfinite(before):
        return "rejected: under the fitted dynamics the previous controller diverges"
    if not after <= before + 1e-9 * abs(before):
        return "rejected: the expected cost does not fall"
    if blurred:
        return "rejected: the states are so large that rounding spoils the controller"
    return outcome


def _absolute(problem: _Problem, deviation: LinearGaussian, old: LinearGaussian, nominal: Array) -> LinearGaussian:
    L = problem.root
    with np.errstate(over="ignore", invalid="ignore"):
        K = old.K + L @ deviation.K
        k = old.k + apply(L, deviation.k - apply(deviation.K, nominal[..., :-1, :]))
        return LinearGaussian(K, k, symmetric(L @ deviation.covariance @ transpose(L)))


def _kl_as_written(problem: _Problem, new: LinearGaussian, old: LinearGaussian, nominal: Array) -> Array:
    """The divergence (C,) of K and k as they are after rounding: where states are huge and Δu is small it is another one."""
    R = np.linalg.inv(problem.root)
    with np.errstate(over="ignore", invalid="ignore"):
        K = R @ (new.K - old.K)
        k = apply(R, apply(new.K - old.K, nominal[..., :-1, :]) + new.k - old.k)
        return _divergence(problem, LinearGaussian(K, k, R @ new.covariance @ transpose(R)))


def _rows(part: Any, index: NDArray[np.int_]) -> Any:
    return part[index] if isinstance(part, np.ndarray) else type(part)(*(_rows(field, index) for field in part))


def _leaves(trial: _Trial) -> tuple[Array, ...]:
    return (*trial.deviation, trial.kl, trial.repairs)
