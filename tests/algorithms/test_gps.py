"""Whole updates on a point mass: costs fall, the policy reaches new targets, and a state resumed from arrays goes on bit for bit.

The point mass in space has the state layout of an arm with three joints and one tool point, so that it needs no simulator.
"""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from robot_learning.algorithms import checkpoint, local_gps, mdgps
from robot_learning.algorithms.policy_fit import FitConfig
from robot_learning.control import linear_gaussian, noise
from robot_learning.core.types import LinearGaussian, Rollouts
from robot_learning.tasks.cost import cost
from robot_learning.tasks.description import CostWeights, TaskConfig

HORIZON, DT = 20, 0.1
TASK = TaskConfig(
    name="point_mass",
    kind="reach",
    rate_hz=10.0,
    horizon=HORIZON,
    tool_points=((0.0, 0.0, 0.0),),
    target_lower=(-1.0, -1.0, -1.0),
    target_upper=(1.0, 1.0, 1.0),
    cost=CostWeights(l2=1.0, log=0.1, alpha=1e-5, action=0.01),
)
TARGETS = np.array([[0.3, -0.2, 0.1], [-0.2, 0.3, 0.2], [0.1, 0.2, -0.3]])
LOCAL = local_gps.LocalConfig(mixture_components=4)
MDGPS = mdgps.MdgpsConfig(local=LOCAL, fit=FitConfig(steps=800))


def observe(q, dq, target):
    """[q, q̇, p − p_target, ṗ]: half of it is redundant, as for a real arm."""
    return np.concatenate([q, dq, q - target, dq], axis=-1)


def rollout(act, target, seed=None):
    """One episode of act(t, x, noise); without noise where seed is None."""
    draws = noise.draw(seed, HORIZON, 3) if seed is not None else [None] * HORIZON
    q, dq = np.zeros(3), np.zeros(3)
    states, actions = [observe(q, dq, target)], []
    for t in range(HORIZON):
        u = act(t, states[-1], draws[t])
        q, dq = q + DT * dq + 0.5 * DT**2 * u, dq + DT * u
        states.append(observe(q, dq, target))
        actions.append(u)
    return np.stack(states), np.stack(actions)


def rollouts(acts, count, seed):
    """`count` noisy episodes per condition."""
    pairs = [
        [rollout(act, target, 1000 * seed + 10 * i + n) for n in range(count)]
        for i, (act, target) in enumerate(zip(acts, TARGETS, strict=True))
    ]
    return Rollouts(np.array([[p[0] for p in row] for row in pairs]), np.array([[p[1] for p in row] for row in pairs]))


def local(controllers):
    """Acts by local controllers, one per condition."""
    parts = [linear_gaussian.at(controllers, i) for i in range(len(controllers.k))]
    return [lambda t, x, n, one=one: linear_gaussian.act(one, t, x, n) for one in parts]


def first_controllers():
    """A weak PD controller for each target."""
    K = np.zeros((len(TARGETS), HORIZON, 3, 12))
    K[..., range(3), range(3)], K[..., range(3), range(3, 6)] = -1.0, -0.5
    covariance = np.broadcast_to(0.1 * np.eye(3), (len(TARGETS), HORIZON, 3, 3))
    return LinearGaussian(K, np.zeros((len(TARGETS), HORIZON, 3)), covariance)


def test_local_controllers_learn_to_reach():
    state = local_gps.start(first_controllers(), LOCAL)
    costs = []
    for iteration in range(4):
        state, report = local_gps.update(state, rollouts(local(state.controllers), 5, iteration), TASK, LOCAL, 0)
        costs.append(report.cost)
        assert report.outcome == ("met",) * 3
        assert np.all(np.abs(report.kl / report.step - 1) <= 0.1)
    assert np.all(np.diff(costs, axis=0) < 0)
    for act, target in zip(local(state.controllers), TARGETS, strict=True):
        states, _ = rollout(act, target)
        assert np.linalg.norm(states[-1, 6:9]) < 0.01


def test_the_global_policy_learns_to_reach():
    state = mdgps.start(first_controllers(), MDGPS, 0)
    for iteration in range(5):
        state, report = mdgps.update(state, rollouts(_actors(state), 5, iteration), TASK, MDGPS, 0)
        assert report.fit.after < report.fit.before
    for target in TARGETS:
        states, _ = rollout(lambda t, x, n: state.policy.act(x, n), target)
        assert np.linalg.norm(states[-1, 6:9]) < 0.01


def _actors(state):
    controllers = mdgps.samplers(state)
    return [lambda t, x, n: state.policy.act(x, n)] * len(TARGETS) if controllers is None else local(controllers)


@pytest.mark.parametrize("updates", [0, 1])
def test_a_state_resumes_bit_for_bit(updates, tmp_path):
    state = mdgps.start(first_controllers(), MDGPS, 0)
    for iteration in range(updates):
        state, _ = mdgps.update(state, rollouts(_actors(state), 3, iteration), TASK, MDGPS, 0)
    np.savez(tmp_path / "state.npz", **checkpoint.pack(state))
    with np.load(tmp_path / "state.npz", allow_pickle=False) as arrays:
        resumed = checkpoint.unpack(mdgps.MdgpsState, dict(arrays))
    data = rollouts(_actors(state), 3, updates)
    (after, _), (again, _) = (mdgps.update(each, data, TASK, MDGPS, 0) for each in (state, resumed))
    first, second = checkpoint.pack(after), checkpoint.pack(again)
    assert set(first) == set(second)
    for name in first:
        assert_array_equal(first[name], second[name])


def test_arrays_that_do_not_fit_are_refused():
    arrays = checkpoint.pack(mdgps.start(first_controllers(), MDGPS, 0))
    del arrays["local.step"]
    with pytest.raises(KeyError):
        checkpoint.unpack(mdgps.MdgpsState, arrays)


def test_the_point_mass_has_the_layout_of_an_arm():
    x = observe(np.array([0.1, 0.0, 0.0]), np.zeros(3), np.zeros(3))
    assert cost(TASK, x[None], np.zeros((0, 3)))[0] == pytest.approx(0.5 * (0.01 + 0.1 * np.log(0.01 + 1e-5)))
