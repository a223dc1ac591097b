"""Priors of dynamics: they save samples, give way to data, and lie with it on both sides of the posterior."""

from dataclasses import replace

import numpy as np
import point_mass  # conftest.py puts this folder on the path
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.algorithms import dynamics, local_gps, priors
from robot_learning.algorithms.checkpoint import pack, unpack
from robot_learning.core.gaussian import Normal
from robot_learning.core.types import Rollouts
from robot_learning.models import dynamics_net

QUICK = dynamics_net.NetConfig(hidden=(16, 16), steps=400, again=200)
KINDS = ["gaussian", "gmm", "neural"]


def rollouts(F, f, conditions, count, horizon, seed, noise=0.0):
    """Rollouts of x' = F [x; u] + f from random states: F (dx, dx + du)."""
    rng = np.random.default_rng(seed)
    dx = len(f)
    x, u = rng.standard_normal((conditions, count, dx)), rng.standard_normal((conditions, count, horizon, F.shape[1] - dx))
    states = [x]
    for t in range(horizon):
        x = np.concatenate([x, u[:, :, t]], axis=-1) @ F.T + f + noise * rng.standard_normal(x.shape)
        states.append(x)
    return Rollouts(np.stack(states, axis=2), u)


def system(seed=0, dx=4, du=2):
    rng = np.random.default_rng(seed)
    return np.concatenate([0.9 * np.eye(dx) + 0.1 * rng.standard_normal((dx, dx)), rng.standard_normal((dx, du))], axis=1), 0.1 * np.ones(
        dx
    )


def learned(kind, memory, seed=0):
    if kind == "neural":
        net = dynamics_net.fit(*priors.pairs(memory), seed, QUICK).net
        return priors.Learned(net=net)
    return priors.mixture(memory, None, 1 if kind == "gaussian" else 3, 10, seed)[0]


def error(model, F):
    return np.sqrt(np.mean((model.F - F) ** 2))


