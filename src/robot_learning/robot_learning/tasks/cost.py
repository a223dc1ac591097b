"""What a step costs, and the quadratic that stands for it near a trajectory.

ℓ(x, u) = ½ l2 d² + ½ log ln(d² + alpha) + ½ action |u|² + ½ velocity |q̇|², with d² the sum of the squared errors of all tool
points: the square pulls from afar, the logarithm makes the last millimetres count (Levine et al. 2016, supplement). After the last
action the state is paid for once more.

The logarithm is concave in d². Its tangent in d², a parabola in x, lies above it everywhere; taking that parabola's curvature
log / (d² + alpha) keeps the Hessian positive semidefinite, and lowering the parabola never raises the cost.
"""

import numpy as np

from robot_learning.core.types import Array, QuadraticCost
from robot_learning.tasks.description import TaskConfig


def cost(task: TaskConfig, states: Array, actions: Array) -> Array:
    """The cost (…, T + 1) of each step; states (…, T + 1, dx), actions (…, T, du), dimensionless."""
    weights = task.cost
    joints, error = _parts(task, states.shape[-1])
    d2 = _sum_squares(states[..., error])
    total = 0.5 * (weights.l2 * d2 + weights.log * np.log(d2 + weights.alpha))
    if weights.velocity:
        total += 0.5 * weights.velocity * _sum_squares(states[..., joints : 2 * joints])
    total[..., :-1] += 0.5 * weights.action * _sum_squares(actions)
    result: Array = total
    return result


def expand(task: TaskConfig, states: Array, actions: Array) -> QuadraticCost:
    """The majorising quadratic around each step, in absolute coordinates; equal to the cost in value and gradient there.

    states (…, T + 1, dx) and actions (…, T, du) -> H (…, T + 1, dz, dz), g (…, T + 1, dz), c (…, T + 1), with z = [x; u].
    """
    diagonal, c = _majorise(task, states, actions)
    return _quadratic(diagonal, c)


def expand_mean(task: TaskConfig, states: Array, actions: Array) -> QuadraticCost:
    """The mean of the expansions around N rollouts (…, N, T + 1, dx), (…, N, T, du); without the dimension N."""
    diagonal, c = _majorise(task, states, actions)
    return _quadratic(np.mean(diagonal, axis=-3), np.mean(c, axis=-2))


def _majorise(task: TaskConfig, states: Array, actions: Array) -> tuple[Array, Array]:
    """Diagonal of H and c: every term is ½ h z² plus a constant, so that in absolute coordinates nothing linear is left."""
    weights = task.cost
    dx, du = states.shape[-1], actions.shape[-1]
    joints, error = _parts(task, dx)
    curvature = weights.l2 + weights.log / (_sum_squares(states[..., error]) + weights.alpha)
    diagonal = np.zeros((*states.shape[:-1], dx + du))
    diagonal[..., error] = curvature[..., None]
    diagonal[..., joints : 2 * joints] = weights.velocity
    diagonal[..., :-1, dx:] = weights.action
    point = np.zeros_like(diagonal)
    point[..., :dx] = states
    point[..., :-1, dx:] = actions
    return diagonal, cost(task, states, actions) - 0.5 * np.add.reduce(diagonal * point * point, axis=-1)


def _quadratic(diagonal: Array, c: Array) -> QuadraticCost:
    return QuadraticCost(diagonal[..., None] * np.eye(diagonal.shape[-1]), np.zeros_like(diagonal), c)


def _parts(task: TaskConfig, dx: int) -> tuple[int, slice]:
    points = 3 * len(task.tool_points)
    joints = (dx - 2 * points) // 2
    return joints, slice(2 * joints, 2 * joints + points)


def _sum_squares(values: Array) -> Array:
    total: Array = np.add.reduce(np.ascontiguousarray(values * values), axis=-1)
    return total
