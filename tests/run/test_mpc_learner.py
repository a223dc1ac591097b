"""Planning on one model in the training loop: what it is learned from, and that it acts the same after its weights have travelled."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from fake_runner import FakeRunner  # tests/run/conftest.py puts this folder on the path
from numpy.testing import assert_array_equal

from robot_learning.algorithms.checkpoint import pack, unpack
from robot_learning.algorithms.local_gps import LocalState
from robot_learning.core.errors import UsageError
from robot_learning.models import dynamics_net, weights
from robot_learning.models.dynamics_net import NetConfig
from robot_learning.models.manifest import manifest
from robot_learning.models.planner import Planner
from robot_learning.models.policy import restored
from robot_learning.run import algorithms, experiment
from robot_learning.run.episodes import EpisodeRequest
from robot_learning.run.in_process import InProcess
from robot_learning.run.setting import prepare

SMALL = ["conditions={train: 2, heldout: 1}", "rollouts=2", "iterations=2", "mpc.horizon=5", "mpc.iterations=1"]


def test_two_updates_make_a_planner_that_acts_where_nothing_was_learned(monkeypatch):
    monkeypatch.setattr(dynamics_net, "NetConfig", partial(NetConfig, hidden=(8,), steps=50, again=50))
    chosen = experiment.load("reach_mpc", SMALL)
    setting = prepare(chosen)
    learner, fake = algorithms.learner(chosen, setting), FakeRunner(setting)
    state = learner.start()
    assert learner.policy(state) is None
    for iteration in (1, 2):
        requests = learner.requests(state, iteration)
        assert all(request.controller is not None for request in requests)
        state, _ = learner.update(state, fake.run(requests), iteration)
    planner = learner.policy(state)
    assert isinstance(planner, Planner)
    assert planner.rules == chosen.mpc
    assert sum(len(part.states.reshape(-1, 101, 32)) for part in state.memory) == 8, "it learns from all rollouts"
    stored = learner.policy(unpack(LocalState, pack(state)))
    content = manifest(planner, "fr3", "effort", "reach", 20.0, [], []) | {"policy": "global", "version": 1}
    sent = restored(weights.unpack(weights.pack(planner.state(), content)))
    runner = InProcess.of(setting._replace(task=replace(setting.task, horizon=8)))
    found = []
    for policy in (planner, stored, sent):
        runner.load(policy, 1)
        found += runner.run([EpisodeRequest(setting.heldout[0], None, noise=False)])
    runner.close()
    assert found[0].ending == "time"
    assert np.ptp(found[0].states[:, :7], axis=0).max() > 1e-3, "it moves"
    for other in found[1:]:
        assert_array_equal(other.states, found[0].states)


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("local.prior=gmm", "local.prior: gmm; mpc plans on the network, neural is expected"),
        ("mpc.horizon=0", "mpc.horizon: 0; 1 to 100 is expected"),
        ("mpc.margin=-1", "mpc.margin: -1.0; at least 0 is expected"),
        ("mpc.depth=1", "mpc.depth: unknown key"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(setting, text):
    with pytest.raises(UsageError) as caught:
        experiment.load("reach_mpc", [setting])
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
