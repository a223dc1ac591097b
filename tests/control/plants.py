"""Small systems with known dynamics, and quadratic costs, for the tests of trajectory optimization."""

import numpy as np

from robot_learning.control.finite_differences import differences
from robot_learning.control.ilqr import Problem
from robot_learning.core.types import QuadraticCost

DT = 0.05


def pendulum(states, actions):
    """[angle from hanging, rate], torque in units of m g l: one unit holds it at 90 degrees, and 0.4 need a swing or two."""
    angle, rate = states.T
    rate = rate + DT * (-9.81 * np.sin(angle) - 0.1 * rate + 9.81 * actions[:, 0])
    return np.stack([angle + DT * rate, rate], axis=1)


def pendulum_derivatives(states, actions):
    angle = states[:, 0]
    F = np.zeros((len(states), 2, 3))
    F[:, 1, 0], F[:, 1, 1], F[:, 1, 2] = -DT * 9.81 * np.cos(angle), 1 - 0.1 * DT, DT * 9.81
    F[:, 0] = DT * F[:, 1]
    F[:, 0, 0] += 1
    return F


def cartpole(states, actions):
    """[place, angle from hanging, speed, rate]; cart 1 kg, pole 0.3 kg with its mass at 0.5 m, the action in units of 10 N."""
    _, angle, speed, rate = states.T
    sine, cosine, force = np.sin(angle), np.cos(angle), 10 * actions[:, 0]
    mass = 1.0 + 0.3 * sine**2
    speed_change = (force + 0.3 * sine * (0.5 * rate**2 + 9.81 * cosine)) / mass
    rate_change = -(force * cosine + 0.15 * rate**2 * cosine * sine + 1.3 * 9.81 * sine) / (0.5 * mass)
    speed, rate = speed + DT * speed_change, rate + DT * rate_change
    return np.stack([states[:, 0] + DT * speed, angle + DT * rate, speed, rate], axis=1)


def linear(F, f=0.0):
    """x' = F [x; u] + f, and its derivatives."""

    def step(states, actions):
        return np.concatenate([states, actions], axis=1) @ F.T + f

    return step, lambda states, actions: np.broadcast_to(F, (len(states), *F.shape))


def quadratic(cost):
    """The functions `cost` and `expand` of a problem whose cost is quadratic: H (T + 1, dz, dz), g (T + 1, dz), c (T + 1,)."""

    def value(states, actions):
        z = np.concatenate([states, np.concatenate([actions, np.zeros_like(actions[..., :1, :])], axis=-2)], axis=-1)
        return 0.5 * np.einsum("...i,...ij,...j->...", z, cost.H, z) + np.sum(cost.g * z, axis=-1) + cost.c

    def expand(states, actions):
        lead = states.shape[:-2]
        return QuadraticCost(*(np.broadcast_to(part, (*lead, *part.shape)) for part in cost))

    return value, expand


def to_goal(goal, weights, effort, final, horizon):
    """½ Σ_t [weights · (x − goal)² + effort u²], and `final` instead of `weights` at the end."""
    dx, goal, weights, final = len(goal), np.array(goal, float), np.array(weights, float), np.array(final, float)
    H, g, c = np.zeros((horizon + 1, dx + 1, dx + 1)), np.zeros((horizon + 1, dx + 1)), np.zeros(horizon + 1)
    for t in range(horizon + 1):
        w = final if t == horizon else weights
        H[t, range(dx), range(dx)], g[t, :dx], c[t] = w, -w * goal, 0.5 * np.sum(w * goal**2)
        if t < horizon:
            H[t, dx, dx] = effort
    return QuadraticCost(H, g, c)


def swing_up(horizon=60, limit_effort=0.02):
    """The pendulum from rest to upright, with derivatives in closed form."""
    return Problem(pendulum, pendulum_derivatives, *quadratic(to_goal([np.pi, 0], [0.05, 0.005], limit_effort, [100, 10], horizon)))


def cartpole_swing_up(horizon=60):
    """The cart-pole from hanging at rest to upright, with derivatives by finite differences."""
    cost = to_goal([0, np.pi, 0, 0], [0.05, 0.05, 0.005, 0.005], 0.1, [100, 100, 10, 10], horizon)
    return Problem(cartpole, differences(cartpole), *quadratic(cost))
