"""The graphs that a training runs through: one, or several of the same kind side by side, each with a robot and a ROS domain of its own."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.run import domains, preflight
from robot_learning.run.graph import NodeSpec
from robot_learning.run.interrupts import deferred
from robot_learning.run.launcher import Launcher

STOP_S = 2.0  # from the order to stop to SIGKILL for whatever is left, learner and nodes alike
ALONE_S = 1.0  # of it: the learner has its graphs still, and can cancel the episodes and let the bags be closed
BY_DEFAULT = 2  # where there are as many cores: one graph alone keeps little more than one of them busy


class Refused(UsageError):
    """A graph could not start as it was asked for; nothing ran in it."""


def chosen_count(asked: int | None, processes: int) -> int:
    """How many graphs of so many processes to start; if nobody asked for a number, as many as this machine has room for."""
    if asked is not None:
        preflight.check_shared_memory(asked * processes)
        return asked
    count = min(BY_DEFAULT, len(os.sched_getaffinity(0)))
    try:
        preflight.check_shared_memory(count * processes)
    except WorkFailed:
        return 1
    return count


def launchers(specs: Sequence[NodeSpec], logs: Path, domain: int | None, asked: int | None) -> list[Launcher]:
    """What starts each graph: the first on `domain` (None: ROS_DOMAIN_ID, or 0), the others on free ones, held from now on."""
    count = chosen_count(asked, len(specs))
    cores = shares(sorted(os.sched_getaffinity(0)), count)
    first = Launcher(specs, logs, domain, cores=cores[0])
    others = domains.hold_free(count - 1, first.domain, f"the graph of {logs.parent}")
    return [first, *(Launcher(specs, logs / f"graph-{n}", held, cores=cores[n]) for n, held in enumerate(others, 1))]


def shares(cores: Sequence[int], count: int) -> list[Sequence[int]]:
    """The cores of each graph, its own if there are enough of them; empty: all.

    In a lockstep chain one node works at a time. On a core of its own the next one is there at once; elsewhere it has to be woken
    across the machine, and takes the turn of another graph's node.
    """
    return [cores[n::count] for n in range(count)] if 1 < count <= len(cores) else [()] * count


@contextmanager
def running(launchers: Sequence[Launcher]) -> Iterator[None]:
    """All graphs started and ready, or Refused; whatever happens, nothing of them is left at the end."""
    with ExitStack() as stack:
        for launcher in launchers:
            stack.callback(launcher.stop)
        try:
            _start(launchers)
            yield
        finally:
            for launcher in launchers:
                launcher.order_stop()  # so that they end at the same time


def _start(launchers: Sequence[Launcher]) -> None:
    try:
        for launcher in launchers:
            launcher.begin()
        for launcher in launchers:
            launcher.wait_ready()
    except UsageError as error:
        raise Refused(str(error)) from None


def end(learner: "subprocess.Popen[bytes]", launchers: Sequence[Launcher]) -> None:
    """Ends the learner, which first cancels its episodes and writes its summary, and orders the nodes to stop, all within STOP_S."""
    with deferred():
        deadline = time.monotonic() + STOP_S
        learner.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            learner.wait(ALONE_S)
        for launcher in launchers:
            launcher.order_stop(deadline - time.monotonic())
        with suppress(subprocess.TimeoutExpired):
            learner.wait(deadline - time.monotonic())
        learner.kill()
        learner.wait()
