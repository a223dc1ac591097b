"""Costs: derivatives by finite differences, and the majorising quadratic."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from robot_learning.run.tasks import load_task
from robot_learning.tasks.cost import cost, expand, expand_mean
from robot_learning.tasks.description import CostWeights

TASK = replace(load_task("reach"), cost=CostWeights(l2=0.7, log=0.3, alpha=1e-4, action=0.2, velocity=0.05))


def trajectory(seed, count=4, scale=0.2, batch=()):
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((*batch, count + 1, 32)), rng.standard_normal((*batch, count, 7))


def quadratic(expansion, states, actions):
    z = np.concatenate([states, np.concatenate([actions, np.zeros((1, actions.shape[1]))])], axis=-1)
    return 0.5 * np.einsum("ti,tij,tj->t", z, expansion.H, z) + np.einsum("ti,ti->t", expansion.g, z) + expansion.c


def test_a_hand_worked_value():
    states, actions = np.zeros((2, 32)), np.zeros((1, 7))
    states[0, 14], states[0, 7], actions[0, 2] = 0.1, 2.0, 3.0
    d2 = 0.01
    first = 0.5 * (0.7 * d2 + 0.3 * np.log(d2 + 1e-4) + 0.2 * 9.0 + 0.05 * 4.0)
    assert_allclose(cost(TASK, states, actions), [first, 0.5 * 0.3 * np.log(1e-4)])


def test_the_expansion_agrees_in_value_and_gradient():
    states, actions = trajectory(0)
    expansion = expand(TASK, states, actions)
    assert_allclose(quadratic(expansion, states, actions), cost(TASK, states, actions), rtol=1e-12)
    step = 1e-6
    for i in range(32):
        move = step * np.eye(32)[i]
        exact = (cost(TASK, states + move, actions) - cost(TASK, states - move, actions)) / (2 * step)
        z = np.concatenate([states, np.vstack([actions, np.zeros((1, 7))])], axis=-1)
        assert_allclose(np.einsum("tij,tj->ti", expansion.H, z)[:, i] + expansion.g[:, i], exact, atol=1e-6)
    for i in range(7):
        move = step * np.eye(7)[i]
        exact = (cost(TASK, states, actions + move) - cost(TASK, states, actions - move)) / (2 * step)
        assert_allclose(expansion.H[:-1, 32 + i, 32 + i] * actions[:, i], exact[:-1], atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1e-4, 1e-2, 1.0]), far=st.sampled_from([1e-4, 1e-2, 1.0]))
def test_the_expansion_lies_above_the_cost_everywhere_and_is_convex(seed, scale, far):
    states, actions = trajectory(seed, scale=scale)
    expansion = expand(TASK, states, actions)
    assert np.min(np.linalg.eigvalsh(expansion.H)) >= -1e-12
    rng = np.random.default_rng(seed)
    other, push = states + far * rng.standard_normal(states.shape), actions + rng.standard_normal(actions.shape)
    exact = cost(TASK, other, push)
    assert np.all(quadratic(expansion, other, push) >= exact - 1e-9 * np.maximum(1.0, np.abs(exact)))


def test_the_mean_expansion_is_the_mean_of_expansions():
    states, actions = trajectory(1, batch=(2, 3))
    mean, each = expand_mean(TASK, states, actions), expand(TASK, states, actions)
    for a, b in zip(mean, each, strict=True):
        assert_allclose(a, b.mean(axis=1))


def test_the_last_state_is_paid_for_and_has_no_action():
    states, actions = trajectory(2)
    expansion = expand(TASK, states, actions)
    assert cost(TASK, states, actions).shape == (5,)
    assert not np.any(expansion.H[-1, 32:])


@pytest.mark.parametrize("name", ["reach", "peg_insertion"])
def test_a_perfect_state_costs_least(name):
    task = load_task(name)
    perfect = cost(task, np.zeros((1, 32)), np.zeros((0, 7)))[0]
    assert perfect == pytest.approx(0.5 * task.cost.log * np.log(task.cost.alpha))
    assert np.all(cost(task, *trajectory(3)) > perfect)
