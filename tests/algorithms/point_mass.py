"""A point mass in space that has the state layout of an arm with three joints and one tool point, so that it needs no simulator."""

import numpy as np

from robot_learning.algorithms.local_gps import LocalConfig
from robot_learning.control import linear_gaussian, noise
from robot_learning.core.types import LinearGaussian, Rollouts
from robot_learning.tasks.description import CostWeights, TaskConfig

HORIZON, DT = 20, 0.1
TASK = TaskConfig(
    name="point_mass",
    kind="reach",
    rate_hz=10.0,
    horizon=HORIZON,
    tool_points=((0.0, 0.0, 0.0),),
    target_lower=(-1.0, -1.0, -1.0),
    target_upper=(1.0, 1.0, 1.0),
    cost=CostWeights(l2=1.0, log=0.1, alpha=1e-5, action=0.01),
)
TARGETS = np.array([[0.3, -0.2, 0.1], [-0.2, 0.3, 0.2], [0.1, 0.2, -0.3]])
LOCAL = LocalConfig(mixture_components=4)


def observe(q, dq, target):
    """[q, q̇, p − p_target, ṗ]: half of it is redundant, as for a real arm."""
    return np.concatenate([q, dq, q - target, dq], axis=-1)


def rollout(act, target, seed=None):
    """One episode of act(t, x, noise); without noise where seed is None."""
    draws = noise.draw(seed, HORIZON, 3) if seed is not None else [None] * HORIZON
    q, dq = np.zeros(3), np.zeros(3)
    states, actions = [observe(q, dq, target)], []
    for t in range(HORIZON):
        u = act(t, states[-1], draws[t])
        q, dq = q + DT * dq + 0.5 * DT**2 * u, dq + DT * u
        states.append(observe(q, dq, target))
        actions.append(u)
    return np.stack(states), np.stack(actions)


def rollouts(acts, count, seed):
    """`count` noisy episodes per condition."""
    pairs = [
        [rollout(act, target, 1000 * seed + 10 * i + n) for n in range(count)]
        for i, (act, target) in enumerate(zip(acts, TARGETS, strict=True))
    ]
    return Rollouts(np.array([[p[0] for p in row] for row in pairs]), np.array([[p[1] for p in row] for row in pairs]))


def local(controllers):
    """Acts by local controllers, one per condition."""
    parts = [linear_gaussian.at(controllers, i) for i in range(len(controllers.k))]
    return [lambda t, x, n, one=one: linear_gaussian.act(one, t, x, n) for one in parts]


def first_controllers():
    """A weak PD controller for each target."""
    K = np.zeros((len(TARGETS), HORIZON, 3, 12))
    K[..., range(3), range(3)], K[..., range(3), range(3, 6)] = -1.0, -0.5
    covariance = np.broadcast_to(0.1 * np.eye(3), (len(TARGETS), HORIZON, 3, 3))
    return LinearGaussian(K, np.zeros((len(TARGETS), HORIZON, 3)), covariance)
