"""What goes wrong while an episode runs has a name, and nothing that was committed is lost."""

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from episode_graph import SETTING, T, request, running
from robot_learning_interfaces.msg import EpisodeStatus, JointCommand
from sensor_msgs.msg import JointState

from robot_learning.core.errors import WorkFailed
from robot_learning.core.types import Command
from robot_learning.data import cdr
from robot_learning.data.bag_reader import Bag
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.nodes import messages, qos
from robot_learning.run.evaluate import collect
from robot_learning.run.graph import NodeSpec, ros_arguments
from robot_learning.run.launcher import node_command

JOINTS = SETTING.robot.joints
LONG = {"controller": "policy", "id": "global", "version": 1, "horizon": 20_000}  # only ends when something ends it


def begun(graph):
    """An episode in its middle."""
    graph.runner.load(GaussianPolicy.initial(32, len(JOINTS), 1, variance=0.1), 1)
    steps = []
    handle = graph.send(lambda message: steps.append(message.feedback.step), **LONG)
    graph.until(lambda: steps)
    return handle


def hashes(bags):
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(bags.glob("*/*")) if ".partial" not in str(path)}


def stalling(spec: NodeSpec) -> list[str]:
    if spec.executable != "local_controller":
        return node_command(spec)
    return [sys.executable, str(Path(__file__).with_name("stalling_controller.py")), *ros_arguments(spec)]


def test_a_stalled_controller_ends_the_episode_as_the_named_fault(tmp_path):
    with running(tmp_path, command=stalling) as graph:
        began = time.monotonic()
        episode = graph.runner.run([request()])[0]
        assert 5.0 < time.monotonic() - began < 9.0
    assert episode.ending == "fault: lockstep stalled"
    assert len(episode.actions) == 30
    assert Bag(Path(episode.bag)).ending == "fault: lockstep stalled"


FAR = 10**18  # ns: no joint state has this stamp


def odd_commands():
    """(message, what the ending says of it)"""
    good = cdr.to_joint_command(Command(FAR, "effort", np.zeros(7), "somebody x:1", 5), JOINTS)
    yield good[:8], "a field reaches beyond the 8 bytes of the message"
    yield cdr.to_clock(-5_000_000_000) + good[12:], "stamp of -5 s and 0 ns"
    yield cdr.to_joint_command(Command(1, "effort", np.full(7, np.nan), "somebody x:1", 5), JOINTS), "values: nan"
    yield cdr.to_joint_command(Command(1, "effort", np.zeros(7), "somebody x:1", 5), JOINTS), "command of 'somebody'; policy commands"
    yield cdr.to_joint_command(Command(FAR, "effort", np.zeros(7), "somebody x:1", 5), JOINTS), "command of 'somebody'; policy commands"
    yield cdr.to_joint_command(Command(FAR, "effort", np.zeros(7), "policy x:1", 5), JOINTS), f"command of 'policy': stamp {FAR}"


def test_odd_messages_end_no_node_and_a_fault_names_them(tmp_path):
    with running(tmp_path) as graph:
        commands = graph.node.create_publisher(JointCommand, "/joint_command", qos.CONTROL_WRITER)
        graph.until(lambda: commands.get_subscription_count() >= 3)
        for raw, text in odd_commands():
            future = begun(graph).get_result_async()
            # again and again: in the gate's reader of one message a good command may take its place
            graph.until(lambda raw=raw, future=future: commands.publish(raw) or future.done())
            result = future.result().result
            assert result.ending.startswith("fault: safety_gate: a command was refused: ")
            assert text in result.ending
            assert raw in [message.data for message in Bag(Path(result.bag)).raw("/joint_command")]
        for raw in (b"\0\1\0\0\1\0\0\0", cdr.to_clock(-5_000_000_000)):
            handle = begun(graph)
            states = graph.node.create_publisher(JointState, SETTING.robot.joint_states_topic, qos.CONTROL_WRITER)
            graph.until(lambda states=states: states.get_subscription_count() >= 3)
            states.publish(raw)
            graph.spin(0.3)
            graph.node.destroy_publisher(states)  # the simulator does not stay beside another robot
            handle.cancel_goal_async()
            result = graph.result(handle)
            counts = messages.counts(result)
            assert result.ending == "cancelled"
            assert counts["episode_manager.bad_joint_state"] == counts[f"recorder.bad{SETTING.robot.joint_states_topic}"] == 1
        assert graph.runner.run([request()])[0].ending == "time"
        graph.launcher.check()


