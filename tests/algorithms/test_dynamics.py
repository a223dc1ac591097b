"""Dynamics fits: they recover linear systems, the prior saves samples, and batches change nothing."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from robot_learning.algorithms import dynamics
from robot_learning.core import gmm
from robot_learning.core.types import Rollouts


def system(seed, horizon, dx=4, du=2, varying=True):
    rng = np.random.default_rng(seed)
    A = np.eye(dx) + 0.1 * rng.standard_normal((horizon if varying else 1, dx, dx))
    B = rng.standard_normal((horizon if varying else 1, dx, du))
    F = np.concatenate([A, B], axis=-1)
    return np.broadcast_to(F, (horizon, dx, dx + du)), 0.1 * rng.standard_normal(dx)


def simulate(F, f, conditions, count, seed, noise=0.0):
    rng = np.random.default_rng(seed)
    horizon, dx, dz = F.shape
    x = 0.1 * rng.standard_normal((conditions, 1, dx)) + 0.05 * rng.standard_normal((conditions, count, dx))
    u = rng.standard_normal((conditions, count, horizon, dz - dx))
    states = [x]
    for t in range(horizon):
        states.append(np.concatenate([states[-1], u[:, :, t]], axis=-1) @ F[t].T + f + noise * rng.standard_normal(x.shape))
    return Rollouts(np.stack(states, axis=2), u)


def test_a_linear_system_is_recovered():
    F, f = system(0, 6)
    model = dynamics.fit(simulate(F, f, 2, 30, 1), None)
    assert_allclose(model.F, np.broadcast_to(F, model.F.shape), atol=1e-3)
    assert_allclose(model.f, np.broadcast_to(f, model.f.shape), atol=1e-3)


def test_the_noise_is_estimated():
    F, f = system(1, 4)
    model = dynamics.fit(simulate(F, f, 1, 4000, 2, noise=0.1), None)
    assert_allclose(model.noise, np.broadcast_to(0.01 * np.eye(4), model.noise.shape), atol=2e-3)


def test_the_prior_saves_samples():
    F, f = system(2, 30, varying=False)
    few = simulate(F, f, 3, 3, 3, noise=0.01)
    points = dynamics.transitions(few)
    prior = gmm.fit(points.reshape(-1, points.shape[-1]), 2, 0).mixture
    fresh = simulate(F, f, 3, 50, 4)
    with_prior, without = (_error(dynamics.fit(few, choice), fresh) for choice in (prior, None))
    assert with_prior < 0.2 * without


def _error(model, rollouts):
    z = np.concatenate([rollouts.states[..., :-1, :], rollouts.actions], axis=-1)
    predicted = np.einsum("ctij,cntj->cnti", model.F, z) + model.f[:, None]
    return np.sqrt(np.mean((predicted - rollouts.states[..., 1:, :]) ** 2))


@pytest.mark.parametrize("prior", [True, False])
def test_all_steps_and_conditions_at_once_are_what_each_would_be_alone(prior):
    F, f = system(3, 5)
    rollouts = simulate(F, f, 2, 4, 5, noise=0.05)
    points = dynamics.transitions(rollouts)
    mixture = gmm.fit(points.reshape(-1, points.shape[-1]), 3, 0).mixture if prior else None
    together, loop = dynamics.fit(rollouts, mixture), fit_in_a_loop(rollouts, mixture)
    for a, b in zip(together, loop, strict=True):
        assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def fit_in_a_loop(rollouts, mixture):
    """The textbook's version: one step after the other, with plain formulas."""
    points = dynamics.transitions(rollouts)
    dx, du = rollouts.states.shape[-1], rollouts.actions.shape[-1]
    dz = dx + du
    count = points.shape[1]
    center, scale = gmm.scales(points.reshape(-1, points.shape[-1]))
    rows = []
    for condition in points:
        for t in range(points.shape[2]):
            z = (condition[:, t] - center) / scale
            S = np.cov(z.T, bias=True)
            mean, strength = z.mean(axis=0), 0.0
            if mixture is not None:
                strength = dynamics.STRENGTH
                near = gmm.moments(mixture, gmm.responsibilities(mixture, condition[:, t]).mean(axis=0))
                mu, Phi = (near.mean - center) / scale, near.covariance / np.outer(scale, scale)
                apart = mean - mu
                S = (count * S + strength * Phi + count * strength / (count + strength) * np.outer(apart, apart)) / (count + strength)
                mean = (count * mean + strength * mu) / (count + strength)
            W = np.linalg.solve(S[:dz, :dz] + dynamics.RIDGE * np.eye(dz), S[:dz, dz:]).T
            noise = S[dz:, dz:] - W @ (S[:dz, :dz] + dynamics.RIDGE * np.eye(dz)) @ W.T + dynamics.LEAST_NOISE * np.eye(dx)
            F = W * np.outer(scale[dz:], 1 / scale[:dz])
            f = (mean[dz:] - W @ mean[:dz]) * scale[dz:] + center[dz:] - F @ center[:dz]
            rows.append((F, f, noise * np.outer(scale[dz:], scale[dz:])))
    shape = (points.shape[0], points.shape[2])
    return [np.stack(part).reshape(*shape, *np.shape(part[0])) for part in zip(*rows, strict=True)]


def test_units_do_not_matter():
    F, f = system(4, 5)
    rollouts = simulate(F, f, 1, 10, 6, noise=0.1)
    units, action_units = np.array([1e-6, 1.0, 1e6, 30.0]), np.array([1e3, 1e-3])
    plain = dynamics.fit(rollouts, None)
    scaled = dynamics.fit(Rollouts(rollouts.states * units, rollouts.actions * action_units), None)
    into = np.concatenate([units, action_units])
    assert_allclose(scaled.F * into / units[:, None], plain.F, rtol=1e-6, atol=1e-8)
    assert_allclose(scaled.noise / np.outer(units, units), plain.noise, rtol=1e-6, atol=1e-10)


@example(seed=210970, count=3, kind="constant", scale=1e6, prior=False)
@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 6),
    kind=st.sampled_from(["plain", "constant", "duplicated", "still"]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    prior=st.booleans(),
)
def test_deficient_data_gives_finite_models(seed, count, kind, scale, prior):
    F, f = system(seed, 8)
    states, actions = simulate(F, f, 2, count, seed)
    if kind == "constant":
        states[..., 1] = 7.0
    elif kind == "duplicated":
        states[..., 1] = states[..., 0]
    elif kind == "still":
        states[:], actions[:] = states[:, :, :1], 0.0
    rollouts = Rollouts(scale * states, actions)
    points = dynamics.transitions(rollouts)
    mixture = gmm.fit(points.reshape(-1, points.shape[-1]), 2, 0).mixture if prior else None
    model = dynamics.fit(rollouts, mixture)
    assert all(np.all(np.isfinite(part)) for part in model)
    assert np.min(np.linalg.eigvalsh(model.noise)) >= -1e-12 * max(1.0, np.max(model.noise))
    initial = dynamics.initial_state(rollouts)
    eigenvalues = np.linalg.eigvalsh(initial.covariance)
    assert np.min(eigenvalues) > -1e-15 * np.max(eigenvalues)  # what eigvalsh itself rounds
