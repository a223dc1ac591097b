"""The iterative linear-quadratic regulator: trajectory optimization under known dynamics (Li and Todorov 2004).

    minimise  Σ_t ℓ(x_t, u_t)   subject to   x_{t+1} = f(x_t, u_t)

Around the present trajectory x̂, û the dynamics are linear, δx' = F [δx; δu], and the cost is quadratic. The backward pass of
lqr.py gives δu = K δx + k, and a line search runs u = û + α k + K (x − x̂) under the true f. A step is accepted when the cost
falls by a share of what the quadratic model promised for that α (Tassa, Erez and Todorov 2012).

**Damping.** ½ μ |δu|² joins the cost of every step: Levenberg and Marquardt's μ on Q_uu. Tassa et al. add μ to V_xx instead, which
charges for deviations of states. Here actions are dimensionless and states mix rad, rad/s and m, so only among actions is the
identity a sensible metric; it makes Q_uu positive definite also where an action does not reach the state; and because it is part
of the cost, it is in the value too, so that the step minimises one damped model and goes downhill. What V_xx would do for unstable
systems, keep the run near x̂, the gains K and a small α do as well. μ is 0 until a step fails; then it grows, and later shrinks, the
faster the more often in a row.

**Curvature.** Where a Q_uu is not positive definite, the negative eigenvalues of the cost's Hessians are mirrored and the pass is
done again: μ alone would have to outgrow what unstable dynamics make of a negative curvature many steps later.

Nothing here raises or returns what is not finite, however ill-conditioned the problem: it ends with a named outcome.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.control import lqr
from robot_learning.control.finite_differences import Derivatives, Step
from robot_learning.control.trajectory import Trajectory, run
from robot_learning.core.matrices import ROUNDING, apply, symmetric, transpose
from robot_learning.core.types import Array, Dynamics, LinearGaussian, QuadraticCost

ALPHAS = 10 ** np.linspace(0.0, -3.0, 11)  # steps of the line search; the first alone, then the others at once
ACCEPT = 1e-4  # share of the promised fall of the cost that must come true
LEAST = 1e-6  # smallest damping, in units of the curvature along the actions
GROWTH = 4.0  # of the damping's growth
REJECTIONS = 8  # of one trajectory in a row, each with more damping, before its search is over

CONVERGED, STUCK, USED_UP = "converged", "no step accepted", "iterations used up"
Indices = NDArray[np.int_]


class Problem(NamedTuple):
    """What to minimise; all four are given finite numbers only."""

    step: Step
    derivatives: Derivatives  # of `step`; finite_differences.differences(step) where there are no others
    cost: Callable[[Array, Array], Array]  # states (…, T + 1, dx), actions (…, T, du) -> (…, T + 1)
    expand: Callable[[Array, Array], QuadraticCost]  # the same -> its quadratic there, in absolute coordinates


@dataclass(frozen=True)
class IlqrConfig:
    """Settings."""

    __pydantic_config__ = {"extra": "forbid"}

    iterations: int = 100  # backward passes
    tolerance: float = 1e-7  # converged when a step promises less, relative to the sum of |ℓ| over the trajectory


class Solution(NamedTuple):
    """The trajectories of C conditions, the controllers around them, and what was done to get them."""

    path: Trajectory  # (C, …)
    controller: LinearGaussian  # absolute: K x + k is the path's action on the path. covariance Q_uu⁻¹, of maximum entropy
    costs: Array  # (iterations + 1, C), after each backward pass; never rises. inf where the first run was not finite
    accepted: Array  # (C,), steps that were accepted
    damping: Array  # (C,), μ in the controller's Q_uu; 0: none
    damped: Array  # (C,), backward passes with μ > 0
    mirrored: Array  # (C,), steps of the final trajectory whose cost curved downwards and was replaced by its mirror image
    repairs: Array  # (C,), steps of the last backward pass whose Q_uu still had to be made positive definite
    outcome: tuple[str, ...]  # "converged", "iterations used up" or "no step accepted", which may be followed by ": <why>"

    @property
    def cost(self) -> Array:
        """The final cost (C,)."""
        last: Array = self.costs[-1]
        return last


def solve(problem: Problem, start: Array, first: LinearGaussian, config: IlqrConfig | None = None) -> Solution:
    """The trajectories from `start` (C, dx) that lie nearest, downhill, to that of the mean of controllers `first` (C, T, …).

    `first` may be a robot's initial controller, a demonstration with gains (demonstration.py), the solution of a problem nearby, or
    trajectory.py's `open_loop` actions.
    """
    search = _Search(problem, start, first, config or IlqrConfig())
    costs = [search.total.copy()]
    for _ in range(search.config.iterations):
        if not np.any(search.open):
            break
        search.iterate(np.flatnonzero(search.open))
        costs.append(search.total.copy())
    return search.solution(np.stack(costs))


class _Model(NamedTuple):
    """The linear-quadratic problem in deviations from the present trajectories."""

    F: Array  # (n, T, dx, dz)
    H: Array  # (n, T + 1, dz, dz)
    g: Array  # (n, T + 1, dz)


class _Proposal(NamedTuple):
    """What a backward pass proposes for n conditions."""

    deviation: LinearGaussian  # δu given δx, (n, T, …)
    slope: Array  # (n,), of the modelled cost in α
    curvature: Array  # (n,)
    repairs: Array  # (n,)

    def promise(self, alpha: Array) -> Array:
        """How much the modelled cost falls (n, A) for steps `alpha` (A,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            fall: Array = -alpha * self.slope[:, None] - 0.5 * alpha**2 * self.curvature[:, None]
        return fall

    def of(self, rows: Indices) -> "_Proposal":
        """The same for some of the n conditions."""
        return _Proposal(LinearGaussian(*(part[rows] for part in self.deviation)), *(part[rows] for part in self[1:]))


class _Search:
    """The searches of C conditions; those that are not `open` have ended."""

    def __init__(self, problem: Problem, start: Array, first: LinearGaussian, config: IlqrConfig) -> None:
        self.problem, self.config = problem, config
        count, horizon, du, dx = first.K.shape
        origin = Trajectory(np.zeros((count, horizon + 1, dx)), np.zeros((count, horizon, du)))
        self.path, finite = run(problem.step, np.asarray(start, dtype=float), origin, first.K, first.k)
        self.total, self.size = self._costs(self.path, finite)
        self.K, self.covariance = np.array(first.K, dtype=float), np.array(first.covariance, dtype=float)
        self.model = _Model(
            np.zeros((count, horizon, dx, dx + du)),
            np.zeros((count, horizon + 1, dx + du, dx + du)),
            np.zeros((count, horizon + 1, dx + du)),
        )
        self.moved, self.open = np.ones(count, dtype=bool), np.ones(count, dtype=bool)
        self.unit, self.damping, self.growth = np.ones(count), np.zeros(count), np.ones(count)
        self.used, self.repairs, self.rejections, self.accepted, self.damped = np.zeros(count), *np.zeros((4, count), dtype=int)
        self.convex, self.mirrored = np.zeros(count, dtype=bool), np.zeros(count, dtype=int)
        self.settled = np.zeros(count, dtype=bool)  # at this trajectory a damped step promised nothing more
        self.outcome = [USED_UP] * count
        self._end(~np.isfinite(self.total), f"{STUCK}: the first run is not finite")

    def solution(self, costs: Array) -> Solution:
        """What has been found."""
        with np.errstate(over="ignore", invalid="ignore"):
            k = self.path.actions - apply(self.K, self.path.states[:, :-1])
        lost = ~np.all(np.isfinite(k), axis=(-1, -2))
        K = np.where(lost[:, None, None, None], 0.0, self.K)
        controller = LinearGaussian(K, np.where(lost[:, None, None], self.path.actions, k), self.covariance)
        return Solution(
            self.path, controller, costs, self.accepted, self.used, self.damped, self.mirrored, self.repairs, tuple(self.outcome)
        )

    def iterate(self, index: Indices) -> None:
        """One backward pass and line search of the open conditions `index`."""
        index = index[self._expand(index)]
        if not len(index):
            return
        proposal = self._propose(index)
        searched = self._judge(index, proposal.promise(ALPHAS[:1])[:, 0])
        rows = np.flatnonzero(searched)
        for alphas in (ALPHAS[:1], ALPHAS[1:]):
            if len(rows):
                rows = rows[~self._line_search(index[rows], proposal.of(rows), alphas)]
        self._reject(index[rows])

    def _expand(self, index: Indices) -> NDArray[np.bool_]:
        """Model the problem around the trajectories that moved; which of `index` have a finite model."""
        new = index[self.moved[index]]
        states, actions = self.path.states[new], self.path.actions[new]
        dx, du = states.shape[-1], actions.shape[-1]
        with np.errstate(all="ignore"):
            F = np.asarray(self.problem.derivatives(states[:, :-1].reshape(-1, dx), actions.reshape(-1, du)), dtype=float)
            F = F.reshape(*actions.shape[:2], dx, dx + du)
            H, g, _ = self.problem.expand(states, actions)
            z = np.concatenate([states, np.concatenate([actions, np.zeros_like(actions[:, :1])], axis=1)], axis=-1)
            g = apply(H, z) + g
            B = F[..., dx:]
            along = np.einsum("ctii->ct", H[:, :-1, dx:, dx:]) + np.sum((H[:, 1:, :dx, :dx] @ B) * B, axis=(-1, -2))
            self.unit[new] = np.nan_to_num(np.max(np.abs(along), axis=-1) / du, nan=0.0, posinf=0.0)
        self.unit[new] = np.where(self.unit[new] > 0, self.unit[new], 1.0)
        for whole, part in zip(self.model, (F, H, g), strict=True):
            whole[new] = part
        self.moved[new], self.convex[new], self.settled[new] = False, False, False
        self.rejections[new], self.mirrored[new] = 0, 0
        finite = np.all([np.isfinite(part[index]).reshape(len(index), -1).all(axis=1) for part in self.model], axis=0)
        self._end(index[~finite], f"{STUCK}: the derivatives are not finite")
        return np.asarray(finite)

    def _propose(self, index: Indices) -> _Proposal:
        """The damped backward pass around the present trajectories; keeps gains that are finite."""
        dynamics, (deviation, repairs) = self._backward(index)
        concave = index[(repairs > 0) & ~self.convex[index]]
        if len(concave):
            self._convexify(concave)
            dynamics, (deviation, repairs) = self._backward(index)
        _, H, g = (part[index] for part in self.model)
        dx, mu = dynamics.F.shape[-2], self.damping[index]
        with np.errstate(over="ignore", invalid="ignore"):
            d = np.zeros_like(g)
            d[..., :dx] = lqr.mean_states(dynamics, deviation, d[:, 0, :dx])
            d[:, :-1, dx:] = apply(deviation.K, d[:, :-1, :dx]) + deviation.k
            slope, curvature = np.sum(g * d, axis=(-1, -2)), np.sum(apply(H, d) * d, axis=(-1, -2))
        finite = np.all([np.isfinite(part).reshape(len(index), -1).all(axis=1) for part in deviation], axis=0)
        slope[~finite] = np.nan
        kept = index[finite]
        self.K[kept], self.covariance[kept] = deviation.K[finite], deviation.covariance[finite]
        self.used[kept], self.repairs[kept] = mu[finite], repairs[finite]
        self.damped[index] += mu > 0
        return _Proposal(deviation, slope, curvature, repairs)

    def _backward(self, index: Indices) -> tuple[Dynamics, lqr.Regulator]:
        """The linear dynamics of the deviations, and the regulator of the damped problem."""
        F, H, g = (part[index] for part in self.model)
        dx, dz = F.shape[-2:]
        still = np.zeros(F.shape[:-1])
        H[:, :-1, range(dx, dz), range(dx, dz)] += self.damping[index, None, None]
        dynamics = Dynamics(F, still, np.broadcast_to(0.0, (*still.shape, dx)))
        return dynamics, lqr.backward(dynamics, QuadraticCost(H, g, np.zeros(g.shape[:-1])))

    def _convexify(self, index: Indices) -> None:
        """Mirror the negative eigenvalues of the cost's Hessians; their steps keep their length, and go downhill."""
        values, vectors = np.linalg.eigh(self.model.H[index])
        with np.errstate(over="ignore", invalid="ignore"):
            self.model.H[index] = symmetric((vectors * np.abs(values)[..., None, :]) @ transpose(vectors))
        self.convex[index] = True
        self.mirrored[index] = np.sum(values[..., 0] < -ROUNDING * np.max(np.abs(values), axis=-1), axis=-1)

    def _judge(self, index: Indices, promise: Array) -> NDArray[np.bool_]:
        """End the searches whose next step promises nothing; which (n,) are worth a line search."""
        small = np.abs(promise) <= self.config.tolerance * self.size[index]
        fresh = self.rejections[index] == 0
        bare = self.damping[index] <= LEAST * self.unit[index]
        self._end(index[small & fresh & bare], CONVERGED)
        self._end(index[small & ~fresh], STUCK)
        lower = index[small & fresh & ~bare]
        self.settled[lower] = True
        self._damp(lower, 1.0 / GROWTH)
        return ~small

    def _line_search(self, index: Indices, proposal: _Proposal, alphas: Array) -> NDArray[np.bool_]:
        """Move to the best acceptable step of `alphas`; which of `index` moved."""
        n, many = len(index), len(alphas)
        around = Trajectory(*(np.repeat(part[index], many, axis=0) for part in self.path))
        k = (proposal.deviation.k[:, None] * alphas[:, None, None]).reshape(n * many, *proposal.deviation.k.shape[1:])
        runs, finite = run(self.problem.step, around.states[:, 0], around, np.repeat(proposal.deviation.K, many, axis=0), k)
        totals, sizes = (part.reshape(n, many) for part in self._costs(runs, finite))
        promise = proposal.promise(alphas)
        with np.errstate(invalid="ignore"):
            fine = (promise > 0) & (self.total[index, None] - totals >= ACCEPT * promise)
        best = np.argmin(np.where(fine, totals, np.inf), axis=1)
        moved = np.any(fine, axis=1)
        rows, to = np.flatnonzero(moved), index[moved]
        chosen = rows * many + best[moved]
        self.path.states[to], self.path.actions[to] = runs.states[chosen], runs.actions[chosen]
        self.total[to], self.size[to] = totals[rows, best[moved]], sizes[rows, best[moved]]
        self.moved[to] = True
        self.accepted[to] += 1
        self._damp(to, 1.0 / GROWTH)
        return moved

    def _reject(self, index: Indices) -> None:
        """No step was acceptable: more damping, or the end."""
        self._end(index[self.settled[index]], CONVERGED)
        self.rejections[index] += 1
        self._end(index[self.rejections[index] >= REJECTIONS], STUCK)
        self._damp(index, GROWTH)

    def _damp(self, index: Indices, factor: float) -> None:
        """Raise (factor > 1) or lower the damping, the faster the more often in a row."""
        least = LEAST * self.unit[index]
        again = (self.growth[index] > 1) == (factor > 1)
        self.growth[index] = np.where(again, self.growth[index], 1.0) * factor
        mu = self.damping[index] * self.growth[index]
        self.damping[index] = np.maximum(mu, least) if factor > 1 else np.where(mu < least, 0.0, mu)

    def _costs(self, path: Trajectory, finite: NDArray[np.bool_]) -> tuple[Array, Array]:
        """The total cost (N,) of runs, inf where they or their costs are not finite, and the sum of its parts' sizes."""
        with np.errstate(all="ignore"):
            costs = np.asarray(self.problem.cost(*path), dtype=float)
            total, size = np.sum(costs, axis=-1), np.sum(np.abs(costs), axis=-1)
        return np.where(finite & np.isfinite(total), total, np.inf), size

    def _end(self, which: NDArray[np.bool_] | Indices, outcome: str) -> None:
        for i in np.arange(len(self.open))[which]:
            if self.open[i]:
                self.outcome[i], self.open[i] = outcome, False
