"""A task with an object: the same bits in process, through the graph and in the bag; in realtime the object is seen, too."""

import numpy as np
import pytest
from episode_graph import running
from numpy.testing import assert_array_equal

from robot_learning.control.linear_gaussian import at
from robot_learning.data.bag_reader import Bag
from robot_learning.data.frames import recording
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.nodes.messages import to_condition
from robot_learning.run.episodes import EpisodeRequest, episode
from robot_learning.run.experiment import Conditions, Experiment
from robot_learning.run.in_process import InProcess
from robot_learning.run.setting import first_controllers, prepare
from robot_learning.tasks.state import state_dim

SETTING = prepare(Experiment("x", "fr3", "puck", "local_gps", 1, conditions=Conditions(2, 1, 0)))
ROBOT, T = SETTING.robot, SETTING.task.horizon
PERIOD_NS = round(1e9 / SETTING.task.rate_hz)
TOPIC = "/objects/puck/pose"


def hitting(c):
    """A controller that holds the start, pushes the first joints, and looks at the puck."""
    held = at(first_controllers(SETTING), c)
    K, k = held.K.copy(), held.k.copy()
    k[10:30, 1] += 4.0
    k[10:30, 3] += 2.0
    K[:, 0, -4:] = 0.5
    return held._replace(K=K, k=k)


def request(c=0, seed=0, **fields):
    return EpisodeRequest(SETTING.train[c], hitting(c), seed=seed, **fields)


def in_process(requests, policy=None):
    runner = InProcess.of(SETTING)
    if policy is not None:
        runner.load(policy, 1)
    episodes = runner.run(requests)
    runner.close()
    return episodes


def same(a, b):
    for field in ("states", "actions", "cost"):
        assert getattr(a, field).tobytes() == getattr(b, field).tobytes(), field
    assert a.recording.objects.tobytes() == b.recording.objects.tobytes()
    assert (a.distance, a.ending) == (b.distance, b.ending) == (a.distance, "time")


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    with running(tmp_path_factory.mktemp("objects"), setting=SETTING) as client:
        yield client


def test_through_the_graph_in_process_and_in_the_bag_it_is_the_same_bits(graph):
    requests = [request(0, 1), request(1, 2), request(0, 3, noise=False), request(0, 1)]
    through, inside = graph.runner.run(requests), in_process(requests)
    for a, b in zip(through, inside, strict=True):
        same(a, b)
    same(through[0], through[3])
    assert max(np.ptp(e.recording.objects[:, 0, 0]) for e in inside) > 0.02, "the puck was hit"
    bag = Bag(graph.bags / through[1].bag.rsplit("/", 1)[1])
    states, asked = bag.joint_states(ROBOT.joint_states_topic, ROBOT.joints), bag.commands(ROBOT.joints)
    poses = bag.objects(["puck"], ROBOT.base_link)
    assert [pose.stamp_ns for pose in poses[0]] == [state.stamp_ns for state in states]
    frames = recording(states, asked, PERIOD_NS, poses)
    again = episode(ROBOT, SETTING.chain, SETTING.task, SETTING.train[1], frames, bag.ending, "", {})
    same(again, inside[1])
    assert through[1].counts[f"recorder.{TOPIC}"] == T + 1


def test_the_policy_sees_the_object_as_well(graph):
    policy = GaussianPolicy.initial(state_dim(SETTING.task, 7), 7, 5, variance=0.1)
    graph.runner.load(policy, 1)
    requests = [EpisodeRequest(SETTING.heldout[0], None, seed=4)]
    (through,), (inside,) = graph.runner.run(requests), in_process(requests, policy)
    same(through, inside)


def test_the_manager_judges_it_as_the_learner_does(graph):
    (seen,) = graph.runner.run([request(0, 7)])
    handle = graph.send(
        task="puck",
        condition=to_condition(SETTING.train[0]),
        controller="local",
        id=SETTING.train[0].name,
        version=version(graph),
        seed=7,
        horizon=T,
    )
    result = graph.result(handle)
    assert (result.ending, result.distance) == ("time", seen.distance)
    assert result.cost == float(np.sum(seen.cost))


def version(graph):
    """Of the first condition's controller, as it was loaded."""
    return graph.runner.finished(graph.runner.load_controller(SETTING.train[0].name, hitting(0)))


def test_the_condition_must_say_where_the_object_starts(graph):
    nowhere = SETTING.train[0]._replace(parameters={})
    handle = graph.send(
        task="puck", condition=to_condition(nowhere), controller="local", id=SETTING.train[0].name, version=version(graph), horizon=T
    )
    assert "puck.x and puck.y are expected" in graph.result(handle).ending


def test_in_realtime_the_newest_poses_are_used(tmp_path):
    with running(tmp_path, "realtime", setting=SETTING) as client:
        (seen,) = client.runner.run([request(0, 1)])
    assert seen.ending == "time"
    assert seen.recording.objects.shape == (T + 1, 1, 3)
    bag = Bag(tmp_path / "bags" / seen.bag.rsplit("/", 1)[1])
    stamps = np.array([pose.stamp_ns for pose in bag.objects(["puck"], ROBOT.base_link)[0]])
    poses = {pose.stamp_ns: pose.position for pose in bag.objects(["puck"], ROBOT.base_link)[0]}
    for stamp, place in zip(seen.recording.stamps_ns, seen.recording.objects[:, 0], strict=True):
        assert_array_equal(place, poses[stamps[stamps <= stamp].max()])
