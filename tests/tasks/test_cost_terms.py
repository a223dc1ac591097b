"""The further terms of the cost, each alone: value by hand, gradient by finite differences, and the parabola above it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.run.robots import load_robot
from robot_learning.run.tasks import load_task
from robot_learning.tasks.cost import cost, expand, expand_mean
from robot_learning.tasks.cost_terms import APPROACH, with_robot
from robot_learning.tasks.description import CostWeights
from robot_learning.tasks.state import parts, state_dim

FR3, PUCK = load_robot("fr3"), load_task("puck")
NOTHING = CostWeights(l2=0.0, log=0.0, action=0.0)
DX, DU = state_dim(PUCK, 7), 7
AT = parts(PUCK, DX)
TERMS = {
    "smooth": {"smooth": 0.7},
    "limits": {"limits": 2.0, "limits_width": 0.2},
    "contact": {"contact": 3.0, "contact_width": 0.02},
    "turn": {"turn": 1.3},
    "height": {"height": 0.8},
    "aside": {"aside": 9.0},
    "tip": {"tip": 0.6},
    "moves": {"moves": 0.4},
    "final": {"final": 5.0, "l2": 1.0, "log": 0.3, "alpha": 1e-3},
}
ALL = {name: value for weights in TERMS.values() for name, value in weights.items()} | {"action": 0.2, "velocity": 0.05}


def task_of(mode="effort", **weights):
    return with_robot(replace(PUCK, cost=replace(NOTHING, **weights)), FR3, mode)


def trajectory(seed, scale=0.3, batch=()):
    rng = np.random.default_rng(seed)
    states = scale * rng.standard_normal((*batch, 5, DX))
    states[..., :7] += np.array(FR3.home)
    return states, rng.standard_normal((*batch, 4, DU))


def joined(states, actions):
    return np.concatenate([states, np.concatenate([actions, np.zeros((1, DU))])], axis=-1)


def quadratic(expansion, states, actions):
    z = joined(states, actions)
    return 0.5 * np.einsum("ti,tij,tj->t", z, expansion.H, z) + np.einsum("ti,ti->t", expansion.g, z) + expansion.c


def values(states, actions):
    """Each term by its definition, at one step that is not the last."""
    x, u, w = states, actions, ALL
    q, dq = x[:7], x[7:14]
    tip, others = x[14:17], (x[17:20], x[20:23])
    place, speed = x[32:34], x[34:36]
    ramp = lambda y, width: 0.5 * (y + np.hypot(y, width))  # noqa: E731
    steady = np.array(FR3.plant.joint_damping) / np.array(FR3.modes["effort"].action_scale)
    beyond = np.concatenate([q - FR3.limits.position_upper, np.array(FR3.limits.position_lower) - q])
    return {
        "smooth": 0.5 * w["smooth"] * np.sum((u - steady * dq) ** 2),
        "limits": w["limits"] * np.sum(ramp(beyond, w["limits_width"])),
        "contact": w["contact"] * ramp(-tip[2], w["contact_width"]),
        "turn": 0.5 * w["turn"] * sum(np.sum((other - tip) ** 2) for other in others),
        "height": 0.5 * w["height"] * tip[2] ** 2,
        "aside": 0.5 * w["aside"] * np.sum(tip[:2] ** 2),
        "tip": 0.5 * w["tip"] * np.sum((tip[:2] - place) ** 2),
        "moves": 0.5 * w["moves"] * np.sum((speed + APPROACH * place) ** 2),
        "final": 0.5 * (w["l2"] * np.sum(place**2) + w["log"] * np.log(np.sum(place**2) + w["alpha"])),
    }


@pytest.mark.parametrize("name", TERMS)
def test_each_term_is_what_its_definition_says(name):
    states, actions = trajectory(0)
    each = [values(x, u)[name] for x, u in zip(states[:-1], actions, strict=True)]
    found = cost(task_of(**TERMS[name]), states, actions)
    assert_allclose(found[:-1], each, rtol=1e-12)
    last = values(states[-1], np.zeros(DU))[name]
    assert found[-1] == pytest.approx({"smooth": 0.0, "final": 5.0 * last}.get(name, last))


def test_terms_add_up():
    states, actions = trajectory(1)
    each = [cost(task_of(**weights), states, actions) for weights in TERMS.values()]
    plain = cost(task_of(action=0.2, velocity=0.05), states, actions)
    assert_allclose(cost(task_of(**ALL), states, actions), plain + sum(each), rtol=1e-12)


@pytest.mark.parametrize("name", [*TERMS, "all"])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1e-2, 0.3, 3.0]))
def test_the_expansion_touches_the_cost_in_value_and_gradient(name, seed, scale):
    task = task_of(**TERMS.get(name, ALL))
    states, actions = trajectory(seed, scale)
    expansion = expand(task, states, actions)
    here = cost(task, states, actions)
    assert_allclose(quadratic(expansion, states, actions), here, rtol=1e-9, atol=1e-9)
    slope = np.einsum("tij,tj->ti", expansion.H, joined(states, actions)) + expansion.g
    step = 1e-6
    for i in range(DX + DU):
        dx, du = step * np.eye(DX + DU)[i, :DX], step * np.eye(DX + DU)[i, DX:]
        exact = (cost(task, states + dx, actions + du) - cost(task, states - dx, actions - du)) / (2 * step)
        assert_allclose(slope[:, i], exact, atol=1e-4 * max(1.0, np.max(np.abs(here))))


@pytest.mark.parametrize("name", [*TERMS, "all"])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1e-2, 1.0]), far=st.sampled_from([1e-3, 0.1, 3.0]))
def test_the_expansion_is_convex_and_lies_above_the_cost_everywhere(name, seed, scale, far):
    task = task_of(**TERMS.get(name, ALL))
    states, actions = trajectory(seed, scale)
    expansion = expand(task, states, actions)
    assert_array_equal(expansion.H, np.swapaxes(expansion.H, -1, -2))
    assert np.min(np.linalg.eigvalsh(expansion.H)) >= -1e-9 * max(1.0, np.max(np.abs(expansion.H)))
    rng = np.random.default_rng(seed)
    other, push = states + far * rng.standard_normal(states.shape), actions + rng.standard_normal(actions.shape)
    exact = cost(task, other, push)
    assert np.all(quadratic(expansion, other, push) >= exact - 1e-9 * np.maximum(1.0, np.abs(exact)))


def test_the_mean_expansion_is_the_mean_of_expansions():
    states, actions = trajectory(2, batch=(2, 3))
    task = task_of(**ALL)
    for a, b in zip(expand_mean(task, states, actions), expand(task, states, actions), strict=True):
        assert_allclose(a, b.mean(axis=1), atol=1e-12)


def test_beyond_a_limit_nothing_pays_for_more_and_inside_it_costs_nearly_nothing():
    task = task_of(limits=2.0, limits_width=0.1)
    states = np.zeros((3, DX))
    upper = np.array(FR3.limits.position_upper)
    states[:, :7] = 0.5 * (upper + np.array(FR3.limits.position_lower))
    states[1, 3], states[2, 3] = upper[3] + 0.5, upper[3] + 0.7
    inside, near, far = cost(task, states, np.zeros((2, DU)))
    assert inside < 0.1
    assert far - near == pytest.approx(2.0 * 0.2, rel=0.02)


@pytest.mark.parametrize("mode", ["effort", "velocity", "position"])
def test_a_motion_that_keeps_its_velocity_is_smooth(mode):
    task = task_of(mode, smooth=1.0)
    states, scale = np.zeros((2, DX)), np.array(FR3.modes[mode].action_scale)
    states[:, 7:14] = dq = np.linspace(-1.0, 1.0, 7)
    keeps = {"effort": np.array(FR3.plant.joint_damping) * dq, "velocity": dq, "position": dq / task.rate_hz}[mode] / scale
    assert_allclose(cost(task, states, keeps[None]), 0.0, atol=1e-20)
    assert cost(task, states, 1.1 * keeps[None])[0] > 1e-4


def test_without_those_weights_the_robot_is_not_needed_and_with_them_it_is():
    assert with_robot(PUCK, FR3, "effort") is PUCK
    with pytest.raises(ValueError, match="with_robot"):
        cost(replace(PUCK, cost=CostWeights(limits=1.0)), *trajectory(3))


def test_parts_of_the_state_are_where_the_definitions_above_look():
    assert (AT.joints, AT.errors, AT.places, AT.motions) == (7, slice(14, 23), slice(32, 34), slice(34, 36))
    assert AT.goal == AT.places
    assert parts(load_task("reach"), 32).goal == slice(14, 23)
