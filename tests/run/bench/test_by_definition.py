"""What the solver is judged by is right: on a system so small that its whole trajectory is one normal distribution."""

import numpy as np
import pytest

from robot_learning.core.types import Dynamics, LinearGaussian, QuadraticCost, StateGaussian
from robot_learning.run.bench.by_definition import divergence, expected_cost

T, DX, DU = 3, 2, 1
rng = np.random.default_rng(3)


def covariances(size):
    root = rng.standard_normal((1, T, size, size))
    return root @ np.swapaxes(root, -1, -2) + 0.1 * np.eye(size)


def controller():
    return LinearGaussian(rng.standard_normal((1, T, DU, DX)), rng.standard_normal((1, T, DU)), covariances(DU))


MODEL = Dynamics(rng.standard_normal((1, T, DX, DX + DU)), rng.standard_normal((1, T, DX)), covariances(DX))
INITIAL = StateGaussian(rng.standard_normal((1, DX)), covariances(DX)[:, 0])
NEW, OLD = controller(), controller()


def whole(policy):
    """Mean and covariance of [x_0, u_0, x_1, …, x_T] from the precision that the factors of the density add up to."""
    size = T * (DX + DU) + DX
    P, h = np.zeros((size, size)), np.zeros(size)

    def factor(rows, noise, offset):
        """Adds ½ |rows z − offset|² in the metric of `noise`."""
        P[:] += rows.T @ np.linalg.solve(noise, rows)
        h[:] += rows.T @ np.linalg.solve(noise, offset)

    def at(start, count):
        return np.eye(size)[start : start + count]

    factor(at(0, DX), INITIAL.covariance[0], INITIAL.mean[0])
    for t in range(T):
        x = t * (DX + DU)
        factor(at(x + DX, DU) - policy.K[0, t] @ at(x, DX), policy.covariance[0, t], policy.k[0, t])
        factor(at(x + DX + DU, DX) - MODEL.F[0, t] @ at(x, DX + DU), MODEL.noise[0, t], MODEL.f[0, t])
    covariance = np.linalg.inv(P)
    return covariance @ h, covariance, P


def test_the_divergence_is_that_of_whole_trajectories():
    (m, S, _), (n, _, Q) = whole(NEW), whole(OLD)
    expected = 0.5 * (np.trace(Q @ S) - len(m) + (m - n) @ Q @ (m - n) - np.linalg.slogdet(Q @ S)[1])
    assert divergence(MODEL, NEW, OLD, INITIAL) == pytest.approx(expected, rel=1e-9)
    assert divergence(MODEL, NEW, NEW, INITIAL) == pytest.approx(0.0, abs=1e-15)


def test_the_cost_is_that_of_whole_trajectories():
    H = rng.standard_normal((1, T + 1, DX + DU, DX + DU))
    cost = QuadraticCost(H + np.swapaxes(H, -1, -2), rng.standard_normal((1, T + 1, DX + DU)), rng.standard_normal((1, T + 1)))
    m, S, _ = whole(NEW)
    expected = np.sum(cost.c)
    for t in range(T + 1):
        n = DX + (DU if t < T else 0)
        part = slice(t * (DX + DU), t * (DX + DU) + n)
        H_t, g_t = cost.H[0, t, :n, :n], cost.g[0, t, :n]
        expected += 0.5 * np.sum(H_t * (S[part, part] + np.outer(m[part], m[part]))) + g_t @ m[part]
    assert expected_cost(MODEL, NEW, INITIAL, cost) == pytest.approx(expected, rel=1e-9)


def test_states_that_have_grown_beyond_all_digits_of_a_double_do_not_matter_to_a_controller_that_does_not_look_at_them():
    F = np.zeros((1, 60, 2, 3))
    F[..., 0, 0], F[..., 1, 1], F[..., 1, 2] = 2.0, 0.5, 1.0  # the first state doubles at every step
    model = Dynamics(F, np.zeros((1, 60, 2)), np.broadcast_to(0.01 * np.eye(2), (1, 60, 2, 2)))
    small = Dynamics(F[..., 1:, 1:], np.zeros((1, 60, 1)), np.full((1, 60, 1, 1), 0.01))
    old, new = (LinearGaussian(np.full((1, 60, 1, 1), K), np.full((1, 60, 1), 0.1), np.full((1, 60, 1, 1), 0.2)) for K in (0.0, -0.3))
    old_2, new_2 = (each._replace(K=np.concatenate([np.zeros((1, 60, 1, 1)), each.K], axis=-1)) for each in (old, new))
    one, two = (StateGaussian(np.ones((1, n)), np.eye(n)[None]) for n in (1, 2))
    assert divergence(model, new_2, old_2, two) == pytest.approx(divergence(small, new, old, one), rel=1e-12)
