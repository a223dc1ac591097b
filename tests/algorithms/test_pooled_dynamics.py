"""One model for all steps: least squares over all transitions, better than a fit of each step where nothing changes with time."""

import numpy as np
from numpy.testing import assert_allclose

from robot_learning.algorithms import dynamics, pooled_dynamics
from robot_learning.core.types import Rollouts

DX, DU, T = 3, 2, 20


def simulate(count, noise, seed=0, conditions=2):
    """Rollouts of one random system for each condition, and the systems' F and f."""
    rng = np.random.default_rng(seed)
    F = np.concatenate([0.9 * np.eye(DX) + 0.1 * rng.standard_normal((conditions, DX, DX)), rng.standard_normal((conditions, DX, DU))], -1)
    f = rng.standard_normal((conditions, DX))
    states, actions = [rng.standard_normal((conditions, count, DX))], rng.standard_normal((conditions, count, T, DU))
    for t in range(T):
        z = np.concatenate([states[-1], actions[:, :, t]], axis=-1)
        states.append(np.einsum("cij,cnj->cni", F, z) + f[:, None] + noise * rng.standard_normal((conditions, count, DX)))
    return Rollouts(np.stack(states, axis=2), actions), F, f


def test_the_system_of_each_condition_is_recovered_from_one_rollout():
    rollouts, F, f = simulate(1, 0.0)
    model = pooled_dynamics.fit(rollouts)
    assert model.F.shape == (2, T, DX, DX + DU)
    assert model.noise.shape == (2, T, DX, DX)
    assert_allclose(model.F, np.repeat(F[:, None], T, axis=1), atol=1e-4)
    assert_allclose(model.f, np.repeat(f[:, None], T, axis=1), atol=1e-3)


def test_it_is_least_squares_over_all_transitions():
    rollouts, _, _ = simulate(4, 0.3)
    model = pooled_dynamics.fit(rollouts)
    for c in range(2):
        points = dynamics.transitions(rollouts)[c].reshape(-1, 2 * DX + DU)
        inputs = np.column_stack([points[:, : DX + DU], np.ones(len(points))])
        solution, *_ = np.linalg.lstsq(inputs, points[:, DX + DU :], rcond=None)
        residual = points[:, DX + DU :] - inputs @ solution
        assert_allclose(model.F[c, 0], solution[:-1].T, atol=1e-5)
        assert_allclose(model.f[c, 0], solution[-1], atol=1e-5)
        assert_allclose(model.noise[c, 0], residual.T @ residual / len(points), rtol=1e-3, atol=1e-5)


def test_where_nothing_changes_with_time_it_beats_the_fit_of_each_step():
    rollouts, F, _ = simulate(8, 0.1)
    pooled, by_step = (np.sqrt(np.mean((fit.F - F[:, None]) ** 2)) for fit in (pooled_dynamics.fit(rollouts), dynamics.fit(rollouts, None)))
    assert pooled < 0.25 * by_step  # √20 = 4.5 times as many points


def test_of_a_single_step_both_fits_are_the_same():
    states, actions = simulate(9, 0.1)[0]
    rollouts = Rollouts(states[:, :, :2], actions[:, :, :1])
    for pooled, by_step in zip(pooled_dynamics.fit(rollouts), dynamics.fit(rollouts, None), strict=True):
        assert_allclose(pooled, by_step, rtol=1e-9, atol=1e-12)
