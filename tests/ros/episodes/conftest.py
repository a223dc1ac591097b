"""A graph for the tests of a module that leave it as it was."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # episode_graph


@pytest.fixture(scope="module")
def lockstep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """All nodes in lockstep, and a client."""
    from episode_graph import running

    with running(tmp_path_factory.mktemp("lockstep")) as client:
        yield client
