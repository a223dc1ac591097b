"""The graphs as they are started by the command line: all nodes get ready with their parameters, and all end in time."""

import time
from pathlib import Path

import pytest

from robot_learning.core.errors import UsageError
from robot_learning.run.graph import GRAPHS, graph
from robot_learning.run.launcher import Launcher

SHARED_MEMORY = Path("/dev/shm")


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


def test_what_a_node_refuses_is_said_in_one_line(domain: int, tmp_path: Path) -> None:
    specs = graph("sim", robot="fr4")
    with pytest.raises(UsageError, match=r"fr4.*did you mean") as refused:
        Launcher(specs, tmp_path / "logs", domain).start()
    assert len(str(refused.value).splitlines()) == 1
