"""local_controller and policy as processes: what they load, what they refuse, and how they act in realtime."""

import time

import numpy as np
import pytest
from actor_stage import CHAIN, DX, FR3, MODE, TASK, Stage, controller, packed  # tests/ros/nodes/conftest.py puts it on the path
from geometry_msgs.msg import PoseStamped
from robot_learning_interfaces.msg import EpisodeStatus, PolicyVersion, WeightsPart

from robot_learning.core.types import JointState as State
from robot_learning.core.types import ObjectPose
from robot_learning.data import cdr
from robot_learning.data.messages import VersionedController
from robot_learning.models import weights
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.nodes import messages, qos
from robot_learning.run.tasks import load_task
from robot_learning.tasks.conditions import draw
from robot_learning.tasks.state import layout, observe, since, state_dim

pytestmark = pytest.mark.ros
DOMAIN = 33


def test_an_object_is_waited_for_whichever_message_comes_first(start, peer):
    start("local_controller", robot="fr3", clock="lockstep")
    stage, task = Stage(peer, "local_controller"), load_task("puck")
    dx = state_dim(task, 7)
    condition = draw(task, FR3, CHAIN, "train", 1, 0)[0]
    value = VersionedController("c", 1, controller(dx=dx))
    assert stage.load(value).ok
    fields = {"task": "puck", "condition": messages.to_condition(condition)}
    assert "waiting for a publisher of /objects/puck/pose" in _settled(peer, stage, fields)
    poses = peer.node.create_publisher(PoseStamped, "/objects/puck/pose", qos.CONTROL_WRITER)
    assert stage.prepared("local", "c", 1, **fields)
    peer.matched(poses)

    def see(stamp, place, frame=FR3.base_link):
        poses.publish(cdr.to_object_pose(ObjectPose(stamp, np.array(place), np.array([0.0, 0.0, 0.0, 1.0])), frame))

    def answered(state, step, objects):
        assert peer.until(lambda: len(stage.commands) == step + 1), "no command"
        x = observe(CHAIN, task, condition, state.position, state.velocity, np.array([objects]))
        action = value.controller.K[step] @ x + value.controller.k[step]
        assert stage.commands[step].values == pytest.approx(action * MODE.action_scale)
        assert (stage.commands[step].stamp_ns, stage.commands[step].step) == (state.stamp_ns, step)

    first = stage.state(1_000_000_000)
    for pose in ((950_000_000, (9.0, 9.0, 9.0)), (1_000_000_000, (9.0, 9.0, 9.0), "camera"), (1_000_000_000, (9.0, np.nan, 9.0))):
        see(*pose)
        assert not peer.until(lambda: stage.commands, 0.2), "an older pose, another frame and NaN are no poses of this moment"
    see(1_000_000_000, (0.5, 0.1, 0.015))
    answered(first, 0, (0.5, 0.1, 0.0, 0.0))
    see(1_050_000_000, (0.52, 0.09, 0.015))
    second = stage.state(1_050_000_000)
    answered(second, 1, since(np.array([0.5, 0.1, 0.0]), np.array([0.52, 0.09, 0.0]), 50_000_000))
    assert stage.finish() == {"ticks": 2, "bad_object_pose": 2}


def _settled(peer, stage, fields):
    """The answer of a node that has found the joint states already."""
    answers = []
    peer.until(lambda: answers.append(stage.prepare("local", "c", 1, **fields).message) or "/objects" in answers[-1], 5.0)
    return answers[-1]


def test_local_controller_in_lockstep(start, peer):
    start("local_controller", robot="fr3", clock="lockstep")
    stage = Stage(peer, "local_controller")
    value = VersionedController("c", 3, controller())
    assert "is not loaded (no such controller)" in stage.prepare("local", "c", 3).message
    assert stage.load(value).ok
    assert "is not loaded (version 3)" in stage.prepare("local", "c", 2).message
    assert "has 50 steps; the episode wants 51" in stage.prepare("local", "c", 3, horizon=51).message
    assert "this is fr3, not ur5e" in stage.prepare("local", "c", 3, robot="ur5e").message
    assert "did you mean 'reach'" in stage.prepare("local", "c", 3, task="reahc").message
    stage.load(VersionedController("small", 1, controller(dx=14)))
    assert "14 states, 7 actions; fr3 in reach has 32 and 7" in stage.prepare("local", "small", 1).message
    bad = value._replace(controller=value.controller._replace(k=np.full((50, 7), np.nan)))
    assert "feedforward is not finite" in stage.load(bad).message
    assert stage.prepared("local", "c", 3)
    for step in range(3):
        x, command = stage.answer(1000 + step)
        action = value.controller.K[step] @ x + value.controller.k[step]
        assert command.values == pytest.approx(action * MODE.action_scale)
        assert (command.stamp_ns, command.step, command.source) == (1000 + step, step, "local_controller c:3")
    stage.states.publish(cdr.to_joint_state(State(1002, np.zeros(7), np.zeros(7), np.zeros(7)), FR3.joints))
    stage.states.publish(cdr.to_joint_state(State(1003, np.full(7, np.nan), np.zeros(7), np.zeros(7)), FR3.joints))
    assert not peer.until(lambda: len(stage.commands) > 3, 0.3), "answered once; NaN not at all"
    assert stage.finish() == {"ticks": 3, "bad_state": 1}
    stage.state(1004)
    assert not peer.until(lambda: len(stage.commands) > 3, 0.3), "after the episode"


