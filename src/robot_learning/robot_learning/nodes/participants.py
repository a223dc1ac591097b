"""The nodes that take part in an episode, asked by service: questions are repeated until they are answered or it takes too long."""

import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

from rclpy.node import Node
from robot_learning_interfaces.srv import FinishEpisode, PrepareEpisode

from robot_learning.nodes.matching import WAITING
from robot_learning.nodes.spin import steady_ns
from robot_learning.run.robots import load_robot
from robot_learning.run.tasks import load_task

T = TypeVar("T")
Pause: TypeAlias = Generator[None, None, T]  # a computation that pauses by `yield`; whoever runs it calls next()
Finished: TypeAlias = tuple[dict[str, Any], list[str]]  # answers by node, and what went wrong
SECOND = 1_000_000_000
AGAIN_NS = 5_000_000  # between two questions
LOST_NS = 2 * SECOND  # an answer that takes longer is taken for lost, and the question is asked again
PATIENCE_NS = {"prepare": 6 * SECOND, "finish": 3 * SECOND}


class NotReady(Exception):
    """A node is not there, does not answer or does not want to; the text names it."""


class Participants:
    """Clients of /<node>/prepare and /<node>/finish."""

    def __init__(self, node: Node, names: Sequence[str], wake: Callable[[Any], None]) -> None:
        """`wake` is called with every answer."""
        self._wake = wake
        self._clients = {
            "prepare": {name: node.create_client(PrepareEpisode, f"/{name}/prepare") for name in names},
            "finish": {name: node.create_client(FinishEpisode, f"/{name}/finish") for name in names},
        }

    def prepare(self, names: Sequence[str], request: Any, check: Callable[[], None]) -> Pause[None]:
        """Asks all of them at the same time; NotReady names the first that is not prepared. `check` may raise to give up."""
        _, faults = yield from self._ask("prepare", names, request, check)
        if faults:
            raise NotReady(faults[0])

    def finish(self, names: Sequence[str], request: Any, meanwhile: Callable[[], Any] = lambda: None) -> Pause[Finished]:
        """Asks all of them at the same time; returns the answers and what went wrong. `meanwhile` is called while they answer."""
        return (yield from self._ask("finish", names, request, meanwhile))

    def _ask(self, verb: str, names: Sequence[str], request: Any, check: Callable[[], Any]) -> Pause[Finished]:
        deadline = steady_ns() + PATIENCE_NS[verb]
        answers: dict[str, Any] = {}
        asked: dict[str, tuple[int, Any]] = {}
        said = dict.fromkeys(names, "is not there")
        while steady_ns() < deadline:
            for name in names:
                if name not in answers:
                    self._ask_one(self._clients[verb][name], name, request, asked, answers, said)
            if len(answers) == len(names):
                break
            check()
            yield
        faults = [_named(name, answer.message) for name, answer in answers.items() if answer.message or not answer.ok]
        return answers, faults + [_named(name, said[name]) for name in names if name not in answers]

    def _ask_one(
        self, client: Any, name: str, request: Any, asked: dict[str, tuple[int, Any]], answers: dict[str, Any], said: dict[str, str]
    ) -> None:
        """Asks one node if it is time to, and takes its answer if there is one."""
        now = steady_ns()
        since, future = asked.get(name, (0, None))
        if future is not None and future.done():
            answer = future.result()
            if answer.ok or not _maybe_soon(name, answer.message):
                answers[name] = answer
                return
            said[name], future = answer.message, None
            asked[name] = since, None
        elif future is not None and now - since > LOST_NS:
            client.remove_pending_request(future)
            said[name], future = f"did not answer within {LOST_NS // SECOND} s", None
            asked[name] = since, None
        if future is None and now - since > AGAIN_NS and client.service_is_ready():
            future = client.call_async(request)
            future.add_done_callback(self._wake)
            asked[name] = now, future


def _maybe_soon(node: str, text: str) -> bool:
    """The recorder waits for publishers or messages; weights may still be on their way to the policy."""
    return text.startswith(WAITING) or (node == "policy" and "is not loaded" in text)


def _named(node: str, text: str) -> str:
    return text if text.startswith(node) else f"{node}: {text}"


@lru_cache(maxsize=16)
def resolved(robot: str, task: str) -> str:
    """The resolved configuration of a robot and a task as JSON, for the bag."""
    return json.dumps({"robot": asdict(load_robot(robot)), "task": asdict(load_task(task))}, sort_keys=True)
