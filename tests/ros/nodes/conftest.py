"""Nodes as processes, and a peer in this process that talks to them over DDS."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.experimental import EventsExecutor
from rclpy.node import Node

sys.path.insert(0, str(Path(__file__).parent))  # gate_stage
ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(Path(__file__).parent))  # actor_stage
STARTUP_S = 30.0


@pytest.fixture
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The DOMAIN of the test's module, on this computer only."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(request.module.DOMAIN))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", str(ROOT / "config" / "fastdds.xml"))
    path = os.pathsep.join(filter(None, [str(ROOT / "src" / "robot_learning"), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)


def command_line(executable: str, parameters: dict[str, str]) -> list[str]:
    arguments = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    return [sys.executable, "-m", f"robot_learning.nodes.{executable}", "--ros-args", *arguments]


Start = Callable[..., subprocess.Popen]


@pytest.fixture
def start(environment: None) -> Iterator[Start]:
    """start("policy", robot="fr3") starts a node and waits until it is ready; all must end well within 3 s."""
    processes = []

    def start(executable: str, **parameters: str) -> subprocess.Popen:
        process = subprocess.Popen(command_line(executable, parameters), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    codes = []
    for process in processes:
        try:
            process.communicate(timeout=3.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        codes.append(process.returncode)
    assert all(code in (0, -signal.SIGKILL) for code in codes), codes


@pytest.fixture
def fails(environment: None) -> Callable[..., tuple[int, str]]:
    """fails("policy", robot="x") gives the exit code and stderr of a node that does not start."""

    def fails(executable: str, **parameters: str) -> tuple[int, str]:
        result = subprocess.run(command_line(executable, parameters), capture_output=True, text=True, timeout=STARTUP_S, check=False)
        return result.returncode, result.stderr

    return fails


class Peer:
    """A node of this process."""

    def __init__(self) -> None:
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = Node("peer", context=self.context)
        self.executor = EventsExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.clients: dict[str, Any] = {}

    def until(self, done: Callable[[], Any], seconds: float = 20.0, idle: Callable[[], None] = lambda: None) -> bool:
        """Spins until `done`; `idle` is called all the time."""
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                return False
            self.executor.spin_once(timeout_sec=0.002)
            idle()
        return True

    def call(self, kind: Any, name: str, request: Any, idle: Callable[[], None] = lambda: None) -> Any:
        """The answer of a service."""
        client = self.clients.get(name) or self.node.create_client(kind, name)
        self.clients[name] = client  # kept: the answer to a client that has just appeared may get lost
        assert self.until(client.service_is_ready, idle=idle), f"no service {name}"
        for _ in range(5):  # as the episode manager does: a server may not know a new client yet, and its answer is lost
            future = client.call_async(request)
            if self.until(future.done, seconds=4.0, idle=idle):
                return future.result()
        raise AssertionError(f"{name} did not answer")

    def matched(self, *endpoints: Any) -> None:
        """Waits until each publisher has a reader and each subscription a writer."""
        for endpoint in endpoints:
            count = getattr(endpoint, "get_subscription_count", None) or endpoint.get_publisher_count
            assert self.until(count), f"nobody at {endpoint.topic_name}"

    def close(self) -> None:
        self.executor.shutdown()  # before it, nothing that it holds leaves the graph: the next test's nodes would still meet this one
        self.node.destroy_node()
        self.context.try_shutdown()


@pytest.fixture
def peer(environment: None) -> Iterator[Peer]:
    """A node of this process in the test's domain."""
    peer = Peer()
    yield peer
    peer.close()
