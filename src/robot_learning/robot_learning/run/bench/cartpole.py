"""The published CartPole of a benchmark of model-based learning (Wang et al. 2019, arXiv 1907.02057), exactly.

It stands among the benchmarks and not in `robots/`, because it is no robot of ours: no URDF, no command modes, no gate, nothing to
transfer to. It is there so that guided policy search can be compared with published numbers.

A cart on a rail, with a pole on it that starts upright. The state is x [m], ẋ [m/s], θ [rad] from upright, θ̇ [rad/s]. Nothing ends
an episode before its 200 steps: a pole that falls swings round. The equations of motion are those of Barto, Sutton and Anderson
(1983) without friction, with the constants and the Euler steps of Gym's CartPole, in which positions move with the *old* velocities.
"""

from collections.abc import Callable

import numpy as np

from robot_learning.core.types import Array, QuadraticCost, Rollouts

GRAVITY = 9.8  # m/s²
CART, POLE = 1.0, 0.1  # kg
HALF_LENGTH = 0.5  # m, of the pole
FORCE = 10.0  # N, either way
STEP = 0.02  # s
HORIZON = 200
START = 0.05  # largest absolute value of each number of the first state
DISTANCE = 0.01  # 1/m², weight of x²
STATE_DIM, ACTION_DIM = 4, 1

Actor = Callable[[Array], Array]  # states (N, 4) -> actions (N, 1)


def advance(states: Array, actions: Array) -> Array:
    """The next states (…, 4) after states (…, 4) and actions (…, 1): a force of +10 N for an action above 0, else of −10 N."""
    _, velocity, angle, rate = np.moveaxis(states, -1, 0)
    force = np.where(actions[..., 0] > 0.0, FORCE, -FORCE)
    sin, cos, total = np.sin(angle), np.cos(angle), CART + POLE
    push = (force + POLE * HALF_LENGTH * rate**2 * sin) / total
    turn = (GRAVITY * sin - cos * push) / (HALF_LENGTH * (4.0 / 3.0 - POLE * cos**2 / total))
    shift = push - POLE * HALF_LENGTH * turn * cos / total
    return states + STEP * np.stack([velocity, shift, rate, turn], axis=-1)


def reward(states: Array) -> Array:
    """The reward cos θ − 0.01 x² (…) in states (…, 4); a step earns the reward of the state in which it begins."""
    earned: Array = np.cos(states[..., 2]) - DISTANCE * states[..., 0] ** 2
    return earned


def returns(states: Array) -> Array:
    """The sum of an episode's rewards (…) over its states (…, T + 1, 4); the last state earns nothing."""
    total: Array = np.sum(reward(states[..., :-1, :]), axis=-1)
    return total


def expand_mean(states: Array) -> QuadraticCost:
    """The mean over N rollouts (…, N, T + 1, 4) of a quadratic around each state that is equal to −reward in value and gradient.

    −cos θ is concave in θ² while |θ| < π. Its tangent in θ² is a parabola in θ that lies above it and has no linear term, of
    curvature sin θ / θ: positive, where the second derivative cos θ is not, once the pole is below the horizontal.
    """
    diagonal = np.zeros((*states.shape[:-1], STATE_DIM + ACTION_DIM))
    diagonal[..., :-1, 0] = 2.0 * DISTANCE
    diagonal[..., :-1, 2] = np.maximum(np.sinc(states[..., :-1, 2] / np.pi), 0.0)
    c = -0.5 * np.sum(diagonal[..., :STATE_DIM] * states**2, axis=-1)
    c[..., :-1] -= reward(states[..., :-1, :])
    mean = np.mean(diagonal, axis=-3)
    return QuadraticCost(mean[..., None] * np.eye(STATE_DIM + ACTION_DIM), np.zeros_like(mean), np.mean(c, axis=-2))


def starts(rng: np.random.Generator, count: int) -> Array:
    """First states (N, 4), uniform."""
    return rng.uniform(-START, START, (count, STATE_DIM))


def run(first: Array, actor: Actor) -> Rollouts:
    """Whole episodes side by side from states `first` (N, 4): states (N, T + 1, 4), actions (N, T, 1)."""
    states, actions = [first], []
    for _ in range(HORIZON):
        actions.append(actor(states[-1]))
        states.append(advance(states[-1], actions[-1]))
    return Rollouts(np.stack(states, axis=1), np.stack(actions, axis=1))
