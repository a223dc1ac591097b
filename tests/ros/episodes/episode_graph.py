"""Whole graphs of real processes, and a client in this process that runs episodes in them."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.node import Node
from robot_learning_interfaces.action import RunEpisode

from robot_learning.control.linear_gaussian import at
from robot_learning.core.errors import UsageError
from robot_learning.nodes import messages
from robot_learning.nodes.through_ros import ThroughRos
from robot_learning.run.episodes import EpisodeRequest
from robot_learning.run.experiment import Conditions, Experiment
from robot_learning.run.graph import graph
from robot_learning.run.launcher import Launcher, node_command
from robot_learning.run.setting import Setting, first_controllers, prepare

DOMAINS = range(40, 50)
SETTING = prepare(Experiment("x", "fr3", "reach", "mdgps", 1, conditions=Conditions(2, 1, 0)))
CONTROLLERS = first_controllers(SETTING)
T = SETTING.task.horizon


def request(condition: int = 0, seed: int = 0, **fields: Any) -> EpisodeRequest:
    """An episode of the first local controller of a condition."""
    return EpisodeRequest(SETTING.train[condition], at(CONTROLLERS, condition), seed=seed, **fields)


class Graph:
    """A running graph with a client."""

    def __init__(self, launcher: Launcher, run: Path, setting: Setting = SETTING) -> None:
        self.launcher, self.run_dir, self.bags = launcher, run, run / "bags"
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = Node("client", context=self.context)
        self.runner = ThroughRos(self.node, setting)

    def until(self, done: Callable[[], Any], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, "took too long"
            self.runner.spin(0.01)

    def spin(self, seconds: float) -> None:
        """Lets so much time pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.runner.spin(0.01)

    def send(self, feedback: Callable[[Any], Any] = lambda _: None, **fields: Any) -> Any:
        """The goal handle of an episode; what is not given is as for the first local controller."""
        if "controller" not in fields:
            fields |= {
                "controller": "local",
                "id": "c",
                "version": self.runner.finished(self.runner.load_controller("c", at(CONTROLLERS, 0))),
            }
        values = {"task": "reach", "condition": messages.to_condition(SETTING.train[0]), "horizon": T, "record": True, "noise": True}
        client: ActionClient = self.runner._action
        self.until(client.server_is_ready)
        future = client.send_goal_async(RunEpisode.Goal(**values | fields), feedback_callback=feedback)
        self.until(future.done)
        return future.result()

    def result(self, handle: Any, seconds: float = 20.0) -> Any:
        future = handle.get_result_async()
        self.until(future.done, seconds)
        return future.result().result

    def pid(self, node: str) -> int:
        """The process of a node of this graph and of no other."""
        for folder in Path("/proc").iterdir():
            try:
                command = (folder / "cmdline").read_bytes().decode().split("\0")
                environment = (folder / "environ").read_bytes().decode().split("\0")
            except (OSError, UnicodeDecodeError):
                continue
            if f"__node:={node}" in command and f"ROS_LOG_DIR={self.launcher.logs}/ros" in environment:
                return int(folder.name)
        raise AssertionError(f"no process of {node}")

    def kill(self, node: str, number: signal.Signals) -> None:
        os.kill(self.pid(node), number)

    def close(self) -> None:
        self.runner.close()
        self.node.destroy_node()
        self.context.try_shutdown()


@contextmanager
def running(
    folder: Path, clock: str = "lockstep", command: Callable[..., list[str]] = node_command, setting: Setting = SETTING
) -> Iterator[Graph]:
    """A graph "learn" in a domain that is free."""
    specs = graph("learn", "fr3", setting.task.name, clock, "sim", str(folder))
    for domain in DOMAINS:
        launcher = Launcher(specs, folder / "logs", domain, command)
        try:
            launcher.start()
            break
        except UsageError as error:
            if "domain" not in str(error):
                raise
    else:
        pytest.fail(f"no free ROS domain in {DOMAINS}")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in launcher.environment.items():
            if name not in ("PYTHONPATH", "ROS_LOG_DIR"):
                patch.setenv(name, value)
        client = None
        try:
            client = Graph(launcher, folder, setting)
            yield client
        finally:
            if client is not None:
                client.close()
            launcher.stop()
