"""How every node of this package runs: signals, the loop with an optional periodic tick, one clear line on errors, the exit code.

A node derives from GraphNode and its module ends with `def main(): sys.exit(run(MyNode))`. The process prints "ready" when its
node stands. SIGINT and SIGTERM end the loop while the context is still alive, so that `close` can publish a last message.
"""

import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any

import rclpy
from rclpy.executors import Executor
from rclpy.experimental import EventsExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from robot_learning.core.errors import UsageError, WorkFailed

POLL_NS = 100_000_000  # the longest time in which a signal goes unnoticed
DEBUG = "ROBOT_LEARNING_DEBUG"  # if set, errors come with their traceback


class GraphNode(Node):
    """A node of the graph. Its constructor wires and never blocks; its callbacks convert, call the library, publish."""

    period_ns: int = 0  # of `tick`; 0: no tick. It may change at any time: the first tick comes at once
    late_ticks: int = 0  # ticks that were dropped because the process did not get to run in time
    failure: Exception | None = None  # what a callback raised; it ends the process

    def guarded(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """The callback, whose exceptions end the process in an orderly way (the executor would print its traceback)."""

        @wraps(callback)
        def call(*arguments: Any) -> Any:
            try:
                return callback(*arguments)
            except Exception as error:
                self.failure = self.failure or error
                return arguments[-1] if arguments else None  # a service must answer; its response says ok = false until it is set

        return call

    def create_subscription(self, msg_type: Any, topic: str, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """As rclpy's, with a guarded callback."""
        return super().create_subscription(msg_type, topic, self.guarded(callback), *args, **kwargs)

    def create_service(self, srv_type: Any, srv_name: str, callback: Callable[..., Any], **kwargs: Any) -> Any:
        """As rclpy's, with a guarded callback."""
        return super().create_service(srv_type, srv_name, self.guarded(callback), **kwargs)

    def tick(self, now_ns: int) -> None:
        """Called every `period_ns` on the steady clock, on an absolute schedule; `now_ns` is that clock's time."""

    def close(self) -> None:
        """Called once at the end, while publishing still works."""


def steady_ns() -> int:
    """The clock of all deadlines: it never jumps."""
    return time.monotonic_ns()


def run(make: Callable[[], GraphNode]) -> int:
    """Runs one node until SIGINT or SIGTERM (exit code 0), wrong use (2) or failure (1)."""
    stopped: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.append(number)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    node = None
    try:
        rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
        node = make()
        executor = EventsExecutor()
        executor.add_node(node)
        gc.collect()
        gc.freeze()  # what stands now stays; later collections need not look at it
        print("ready", flush=True)
        _loop(executor, node, stopped)
        return 0
    except Exception as error:
        return _report(error)
    finally:
        _end(node)


def _loop(executor: Executor, node: GraphNode, stopped: list[int]) -> None:
    """Events as they come, ticks when they are due; a late tick is caught up once, never in a burst."""
    period, due = 0, 0
    while not stopped:
        now = steady_ns()
        if node.period_ns != period:
            period, due = node.period_ns, now
        if period and now >= due:
            node.tick(now)
            missed = (steady_ns() - due) // period
            node.late_ticks += missed
            due += period * (1 + missed)
        wait = due - steady_ns() if period else POLL_NS
        executor.spin_once(timeout_sec=max(0, min(wait, POLL_NS)) * 1e-9)
        if node.failure is not None:
            raise node.failure


def _report(error: Exception) -> int:
    """One line on stderr and the exit code."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    known = isinstance(error, UsageError | WorkFailed)
    text = " ".join(str(error).split())
    print(f"error: {text if known else f'{type(error).__name__}: {text}'}", file=sys.stderr, flush=True)
    return 2 if isinstance(error, UsageError) else 1


def _end(node: GraphNode | None) -> None:
    try:
        if node is not None:
            node.close()
            node.destroy_node()
    except Exception as error:  # the process ends anyway, with the code of what came first
        print(f"error: while closing: {error}", file=sys.stderr, flush=True)
    rclpy.try_shutdown()
