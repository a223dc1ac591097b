"""Runs episodes through the ROS graph: loads controllers and weights, asks /run_episode, and reads what the recorder committed."""

import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from rclpy.action import ActionClient
from rclpy.executors import Executor
from rclpy.experimental import EventsExecutor
from rclpy.node import Node
from robot_learning_interfaces.action import RunEpisode
from robot_learning_interfaces.msg import PolicyVersion, WeightsPart
from robot_learning_interfaces.srv import LoadController

from robot_learning.core.errors import WorkFailed
from robot_learning.core.types import LinearGaussian
from robot_learning.data.bag_reader import Bag
from robot_learning.data.messages import VersionedController
from robot_learning.models.policy import Policy
from robot_learning.models.weights import Part, split
from robot_learning.nodes import messages, qos
from robot_learning.run.acting import packed
from robot_learning.run.episodes import Episode, EpisodeRequest
from robot_learning.run.recorded_episodes import read, without_frames
from robot_learning.run.setting import Setting

DISCOVERY_S = 10.0
ANSWER_S = 10.0
LOST_S = 2.0  # an answer that takes longer is taken for lost
SILENCE_S = 15.0  # without feedback or result the episode manager is taken for dead
CANCEL_S = 1.0
POLL_S = 0.05
TURN_S = 0.001  # with several graphs: how long one is listened to before it is the next one's turn
POLICY = "global"

T = TypeVar("T")
Pause: TypeAlias = Generator[None, None, T]  # a computation that pauses by `yield` wherever it waits for the graph
Numbered: TypeAlias = tuple[int, EpisodeRequest]


class ThroughRos:
    """An `EpisodeRunner` whose episodes run in the nodes of a graph. Its data come from committed bags only."""

    def __init__(self, node: Node, setting: Setting, fsync: bool = False, check: Callable[[], None] = lambda: None) -> None:
        """`node` needs no other executor; `check` is called while waiting and may raise what went wrong with the graph."""
        self._node, self._setting, self._fsync, self._check = node, setting, fsync, check
        self._executor: Executor = EventsExecutor(context=node.context)
        self._executor.add_node(node)
        self._loaded: dict[str, tuple[bytes, int]] = {}  # digest and version of each local controller by id
        self._parts: list[Part] = []  # of the newest policy
        self._action = ActionClient(node, RunEpisode, "/run_episode")
        self._load_client = node.create_client(LoadController, "/local_controller/load")
        self._weights = node.create_publisher(WeightsPart, "/policy_weights", qos.WEIGHTS)
        self._version = node.create_publisher(PolicyVersion, "/policy_version", qos.LATCHED)

    def load(self, policy: Policy, version: int) -> None:
        """From now on the global policy is `policy`; sends it to the node `policy`."""
        self._parts = split(packed(policy, self._setting, POLICY, version), POLICY, version)
        self.finished(self._send_weights())

    def run(self, requests: Sequence[EpisodeRequest]) -> list[Episode]:
        """The episodes, in the order of the requests. WorkFailed names what of the graph failed; Ctrl-C cancels the running one."""
        return run_side_by_side([self], requests)

    def episodes(self, todo: Iterator[Numbered]) -> Generator[tuple[int, Episode] | None, None, None]:
        """Takes one request after the other and yields its number and episode, or None where it waits: then `spin` lets it go on."""
        running: _Running | None = None
        try:
            running = yield from self._begin(next(todo, None))
            while running is not None:
                result = yield from self._wait(running)
                number, request = running.todo
                if request.controller is None and "is not loaded" in result.ending:
                    yield from self._send_weights()  # the node `policy` was started again
                    running = yield from self._begin(running.todo)
                    assert running is not None
                    result = yield from self._wait(running)
                running = yield from self._begin(next(todo, None))
                yield number, self._read(request, result)  # while the next one runs
        finally:
            if running is not None:
                self._cancel(running)

    def spin(self, seconds: float = POLL_S) -> None:
        """Lets messages in for at most so long."""
        self._executor.spin_once(timeout_sec=seconds)
        self._check()

    def finished(self, work: Pause[T]) -> T:
        """The value of something that waits for the graph."""
        while True:
            try:
                next(work)
            except StopIteration as end:
                return end.value
            self.spin()

    def close(self) -> None:
        """Lets go of the graph."""
        self._action.destroy()
        self._executor.remove_node(self._node)

    def _begin(self, todo: Numbered | None) -> "Pause[_Running | None]":
        """Asks for an episode, if there is one to do."""
        if todo is None:
            return None
        goal = yield from self._goal(todo[1])
        yield from _until(self._action.server_is_ready, DISCOVERY_S, "episode_manager is not there: no action /run_episode")
        heard = [time.monotonic()]
        accepted = self._action.send_goal_async(goal, feedback_callback=lambda _: heard.append(time.monotonic()))
        yield from _until(accepted.done, ANSWER_S, f"episode_manager did not answer within {ANSWER_S:g} s")
        handle = accepted.result()
        if not handle.accepted:
            raise WorkFailed("episode_manager is busy with another episode")
        return _Running(todo, handle, handle.get_result_async(), heard)

    def _wait(self, running: "_Running") -> Pause[Any]:
        """The action's result."""
        while not running.result.done():
            yield
            if time.monotonic() - running.heard[-1] > SILENCE_S:
                raise WorkFailed(f"episode_manager has been silent for {SILENCE_S:g} s")
        return running.result.result().result

    def _read(self, request: EpisodeRequest, result: Any) -> Episode:
        """The episode in the committed bag."""
        if not result.bag:
            ending = "fault: no bag was committed" if result.ending == "time" else result.ending
            return without_frames(self._setting, ending, "", messages.counts(result))
        return read(self._setting, request.condition, Bag(Path(result.bag)), messages.counts(result))

    def _goal(self, request: EpisodeRequest) -> Pause[Any]:
        s = self._setting
        goal = RunEpisode.Goal(task=s.task.name, horizon=s.task.horizon, seed=request.seed, noise=request.noise, fsync=self._fsync)
        goal.condition, goal.cameras, goal.record = messages.to_condition(request.condition), list(request.cameras), True
        if request.controller is not None:
            goal.controller, goal.id = "local", request.condition.name
            goal.version = yield from self.load_controller(request.condition.name, request.controller)
        elif self._parts:
            goal.controller, goal.id, goal.version = "policy", POLICY, self._parts[0].version
        else:
            raise WorkFailed("an episode of the global policy was asked for before one was loaded")
        return goal

    def load_controller(self, name: str, controller: LinearGaussian) -> Pause[int]:
        """Sends a controller to the node `local_controller` unless it has it; returns the version."""
        digest = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in controller)).digest()
        known, version = self._loaded.get(name, (b"", 0))
        if known == digest:
            return version
        yield from _until(self._load_client.service_is_ready, DISCOVERY_S, "local_controller is not there")
        message = messages.to_linear_gaussian(VersionedController(name, version + 1, controller))
        ask = partial(self._load_client.call_async, LoadController.Request(controller=message))
        answer = yield from _answer(ask, "local_controller did not answer")
        if not answer.ok:
            raise WorkFailed(answer.message)
        self._loaded[name] = digest, version + 1
        return version + 1

    def _send_weights(self) -> Pause[None]:
        wanted = self._weights.get_subscription_count
        yield from _until(lambda: wanted() > 0, DISCOVERY_S, "policy is not there: nobody wants /policy_weights")
        for part in self._parts:
            self._weights.publish(messages.to_weights_part(part))
        first, size = self._parts[0], sum(len(part.data) for part in self._parts)
        announced = PolicyVersion(policy=first.policy, version=first.version, sha256=first.sha256, size=size, count=first.count)
        announced.stamp = self._node.get_clock().now().to_msg()
        self._version.publish(announced)

    def _cancel(self, running: "_Running") -> None:
        """Asks for the end of the running episode and waits a moment for it; whatever goes wrong now is not the news."""
        running.handle.cancel_goal_async()
        end = time.monotonic() + CANCEL_S
        while not running.result.done() and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=POLL_S)


