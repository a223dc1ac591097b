"""The global model of the dynamics: exact derivatives, linear systems, warm starts that forget nothing, and data that is no good."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from robot_learning.models.dynamics_net import NetConfig, fit

QUICK = NetConfig(hidden=(24, 24), steps=600, again=300)


def pendulums(seed, count=1500, width=1.0, start=None):
    """A pendulum with torque, sampled everywhere within `width` (2,): states, actions and next states."""
    rng = np.random.default_rng(seed)
    states, actions = width * rng.uniform(-1, 1, (count, 2)) * [2.0, 3.0], rng.uniform(-1, 1, (count, 1))
    speed = states[:, 1] + 0.1 * (actions[:, 0] - 5.0 * np.sin(states[:, 0]))
    return states, actions, np.stack([states[:, 0] + 0.1 * speed, speed], axis=-1)


def linear(seed, count=400):
    rng = np.random.default_rng(seed)
    F, f = rng.standard_normal((3, 5)), rng.standard_normal(3)
    z = rng.standard_normal((count, 5)) * [1e-3, 1.0, 30.0, 1.0, 1e3]
    return F, f, (z[:, :3], z[:, 3:], z @ F.T + f)


def test_the_derivatives_are_those_of_the_mean():
    states, actions, following = pendulums(0)
    net = fit(states, actions, following, 0, QUICK).net
    x, u = states[:20], actions[:20]
    J = net.derivatives(x, u)
    for i in range(3):
        h = 1e-6 * np.eye(3)[i]
        slope = (net.mean(x + h[:2], u + h[2:]) - net.mean(x - h[:2], u - h[2:])) / 2e-6
        assert_allclose(J[..., i], slope, atol=1e-7)


def test_batches_of_any_shape_are_what_each_point_would_be_alone():
    states, actions, following = pendulums(1, 200)
    net = fit(states, actions, following, 0, QUICK).net
    x, u = states[:6].reshape(2, 3, 2), actions[:6].reshape(2, 3, 1)
    assert_allclose(net.mean(x, u)[1, 2], net.mean(x[1, 2], u[1, 2]), rtol=1e-12)
    assert_allclose(net.derivatives(x, u)[1, 2], net.derivatives(x[1, 2], u[1, 2]), rtol=1e-12)


def test_a_linear_system_is_recovered_whatever_its_units():
    F, _, (states, actions, following) = linear(2)
    found = fit(states, actions, following, 0, QUICK)
    J = found.net.derivatives(states, actions)
    share = np.array([1e-3, 1.0, 30.0, 1.0, 1e3]) / np.linalg.norm(following, axis=0)[:, None]
    assert np.max(np.abs(J - F) * share) < 1e-4
    assert found.error < 1e-6


def test_the_network_learns_what_is_not_linear():
    data, fresh = pendulums(3), pendulums(4)
    nothing = NetConfig(hidden=(24, 24), steps=1, rate=1e-12)
    errors = [np.mean((fit(*data, 0, config).net.mean(*fresh[:2]) - fresh[2]) ** 2) for config in (QUICK, nothing)]
    assert errors[0] < 0.1 * errors[1]


def test_the_noise_is_that_of_points_that_were_not_trained_on():
    states, actions, following = pendulums(5, 4000)
    noise = np.array([0.02, 0.1])
    following = following + noise * np.random.default_rng(0).standard_normal(following.shape)
    net = fit(states, actions, following, 0, QUICK).net
    assert_allclose(np.sqrt(np.diag(net.noise)), noise, rtol=0.25)


@pytest.mark.parametrize("seed", range(3))
def test_where_there_is_nothing_to_learn_the_network_is_no_worse_than_a_line(seed):
    rng = np.random.default_rng(seed)
    states, actions = rng.standard_normal((60, 3)), rng.standard_normal((60, 2))
    following = states + rng.standard_normal((60, 3))
    nothing = NetConfig(hidden=(24, 24), steps=1, rate=1e-12)
    assert fit(states, actions, following, 0, QUICK).error <= fit(states, actions, following, 0, nothing).error * 1.05


def test_a_warm_start_forgets_nothing():
    first = fit(*pendulums(6), 0, QUICK).net
    states, actions, _ = pendulums(7, width=0.5)  # of other scales
    again = fit(states, actions, first.mean(states, actions), 1, NetConfig(hidden=(24, 24), again=0), start=first).net
    everywhere = pendulums(8)[:2]
    assert_allclose(again.mean(*everywhere), first.mean(*everywhere), atol=1e-4)


def test_a_warm_start_learns_on():
    data, fresh = pendulums(9, 500), pendulums(10, 500)
    first = fit(*data, 0, QUICK)
    more = [np.concatenate(parts) for parts in zip(data, fresh, strict=True)]
    assert fit(*more, 1, QUICK, start=first.net).error < first.error


def test_the_same_seed_gives_the_same_network():
    a, b = (fit(*pendulums(11, 300), 5, QUICK).net for _ in range(2))
    assert all(np.array_equal(x, y) for x, y in zip(a.layers[0], b.layers[0], strict=True))
    assert np.array_equal(a.noise, b.noise)


@pytest.mark.parametrize("kind", ["one point", "constant", "duplicated", "still", "tiny", "huge"])
def test_deficient_data_gives_finite_models(kind):
    states, actions, following = (np.array(part) for part in pendulums(12, 1 if kind == "one point" else 40))
    scale = {"tiny": 1e-6, "huge": 1e6}.get(kind, 1.0)
    if kind == "constant":
        states[:, 1] = following[:, 1] = 7.0
    elif kind == "duplicated":
        states[:, 1], following[:, 1] = states[:, 0], following[:, 0]
    elif kind == "still":
        following = states
    net = fit(scale * states, actions, scale * following, 0, QUICK).net
    again = fit(states, actions, following, 0, QUICK, start=net).net
    for found in (net, again):
        assert np.all(np.isfinite(found.mean(states, actions)))
        assert np.all(np.isfinite(found.derivatives(states, actions)))
        assert np.min(np.linalg.eigvalsh(found.noise)) >= 0
