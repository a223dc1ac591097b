"""A planner on its way through a file: the same to the bit, and refused where something is missing or makes no sense."""

import re
from dataclasses import asdict, replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from robot_learning.models import dynamics_net, weights
from robot_learning.models.dynamics_net import DynamicsNet, NetConfig
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.models.manifest import manifest
from robot_learning.models.planner import Planner, PlanningRules
from robot_learning.models.policy import restored

DX, DU = 6, 2
RULES = PlanningRules(horizon=7, iterations=2, velocity=0.5, limit=10.0, margin=0.2)


def data(count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x, u = rng.standard_normal((count, DX)), rng.standard_normal((count, DU))
    return x, u, x + 0.1 * np.tanh(x) @ rng.standard_normal((DX, DX)) + 0.1 * u @ rng.standard_normal((DU, DX))


@pytest.fixture(scope="module")
def planner() -> Planner:
    return Planner(dynamics_net.fit(*data(), 1, NetConfig(hidden=(8, 5), steps=50)).net, RULES)


def sent(policy: Planner | GaussianPolicy, **change: object) -> weights.Weights:
    """What arrives of a policy's weights, with a changed manifest."""
    content = manifest(policy, "fr3", "effort", "reach", 20.0, ["q0"], [1.0] * DU)
    return weights.unpack(weights.pack(policy.state(), {**content, "policy": "global", "version": 3, **change}))


def test_it_computes_the_same_bits_after_the_journey(planner: Planner) -> None:
    other = restored(sent(planner))
    assert isinstance(other, Planner)
    assert all(array.flags.c_contiguous for array in planner.state().values()), "as they lie when they have come back"
    assert other.rules == RULES
    assert (other.state_dim, other.action_dim) == (DX, DU)
    for count in (1, 7, 70):
        x, u, _ = data(count)
        assert_array_equal(other.net.mean(x, u), planner.net.mean(x, u))
        assert_array_equal(other.net.derivatives(x, u), planner.net.derivatives(x, u))


def test_a_network_comes_back_as_one() -> None:
    policy = GaussianPolicy.initial(DX, DU, 0)
    other = restored(sent(policy))
    assert isinstance(other, GaussianPolicy)
    assert_array_equal(other.act(np.ones(DX)), policy.act(np.ones(DX)))
    assert (other.state_dim, other.action_dim) == (DX, DU)


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"kind": "plan"}, "manifest", "kind is 'plan'; gaussian_policy or planner is expected"),
        ({"kind": None}, "manifest", "kind is None"),
        ({"kind": "gaussian_policy"}, "tensor", "expected center, covariance"),
        ({"planning": None}, "tensor", "planning: None; horizon, iterations, velocity, limit, margin are expected"),
        ({"planning": {**asdict(RULES), "depth": 3}}, "tensor", "are expected"),
        ({"planning": {**asdict(RULES), "horizon": 0}}, "tensor", "planning: horizon: 0; 1 to 100 is expected"),
        ({"planning": {**asdict(RULES), "horizon": 10**9}}, "tensor", "1 to 100 is expected"),
        ({"planning": {**asdict(RULES), "iterations": 2.5}}, "tensor", "planning: iterations: 2.5; a whole number is expected"),
        ({"planning": {**asdict(RULES), "iterations": True}}, "tensor", "a whole number is expected"),
        ({"planning": {**asdict(RULES), "limit": "1"}}, "tensor", "a number is expected"),
        ({"planning": {**asdict(RULES), "margin": -1.0}}, "tensor", "margin: -1.0; at least 0 is expected"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(planner: Planner, change: dict[str, object], kind: str, text: str) -> None:
    with pytest.raises(weights.Refused) as caught:
        restored(sent(planner, **change))
    assert caught.value.kind == kind
    assert "global:3: " in str(caught.value)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("name", "array", "text"),
    [
        ("noise", np.eye(DX - 1), "noise has shape"),
        ("linear.bias", np.zeros(DX + 1), "linear.bias has shape"),
        ("layer1.weight", np.zeros((5, 9)), "layer1.weight has shape (5, 9); (5, 8) is expected"),
        ("layer0.bias", np.zeros(()), "layer0.weight has shape"),
        ("scale", np.zeros(DX + DU), "scales are positive"),
        ("shift", np.zeros(DX + DU), "has shape"),
        ("extra", np.zeros(1), "expected center, layer0.bias"),
        ("layer2.bias", None, "expected center, layer0.bias"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(planner: Planner, name: str, array: np.ndarray | None, text: str) -> None:
    arrays = {key: value for key, value in {**planner.state(), name: array}.items() if value is not None}
    with pytest.raises(ValueError, match=re.escape(text)):
        DynamicsNet.from_state(arrays)


def test_rules_say_what_is_wrong_with_them() -> None:
    assert PlanningRules().wrong() == ""
    assert replace(RULES, iterations=101).wrong() == "iterations: 101; 1 to 100 is expected"
    assert replace(RULES, velocity=float("nan")).wrong() == "velocity: nan; at least 0 is expected"
