"""The node `policy` with a planner: the model comes like any weights, and every step is planned as in process, bit for bit."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from actor_stage import CONDITION, DX, FR3, MODE, TASK, Stage, packed  # tests/ros/nodes/conftest.py puts it on the path
from robot_learning_interfaces.msg import WeightsPart

from robot_learning.models import dynamics_net, weights
from robot_learning.models.dynamics_net import NetConfig
from robot_learning.models.planner import Planner, PlanningRules
from robot_learning.nodes import messages, qos
from robot_learning.run.acting import acting

pytestmark = pytest.mark.ros
DOMAIN = 95
RULES = PlanningRules(horizon=4, iterations=1)


def planner():
    rng = np.random.default_rng(3)
    x, u = rng.standard_normal((300, DX)), rng.standard_normal((300, 7))
    following = x + 0.1 * np.tanh(x) + 0.1 * u @ rng.standard_normal((7, DX))
    return Planner(dynamics_net.fit(x, u, following, 0, NetConfig(hidden=(8,), steps=30)).net, RULES)


def test_a_planner_acts_as_in_process_and_begins_each_episode_anew(start, peer):
    start("policy", robot="fr3", clock="lockstep")
    stage, policy = Stage(peer, "policy"), planner()
    parts = peer.node.create_publisher(WeightsPart, "/policy_weights", qos.WEIGHTS)
    peer.matched(parts)

    def send(data, version):
        for part in weights.split(data, "global", version):
            parts.publish(messages.to_weights_part(part))

    send(packed(policy, 1), 1)
    assert peer.until(lambda: stage.prepare("policy", "global", 1).ok, 5.0)
    peer.matched(stage.states)
    stamp = 0
    for _ in range(2):
        act = acting(policy, FR3, FR3.command_mode, TASK, CONDITION, print)
        for step in range(3):
            stamp += 1
            x, command = stage.answer(stamp)
            assert np.array_equal(command.values, act(step, x, None) * MODE.action_scale)
        assert stage.finish() == {"ticks": 3}
        assert stage.prepared("policy", "global", 1)
    send(packed(policy, 2, planning=asdict(replace(RULES, horizon=10**6))), 2)
    send(packed(policy, 3, kind="crystal_ball"), 3)
    refused = {"weights_tensor": 1, "weights_manifest": 1}
    assert peer.until(lambda: stage.finish().items() >= refused.items(), 5.0)
    assert "version 2 is not loaded (version 1)" in stage.prepare("policy", "global", 2).message