def test_an_episode_that_somebody_disturbs_is_run_again(tmp_path):
    with running(tmp_path) as graph:
        commands = graph.node.create_publisher(JointCommand, "/joint_command", qos.CONTROL_WRITER)
        seen, sent = [], []
        graph.node.create_subscription(EpisodeStatus, "/episode_status", lambda message: seen.append(message.state), qos.LATCHED)
        graph.until(lambda: commands.get_subscription_count() >= 3)

        def disturb():
            if not sent and seen and seen[-1] == "running":
                commands.publish(cdr.to_joint_command(Command(1, "effort", np.full(7, np.nan), "somebody x:1", 5), JOINTS))
                sent.append(True)

        graph.runner._check = disturb
        for _ in range(5):  # on a busy machine it may come after the last step
            episodes, notes = collect(graph.runner, [request()], T)
            assert episodes[0].ending == "time"
            if notes:
                break
            sent.clear()
        assert "an episode was run again: fault: " in notes[0]
        assert "values: nan" in notes[0]


def test_a_killed_recorder_leaves_committed_bags_and_a_partial_one(tmp_path):
    with running(tmp_path) as graph:
        episodes = graph.runner.run([request(seed=seed) for seed in range(3)])
        before = hashes(graph.bags)
        handle = begun(graph)
        graph.kill("recorder", signal.SIGKILL)
        handle.cancel_goal_async()
        result = graph.result(handle)
        assert result.bag == ""
        assert result.ending == "cancelled"
        with pytest.raises(WorkFailed, match="recorder was killed by SIGKILL"):
            graph.until(lambda: graph.launcher.check())
    assert hashes(graph.bags) == before
    assert [path.name for path in graph.bags.glob("*.partial")] == [f"{result.episode}.partial"]
    assert [Bag(Path(episode.bag)).ending for episode in episodes] == ["time"] * 3
    with pytest.raises(WorkFailed, match="not complete"):
        Bag(graph.bags / f"{result.episode}.partial")


def test_all_nodes_stopped_in_the_middle_close_the_bag_and_end_in_time(tmp_path):
    with running(tmp_path) as graph:
        begun(graph)
        began = time.monotonic()
        assert graph.launcher.stop() == []
        assert time.monotonic() - began < 3.0
    assert not list(graph.bags.glob("*.partial"))
    bag = Bag(next(graph.bags.iterdir()))
    assert bag.ending in ("cancelled", "fault: the recorder was stopped")


def test_in_realtime_frames_are_whole_and_silence_is_named_within_a_second(tmp_path):
    with running(tmp_path, "realtime") as graph:
        result = graph.result(graph.send(horizon=20))
        assert result.ending == "time"
        bag = Bag(Path(result.bag))
        assert [command.step for command in bag.commands(JOINTS)] == list(range(20))
        states = bag.joint_states(SETTING.robot.joint_states_topic, JOINTS)
        assert len(states) > 20  # more than one for each step; how many depends on how busy the machine is
        handle = graph.send(horizon=T)
        time.sleep(0.5)  # the episode takes 5 s
        graph.kill("simulator", signal.SIGSTOP)
        began = time.monotonic()
        future = handle.get_result_async()
        graph.until(future.done, 8.0)
        graph.kill("simulator", signal.SIGCONT)
        assert time.monotonic() - began < 8.0
        ending = future.result().result.ending
        assert ending.startswith("fault: ")
        assert "no joint state for" in ending


def test_an_interrupted_learner_ends_in_time_and_leaves_no_open_episode(tmp_path):
    from datetime import datetime

    from robot_learning.run import experiment, folder

    config = tmp_path / "long.yaml"
    config.write_text("name: long\nrobot: fr3\ntask: reach\nalgorithm: local_gps\niterations: 50\nconditions: {train: 2}\n")
    run = folder.create(experiment.load(str(config)), tmp_path / "run", datetime.now())
    with running(run) as graph:
        spec = NodeSpec("learner", "learner", {"config_file": str(config), "run_dir": str(run)})
        process = subprocess.Popen(node_command(spec), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            graph.until(lambda: process.poll() is not None or len(list(graph.bags.glob("*/metadata.yaml"))) > 3, 40.0)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=5.0)
            assert time.monotonic() - began < 3.0
        finally:
            process.kill()
        assert process.returncode == 130, errors
        assert "Traceback" not in errors
        graph.until(lambda: not list(graph.bags.glob("*.partial")))
        assert graph.runner.run([request()])[0].ending == "time"
