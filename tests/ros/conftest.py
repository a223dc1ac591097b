"""For tests that start processes: a ROS domain of their own on this computer, and the DDS profile of the graph."""

import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from robot_learning.core.paths import share_dir

# Above those that people use by hand, below those that graphs choose for themselves.
DOMAINS = range(60, 80)


@pytest.fixture(scope="session")
def _folder() -> Path:
    folder = Path(tempfile.gettempdir(), "robot-learning-test-domains")
    folder.mkdir(mode=0o1777, exist_ok=True)
    return folder


@pytest.fixture
def domain(_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A ROS domain id that no other test on this computer has; the environment of this process and its children says so."""
    for number in DOMAINS:
        with (_folder / f"{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            profile = str(share_dir() / "config" / "fastdds.xml")
            monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
            monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
            monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", profile)
            monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", profile)
            yield number
            return
    pytest.fail(f"no free ROS domain in {DOMAINS}")