@pytest.mark.parametrize("kind", KINDS)
def test_with_many_samples_every_prior_agrees_with_least_squares(kind):
    F, f = system()
    other, _ = system(9)
    misleading = learned(kind, [rollouts(other, f, 1, 20, 10, 1)]).prior
    many = rollouts(F, f, 1, 4000, 3, 2, noise=0.1)
    with_prior, without = dynamics.fit(many, misleading), dynamics.fit(many, None)
    for a, b in zip(with_prior, without, strict=True):
        assert_allclose(a, b, atol=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_a_linear_system_takes_fewer_samples(kind):
    F, f = system()
    memory = [rollouts(F, f, 3, 3, 30, 3, noise=0.01)]
    few, enough = (rollouts(F, f, 3, count, 5, 4, noise=0.01) for count in (3, 9))
    prior = learned(kind, memory).prior
    assert error(dynamics.fit(few, prior), F) < error(dynamics.fit(enough, None), F)
    assert error(dynamics.fit(few, prior), F) < 0.1 * error(dynamics.fit(few, None), F)


@pytest.mark.parametrize("kind", KINDS)
def test_the_posterior_lies_between_prior_and_data(kind):
    believed, true = np.array([[0.2, 1.0]]), np.array([[0.8, 1.0]])
    prior = learned(kind, [rollouts(believed, np.zeros(1), 1, 20, 20, 5)]).prior
    gains = [dynamics.fit(rollouts(true, np.zeros(1), 1, count, 1, 6), prior).F[0, 0, 0, 0] for count in (2, 8, 40, 200)]
    assert gains[0] > 0.2
    assert np.all(np.diff(gains) > 0)
    assert gains[-1] < 0.8


def test_the_network_decides_where_the_rollouts_say_nothing():
    F, f = system()
    prior = learned("neural", [rollouts(F, f, 4, 10, 20, 7)]).prior
    states, actions = (np.repeat(part[:, :1], 4, axis=1) for part in rollouts(F, f, 1, 1, 5, 8))
    model = dynamics.fit(Rollouts(states, actions), prior)  # four times the same
    assert_allclose(model.F, np.broadcast_to(F, model.F.shape), atol=0.02)


def test_the_neural_prior_is_what_a_loop_computes():
    F, f = system()
    data = rollouts(F, f, 2, 4, 3, 9, noise=0.1)
    net = learned("neural", [data]).net
    points = dynamics.transitions(data)
    center, scale = np.full(10, 0.3), np.linspace(0.5, 2.0, 10)
    scatter = [np.cov(points[c, :, t, :6].T, bias=True) for c in range(2) for t in range(3)]
    Q = priors.INPUTS * np.mean(scatter, axis=0) + priors.UNSEEN * np.diag(scale[:6] ** 2)
    for c, found in enumerate(priors.NeuralPrior(net).near(points, center, scale)):
        for t in range(3):
            own = points[c, :, t]
            J = np.mean([net.derivatives(z[:4], z[4:6]) for z in own], axis=0)
            mean = np.concatenate([own[:, :6].mean(axis=0), np.mean([net.mean(z[:4], z[4:6]) for z in own], axis=0)])
            covariance = np.block([[Q, Q @ J.T], [J @ Q, J @ Q @ J.T + net.noise]])
            assert_allclose(found.mean[t], (mean - center) / scale, rtol=1e-9, atol=1e-12)
            assert_allclose(found.covariance[t], covariance / np.outer(scale, scale), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_prior_of_each_condition_and_step_is_a_normal_distribution(kind):
    F, f = system()
    data = rollouts(F, f, 3, 2, 4, 10, noise=0.1)
    prior = learned(kind, [data]).prior
    found = list(prior.near(dynamics.transitions(data), np.zeros(10), np.ones(10)))
    assert len(found) == 3
    for normal in found:
        assert isinstance(normal, Normal)
        assert normal.mean.shape == (4, 10)
        assert np.min(np.linalg.eigvalsh(normal.covariance)) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_learned_survives_a_checkpoint(kind):
    F, f = system()
    data = rollouts(F, f, 1, 5, 6, 11, noise=0.1)
    first = learned(kind, [data])
    again = unpack(priors.Learned, pack(first))
    for a, b in zip(dynamics.fit(data, first.prior), dynamics.fit(data, again.prior), strict=True):
        assert np.array_equal(a, b)
    assert unpack(priors.Learned, pack(priors.Learned())) == priors.Learned()


def test_without_points_for_a_component_there_is_no_prior():
    F, f = system()
    found, likelihood = priors.mixture([rollouts(F, f, 1, 1, 5, 12)], None, 20, 150, 0)
    assert found.prior is None
    assert np.isnan(likelihood)


@pytest.mark.parametrize("count", [1, 2])
def test_one_rollout_is_enough_for_the_network(count):
    F, f = system()
    data = rollouts(F, f, 2, count, 40, 13)
    model = dynamics.fit(data, learned("neural", [data]).prior)
    assert error(model, F) < 0.05


@pytest.mark.parametrize(("kind", "reached"), [("none", False), ("gaussian", True), ("gmm", True), ("neural", True)])
def test_controllers_learn_from_few_rollouts_with_every_prior_and_not_without(kind, reached, monkeypatch):
    monkeypatch.setattr(dynamics_net, "NetConfig", lambda: QUICK)
    config = replace(point_mass.LOCAL, prior=kind)
    state = local_gps.start(point_mass.first_controllers(), config)
    for iteration in range(4):
        acts = point_mass.local(state.controllers)
        state, _ = local_gps.update(state, point_mass.rollouts(acts, 3, iteration), point_mass.TASK, config, iteration)
    ends = [
        point_mass.rollout(act, target)[0][-1, 6:9]
        for act, target in zip(point_mass.local(state.controllers), point_mass.TARGETS, strict=True)
    ]
    assert bool(np.all(np.linalg.norm(ends, axis=1) < 0.01)) == reached


def test_training_with_a_network_resumes_bit_for_bit(monkeypatch):
    monkeypatch.setattr(dynamics_net, "NetConfig", lambda: QUICK)
    config = replace(point_mass.LOCAL, prior="neural")
    state = local_gps.start(point_mass.first_controllers(), config)
    for iteration in range(2):
        state, _ = local_gps.update(
            state, point_mass.rollouts(point_mass.local(state.controllers), 3, iteration), point_mass.TASK, config, 0
        )
    resumed = unpack(local_gps.LocalState, pack(state))
    data = point_mass.rollouts(point_mass.local(state.controllers), 3, 2)
    (a, _), (b, _) = (local_gps.update(each, data, point_mass.TASK, config, 0) for each in (state, resumed))
    for (name, one), (other, two) in zip(pack(a).items(), pack(b).items(), strict=True):
        assert name == other
        assert_array_equal(one, two)
    assert len(a.memory) == 3


@pytest.mark.parametrize("kind", ["constant", "duplicated", "still", "zero"])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("count", [1, 3])
def test_deficient_data_gives_finite_models_with_a_network(kind, scale, count):
    F, f = system()
    states, actions = rollouts(F, f, 2, count, 8, 14)
    if kind == "constant":
        states[..., 1] = 7.0
    elif kind == "duplicated":
        states[..., 1] = states[..., 0]
    else:
        states[:] = states[:, :, :1] if kind == "still" else 0.0
        actions[:] = 0.0
    data = Rollouts(scale * states, actions)
    net = dynamics_net.fit(*priors.pairs([data]), 0, QUICK).net
    model = dynamics.fit(data, priors.NeuralPrior(net))
    assert all(np.all(np.isfinite(part)) for part in model)
    assert np.min(np.linalg.eigvalsh(model.noise)) >= -1e-12 * max(1.0, np.max(model.noise))
