"""Whole updates on a point mass: costs fall, the policy reaches new targets, and a state resumed from arrays goes on bit for bit."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from point_mass import (  # conftest.py puts this folder on the path
    LOCAL,
    TARGETS,
    TASK,
    first_controllers,
    local,
    observe,
    rollout,
    rollouts,
)

from robot_learning.algorithms import checkpoint, local_gps, mdgps
from robot_learning.algorithms.policy_fit import FitConfig
from robot_learning.tasks.cost import cost

MDGPS = mdgps.MdgpsConfig(local=LOCAL, fit=FitConfig(steps=800))


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
    controllers = mdgps.samplers(state, MDGPS)
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