def test_local_controller_in_realtime_keeps_the_tasks_rate(start, peer):
    start("local_controller", robot="fr3", clock="realtime")
    stage = Stage(peer, "local_controller")
    stage.load(VersionedController("c", 1, controller()))
    due = [0.0]

    def robot():
        if time.monotonic() >= due[0]:
            due[0] = time.monotonic() + 0.005
            stage.state(time.time_ns())

    assert stage.prepared("local", "c", 1)
    peer.until(lambda: False, 0.3, robot)
    assert not stage.commands, "prepared, not running"
    stage.status.publish(EpisodeStatus(episode="another", state="running"))
    peer.until(lambda: False, 0.2, robot)
    assert not stage.commands
    stage.status.publish(EpisodeStatus(episode="e", state="running"))
    assert peer.until(lambda: len(stage.commands) >= 40, 5.0, robot)
    stamps = np.array([c.stamp_ns for c in stage.commands])
    assert np.diff(stamps).mean() / 1e9 == pytest.approx(1 / TASK.rate_hz, rel=0.05)
    peer.until(lambda: False, 0.2, robot)
    assert [c.step for c in stage.commands] == list(range(40)), "no more than the horizon"
    assert stage.finish()["ticks"] == 40


def test_policy_takes_good_weights_between_episodes_and_refuses_bad_ones(start, peer, tmp_path):
    start("policy", robot="fr3", clock="lockstep", run_dir=str(tmp_path))
    stage = Stage(peer, "policy")
    parts = peer.node.create_publisher(WeightsPart, "/policy_weights", qos.WEIGHTS)
    announce = peer.node.create_publisher(PolicyVersion, "/policy_version", qos.LATCHED)
    peer.matched(parts, announce)

    def send(data, version):
        for part in weights.split(data, "global", version):
            parts.publish(messages.to_weights_part(part))

    def loaded(version):
        return stage.prepared("policy", "global", version)

    one, two = (GaussianPolicy.initial(DX, 7, seed) for seed in (1, 2))
    assert "global' version 1 is not loaded (no version)" in stage.prepare("policy", "global", 1).message
    for number in range(30):  # names of nobody
        parts.publish(WeightsPart(policy=f"p{number}", version=1, count=2, data=[0]))
    send(packed(one, 1), 1)
    assert loaded(1)
    x, command = stage.answer(1)
    assert np.array_equal(command.values, one.act(x) * MODE.action_scale)
    assert command.source == "policy global:1"
    send(packed(two, 2), 2)
    assert peer.until(lambda: (tmp_path / "policies" / "global.safetensors").read_bytes() == packed(two, 2), 5.0)
    x, command = stage.answer(2)
    assert np.array_equal(command.values, one.act(x) * MODE.action_scale), "not within an episode"
    assert stage.finish() == {"ticks": 2}
    assert "version 1 is not loaded (version 2)" in stage.prepare("policy", "global", 1).message
    assert loaded(2)
    flipped = bytearray(packed(one, 3))
    flipped[-1] ^= 1
    send(bytes(flipped), 3)
    send(packed(one, 2), 2)
    send(packed(one, 4, robot="ur5e"), 4)
    announce.publish(PolicyVersion(policy="global", version=3))
    refused = {"weights_hash": 1, "weights_version": 1, "weights_manifest": 1}
    assert peer.until(lambda: stage.finish().items() >= refused.items(), 5.0)
    assert "(version 2; version 3 is announced)" in stage.prepare("policy", "global", 3).message
    assert stage.prepared("policy", "global", 2)
    x, command = stage.answer(3)
    assert np.array_equal(command.values, two.act(x) * MODE.action_scale)
    assert (tmp_path / "policies" / "global.safetensors").read_bytes() == packed(two, 2)


@pytest.mark.parametrize("task", ["reach", ""])
def test_a_policy_for_other_observations_is_refused_by_name(start, peer, task):
    process = start("policy", robot="fr3", clock="lockstep", **({"task": task} if task else {}))
    stage = Stage(peer, "policy")
    parts = peer.node.create_publisher(WeightsPart, "/policy_weights", qos.WEIGHTS)
    peer.matched(parts)
    good, version = GaussianPolicy.initial(DX, 7, 1), 1

    def send(**change):
        for part in weights.split(packed(good, version, **change), "global", version):
            parts.publish(messages.to_weights_part(part))

    def says(text):
        return peer.until(lambda: text in stage.prepare("policy", "global", version).message, 5.0)

    send()
    assert peer.until(lambda: stage.prepare("policy", "global", 1).ok, 5.0)
    stage.finish()
    for change, text in (
        ({"observation": layout(TASK, 7)[::-1]}, "observation: number 0 is 'velocity2.z', expected 'q0'"),
        ({"rate_hz": 10.0}, "rate_hz is 10.0, expected 20.0"),
        ({"camera": "0" * 64}, "no camera in config/cameras has this hash"),
    ):
        version += 1
        send(**change)
        if task:  # the old one stays
            assert peer.until(lambda count=version - 1: stage.finish().get("weights_manifest") == count, 5.0)
            assert stage.prepare("policy", "global", 1).ok
            stage.finish()
        else:
            assert says(text)
    assert process.poll() is None
