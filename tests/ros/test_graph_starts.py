"""The graphs as they are started by the command line: all nodes get ready with their parameters, and all end in time."""

import os
import re
import time
from pathlib import Path

import pytest

from robot_learning.core.errors import UsageError
from robot_learning.run.graph import GRAPHS, graph
from robot_learning.run.launcher import Launcher
from robot_learning.run.shared_memory import FOLDER as SHARED_MEMORY
from robot_learning.run.shared_memory import abandoned


@pytest.mark.parametrize("clock", ["lockstep", "realtime"])
@pytest.mark.parametrize("kind", GRAPHS)
def test_every_node_gets_ready_and_ends_in_time(kind: str, clock: str, domain: int, tmp_path: Path) -> None:
    specs = graph(kind, clock=clock, run_dir=str(tmp_path))
    with Launcher(specs, tmp_path / "logs", domain) as running:
        running.check()
        start = time.monotonic()
        assert running.stop() == []
        assert time.monotonic() - start < 3.0
    assert set(running.ended.values()) == {0}
    assert len(running.ended) == len(specs)


def segments(launcher: Launcher) -> set[str]:
    """The shared memory that the nodes of a graph have made, as the kernel knows it."""
    found: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(launcher.logs) in (process / "environ").read_text(errors="replace"):
                found |= set(re.findall(rf"{SHARED_MEMORY}/(fastrtps_[0-9a-f]{{16}})\n", (process / "maps").read_text()))
        except OSError:
            continue
    return found


def test_shared_memory_of_killed_nodes_is_told_from_that_of_living_ones(domain: int, tmp_path: Path) -> None:
    later = time.time() + 3600
    with Launcher(graph("sim"), tmp_path / "logs", domain) as running:
        own = segments(running)
        assert len(own) >= 2
        assert own.isdisjoint(path.name for path in abandoned(now_s=later))
        assert running._warden is not None
        running._warden.kill()  # and the kernel all nodes
        while segments(running):
            os.sched_yield()

    def left() -> set[str]:
        """Of these segments what is there and not known to be abandoned; another start may have removed some by now."""
        there = {path.name for path in SHARED_MEMORY.glob("fastrtps_*")}
        return own & there - {path.name for path in abandoned(now_s=later)}

    until = time.monotonic() + 10.0
    while left() and time.monotonic() < until:  # a process that ends gives its memory back before its locks
        os.sched_yield()
    assert left() == set()


def test_what_a_node_refuses_is_said_in_one_line(domain: int, tmp_path: Path) -> None:
    specs = graph("sim", robot="fr4")
    with pytest.raises(UsageError, match=r"fr4.*did you mean") as refused:
        Launcher(specs, tmp_path / "logs", domain).start()
    assert len(str(refused.value).splitlines()) == 1
