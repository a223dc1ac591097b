"""What a step costs, and the quadratic that stands for it near a trajectory.

ℓ(x, u) = ½ l2 d² + ½ log ln(d² + alpha) + ½ action |u|² + ½ velocity |q̇|² + the terms of tasks/cost_terms.py, with d² the sum of the
squared errors of all tool points, or of the objects where a task has some: the square pulls from afar, the logarithm makes the last
millimetres count (Levine et al. 2016, supplement). After the last action the state is paid for once more, its distance `final` times.

The logarithm is concave in d². Its tangent in d², a parabola in x, lies above it everywhere; taking that parabola's curvature
log / (d² + alpha) keeps the Hessian positive semidefinite, and lowering the parabola never raises the cost.
"""

import numpy as np

from robot_learning.core.matrices import symmetric
from robot_learning.core.types import Array, QuadraticCost
from robot_learning.tasks import cost_terms
from robot_learning.tasks.cost_terms import Rows, Touch
from robot_learning.tasks.description import TaskConfig
from robot_learning.tasks.state import parts


def cost(task: TaskConfig, states: Array, actions: Array) -> Array:
    """The cost (…, T + 1) of each step; states (…, T + 1, dx), actions (…, T, du), dimensionless."""
    weights, at = task.cost, parts(task, states.shape[-1])
    d2 = _sum_squares(states[..., at.goal])
    total = 0.5 * (weights.l2 * d2 + weights.log * np.log(d2 + weights.alpha))
    total[..., -1] *= weights.final
    if weights.velocity:
        total += 0.5 * weights.velocity * _sum_squares(states[..., at.joints : 2 * at.joints])
    total[..., :-1] += 0.5 * weights.action * _sum_squares(actions)
    terms = cost_terms.rows(task, states.shape[-1], actions.shape[-1])
    if terms is not None:
        total += cost_terms.value(terms, cost_terms.priced(terms, states, actions))
    result: Array = total
    return result


def expand(task: TaskConfig, states: Array, actions: Array) -> QuadraticCost:
    """The majorising quadratic around each step, in absolute coordinates; equal to the cost in value and gradient there.

    states (…, T + 1, dx) and actions (…, T, du) -> H (…, T + 1, dz, dz), g (…, T + 1, dz), c (…, T + 1), with z = [x; u].
    """
    diagonal, c = _majorise(task, states, actions)
    terms = cost_terms.rows(task, states.shape[-1], actions.shape[-1])
    if terms is None:
        return _quadratic(diagonal, c)
    touch, rest = _terms(terms, states, actions)
    return _with_terms(_quadratic(diagonal, c - rest), terms, touch)


def expand_mean(task: TaskConfig, states: Array, actions: Array) -> QuadraticCost:
    """The mean of the expansions around N rollouts (…, N, T + 1, dx), (…, N, T, du); without the dimension N."""
    diagonal, c = _majorise(task, states, actions)
    terms = cost_terms.rows(task, states.shape[-1], actions.shape[-1])
    if terms is None:
        return _quadratic(np.mean(diagonal, axis=-3), np.mean(c, axis=-2))
    touch, rest = _terms(terms, states, actions)
    mean = Touch(*(np.mean(part, axis=-3) for part in touch))
    return _with_terms(_quadratic(np.mean(diagonal, axis=-3), np.mean(c - rest, axis=-2)), terms, mean)


def _majorise(task: TaskConfig, states: Array, actions: Array) -> tuple[Array, Array]:
    """Diagonal of H and c, without the further terms: each of these is ½ h z² plus a constant, so nothing linear is left."""
    weights = task.cost
    dx, du = states.shape[-1], actions.shape[-1]
    at = parts(task, dx)
    curvature = weights.l2 + weights.log / (_sum_squares(states[..., at.goal]) + weights.alpha)
    curvature[..., -1] *= weights.final
    diagonal = np.zeros((*states.shape[:-1], dx + du))
    diagonal[..., at.goal] = curvature[..., None]
    diagonal[..., at.joints : 2 * at.joints] = weights.velocity
    diagonal[..., :-1, dx:] = weights.action
    point = np.zeros_like(diagonal)
    point[..., :dx] = states
    point[..., :-1, dx:] = actions
    return diagonal, cost(task, states, actions) - 0.5 * np.add.reduce(diagonal * point * point, axis=-1)


def _quadratic(diagonal: Array, c: Array) -> QuadraticCost:
    return QuadraticCost(diagonal[..., None] * np.eye(diagonal.shape[-1]), np.zeros_like(diagonal), c)


def _terms(terms: Rows, states: Array, actions: Array) -> tuple[Touch, Array]:
    """The parabolas of the further terms, and what of them depends on z (…, T + 1) at these states and actions."""
    y = cost_terms.priced(terms, states, actions)
    touch = cost_terms.touch(terms, y)
    varies = 0.5 * touch.curvature * (y * y - terms.b * terms.b) + touch.slope * (y - terms.b)
    return touch, np.sum(varies, axis=-1)


def _with_terms(quadratic: QuadraticCost, terms: Rows, touch: Touch) -> QuadraticCost:
    """½ curvature (J z + b)² + slope (J z + b), without what does not depend on z, on top of a quadratic."""
    H = (terms.J.T * touch.curvature[..., None, :]) @ terms.J
    g = (touch.curvature * terms.b + touch.slope) @ terms.J
    return QuadraticCost(quadratic.H + symmetric(H), quadratic.g + g, quadratic.c)


def _sum_squares(values: Array) -> Array:
    total: Array = np.add.reduce(np.ascontiguousarray(values * values), axis=-1)
    return total
