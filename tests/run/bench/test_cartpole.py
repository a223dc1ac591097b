"""The published CartPole, and guided policy search on it."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.run.bench import cartpole
from robot_learning.run.bench.cartpole_search import SearchConfig, search
from robot_learning.run.bench.gps_cartpole import CARTPOLE, cartpole_return

SHORT = SearchConfig(horizons=(25, 50), rollouts=3)


def some(count, spread=1.0):
    rng = np.random.default_rng(0)
    return spread * rng.standard_normal((count, 4)) * [2.0, 2.0, 1.5, 3.0], rng.standard_normal((count, 1))


def published_step(x, x_dot, theta, theta_dot, push_right):
    """One step as the published environment makes it, number by number."""
    force = 10.0 if push_right else -10.0
    temp = (force + 0.05 * theta_dot**2 * math.sin(theta)) / 1.1
    theta_acc = (9.8 * math.sin(theta) - math.cos(theta) * temp) / (0.5 * (4.0 / 3.0 - 0.1 * math.cos(theta) ** 2 / 1.1))
    x_acc = temp - 0.05 * theta_acc * math.cos(theta) / 1.1
    return x + 0.02 * x_dot, x_dot + 0.02 * x_acc, theta + 0.02 * theta_dot, theta_dot + 0.02 * theta_acc


def test_episodes_are_those_of_the_published_equations():
    rng = np.random.default_rng(1)
    first = cartpole.starts(rng, 3)
    states, actions = cartpole.run(first, lambda states: rng.standard_normal((3, 1)))
    assert states.shape == (3, 201, 4)
    assert actions.shape == (3, 200, 1)
    for n in range(3):
        state, total = tuple(first[n]), 0.0
        for t in range(200):
            total += math.cos(state[2]) - 0.01 * state[0] ** 2
            state = published_step(*state, push_right=actions[n, t, 0] > 0)
        assert_allclose(states[n, -1], state, rtol=1e-6)
        assert_allclose(cartpole.returns(states[n]), total, rtol=1e-9)


def test_the_force_is_what_changes_the_energy():
    states, actions = some(200)
    _, velocity, angle, rate = states.T
    shift, turn = ((cartpole.advance(states, actions) - states) / cartpole.STEP)[:, [1, 3]].T
    mass, arm, inertia = 1.1, 0.1 * 0.5, 4.0 / 3.0 * 0.1 * 0.5**2
    # d/dt of ½ (M + m) ẋ² + m l ẋ θ̇ cos θ + ½ J θ̇² + m g l cos θ, with J about the pivot
    power = mass * velocity * shift + inertia * rate * turn - arm * 9.8 * np.sin(angle) * rate
    power += arm * ((shift * rate + velocity * turn) * np.cos(angle) - velocity * rate**2 * np.sin(angle))
    assert_allclose(power, np.where(actions[:, 0] > 0, 10.0, -10.0) * velocity, rtol=1e-9, atol=1e-9)


def test_left_and_right_are_alike():
    states, actions = some(50)
    assert_allclose(cartpole.advance(-states, -actions), -cartpole.advance(states, actions), atol=1e-12)


def test_only_the_actions_sign_counts_and_nothing_pushes_left():
    states, actions = some(50)
    assert_array_equal(cartpole.advance(states, actions), cartpole.advance(states, 1e-9 * np.sign(actions)))
    assert_array_equal(cartpole.advance(states, 0 * actions), cartpole.advance(states, -1 - 0 * actions))
    after = cartpole.advance(np.zeros(4), np.ones(1))
    assert after[1] > 0 > after[3]  # the cart is pushed to the right, the pole falls to the left


def test_a_step_earns_the_reward_of_the_state_before_it():
    states = np.zeros((201, 4))
    assert cartpole.returns(states) == 200.0
    states[-1] = 9.0
    assert cartpole.returns(states) == 200.0
    states[0, 0] = 1.0
    assert cartpole.returns(states) == pytest.approx(199.99)


def quadratic(expansion, states):
    z = np.concatenate([states, np.zeros((*states.shape[:-1], 1))], axis=-1)
    return 0.5 * np.einsum("...i,...ij,...j", z, expansion.H, z) + np.sum(expansion.g * z, axis=-1) + expansion.c


def test_the_expansion_touches_the_cost_and_stays_above_it():
    states = some(40)[0][None, :]
    states = states[:, np.abs(states[0, :, 2]) < 3.1]
    expansion = cartpole.expand_mean(states)
    assert np.all(np.linalg.eigvalsh(expansion.H) >= 0)
    assert quadratic(expansion, states[0])[-1] == 0  # the last state costs nothing
    for change in 1e-6 * np.eye(4):
        slope = (quadratic(expansion, states[0] + change) - quadratic(expansion, states[0] - change))[:-1]
        truth = (cartpole.reward(states[0] - change) - cartpole.reward(states[0] + change))[:-1]
        assert_allclose(slope, truth, atol=1e-12)
    assert_allclose(quadratic(expansion, states[0])[:-1], -cartpole.reward(states[0])[:-1], atol=1e-12)
    for angle in np.linspace(-3.1, 3.1, 21):
        elsewhere = states[0].copy()
        elsewhere[:, 2] = angle
        assert np.all(quadratic(expansion, elsewhere)[:-1] >= -cartpole.reward(elsewhere)[:-1] - 1e-12)


def test_the_expansion_of_several_rollouts_is_the_mean_of_theirs():
    states = some(60)[0].reshape(3, 20, 4)
    together = cartpole.expand_mean(states)
    alone = [cartpole.expand_mean(one[None]) for one in states]
    for i, part in enumerate(together):
        assert_allclose(part, np.mean([one[i] for one in alone], axis=0), atol=1e-12)


def test_every_step_of_training_is_counted(monkeypatch):
    made = []
    advance = cartpole.advance
    monkeypatch.setattr(cartpole, "advance", lambda states, actions: (made.append(len(states)), advance(states, actions))[1])
    assert [(iterate.steps, sum(made)) for iterate in search(0, SHORT)] == [(600, 600), (1200, 1200)]


def test_a_seed_gives_the_same_bits_and_another_one_others():
    once, again, other = (list(search(seed, SHORT))[-1] for seed in (3, 3, 4))
    states = some(20)[0]
    assert_array_equal(once.policy.mean(states), again.policy.mean(states))
    assert once.explored == again.explored != other.explored


def test_three_iterations_balance_the_pole():
    reading = cartpole_return(1, quick=True)[CARTPOLE.name]
    detail = reading.detail
    assert detail["steps"] == [1000, 2000, 3000]
    assert reading.value == detail["returns"][-1] == detail["after_3000_steps"] > 195
    assert detail["best"] == max(detail["returns"])
    assert detail["returns"][detail["steps"].index(detail["steps_until_195"])] >= 195