class _Running(NamedTuple):
    """An episode that was accepted."""

    todo: Numbered
    handle: Any  # of the goal
    result: Any  # the future
    heard: list[float]  # when there was feedback, monotonic seconds


def run_side_by_side(runners: Sequence[ThroughRos], requests: Sequence[EpisodeRequest]) -> list[Episode]:
    """The episodes in the order of the requests; each graph takes the next one as soon as it is free."""
    todo = iter(enumerate(requests))
    episodes: dict[int, Episode] = {}
    working = {runner: runner.episodes(todo) for runner in runners}
    try:
        while working:
            for runner in list(working):
                try:
                    found = next(working[runner])
                except StopIteration:
                    del working[runner]
                    continue
                if found is None:
                    runner.spin(POLL_S if len(working) == 1 else TURN_S)
                else:
                    episodes[found[0]] = found[1]
    finally:
        for work in working.values():
            work.close()  # cancels what runs
    return [episodes[number] for number in range(len(requests))]


def _answer(ask: Callable[[], Any], otherwise: str) -> Pause[Any]:
    """The answer to a question that may be asked twice; the first answer to a client that has just appeared can get lost."""
    end, futures, asked = time.monotonic() + ANSWER_S, list[Any](), 0.0
    while not (done := [future for future in futures if future.done()]):
        now = time.monotonic()
        if now > end:
            raise WorkFailed(f"{otherwise} within {ANSWER_S:g} s")
        if now - asked > LOST_S:
            futures, asked = [*futures, ask()], now
        yield
    return done[0].result()


def _until(done: Callable[[], bool], seconds: float, otherwise: str) -> Pause[None]:
    """Pauses until `done`; WorkFailed(otherwise) after so many seconds."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise WorkFailed(otherwise)
        yield
