"""The global policy: what it computes, that every process computes the same, and that wrong arrays are refused."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.models.manifest import manifest, misfit


def policy(seed=0, dx=32, du=7):
    rng = np.random.default_rng(seed)
    fresh = GaussianPolicy.initial(dx, du, seed)
    M = rng.standard_normal((du, du))
    return GaussianPolicy(fresh.layers, rng.standard_normal(dx), np.exp(rng.standard_normal(dx)), M @ M.T + np.eye(du))


def test_it_is_a_relu_network_of_the_normalized_state():
    p, x = policy(), np.random.default_rng(1).standard_normal(32)
    h = (x - p.center) / p.scale
    for layer in p.layers[:-1]:
        h = np.maximum(layer.W.astype(float) @ h + layer.b, 0.0)
    assert_allclose(p.act(x), p.layers[-1].W.astype(float) @ h + p.layers[-1].b, rtol=1e-9, atol=1e-12)
    assert [layer.W.shape for layer in p.layers] == [(40, 32), (40, 40), (7, 40)]


def test_one_state_and_many_agree():
    p, states = policy(), np.random.default_rng(2).standard_normal((3, 4, 32))
    assert_allclose(p.mean(states), [[p.act(x) for x in row] for row in states], rtol=1e-9, atol=1e-12)


def test_noise_has_the_policys_covariance():
    p, x = policy(), np.zeros(32)
    actions = np.stack([p.act(x, n) for n in np.random.default_rng(3).standard_normal((20_000, 7))])
    assert_allclose(np.cov(actions.T), p.covariance, atol=0.05 * np.max(p.covariance))
    assert_array_equal(p.act(x, np.zeros(7)), p.act(x))


def test_arrays_there_and_back_give_the_same_bits():
    p = policy()
    again = GaussianPolicy.from_state({name: array.copy() for name, array in p.state().items()})
    for x in np.random.default_rng(4).standard_normal((20, 32)):
        assert_array_equal(again.act(x, x[:7]), p.act(x, x[:7]))
    assert again.layers[0].W.dtype == np.float32


@pytest.mark.parametrize("name", ["center", "scale", "covariance", "layer0.weight", "layer1.bias", "layer2.weight"])
def test_arrays_that_do_not_fit_are_refused(name):
    state = policy().state()
    with pytest.raises(ValueError, match="expected"):
        GaussianPolicy.from_state({key: array for key, array in state.items() if key != name})
    state[name] = state[name][1:]
    with pytest.raises(ValueError, match=r"shape|expected"):
        GaussianPolicy.from_state(state)


def test_the_manifest_lists_all_arrays():
    content = manifest(policy(), "fr3", "effort", "reach", 20.0, ["q0"], [1.0] * 7)
    assert content["arrays"]["layer0.weight"] == {"shape": [40, 32], "dtype": "float32"}
    assert set(content["arrays"]) == set(policy().state())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ""),
        ({"task": "another"}, ""),
        ({"observation": ["q0", "q2"]}, "manifest: observation: number 1 is 'q2', expected 'q1'"),
        ({"observation": ["q0"]}, "manifest: observation: 1 numbers; 2 are expected"),
        ({"observation": None}, "manifest: observation: missing; 2 are expected"),
        ({"rate_hz": 10.0}, "manifest: rate_hz is 10.0, expected 20.0"),
        ({"camera": "ab12"}, ""),
        ({"camera": "cd34"}, "manifest: camera is 'cd34'; no camera in config/cameras has this hash; there is front"),
    ],
)
def test_a_policy_for_something_else_is_named(change, expected):
    content = manifest(policy(), "fr3", "effort", "reach", 20.0, ["q0", "q1"], [1.0] * 7) | change
    assert misfit(content, ["q0", "q1"], 20.0, {"front": "ab12"}) == expected
