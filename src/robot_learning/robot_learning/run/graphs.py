"""The graphs that a training runs through: one, or several of the same kind side by side, each with a robot and a ROS domain of its own."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from robot_learning.core.errors import WorkFailed
from robot_learning.run import domains, preflight
from robot_learning.run.graph import NodeSpec
from robot_learning.run.launcher import Launcher

BY_DEFAULT = 2  # where there are as many cores: one graph alone keeps little more than one of them busy


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
    first = Launcher(specs, logs, domain)
    others = domains.hold_free(count - 1, first.domain, f"the graph of {logs.parent}")
    return [first, *(Launcher(specs, logs / f"graph-{n}", held) for n, held in enumerate(others, 1))]


@contextmanager
def running(launchers: Sequence[Launcher]) -> Iterator[None]:
    """All graphs started and ready; whatever happens, nothing of them is left at the end."""
    with ExitStack() as stack:
        for launcher in launchers:
            stack.callback(launcher.stop)
            launcher.begin()
        for launcher in launchers:
            launcher.wait_ready()
        try:
            yield
        finally:
            for launcher in launchers:
                launcher.order_stop()  # so that they end at the same time
