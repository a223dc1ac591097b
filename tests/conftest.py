"""For all tests: one thread for small matrices, nothing of the user's ROS settings, and the mark `ros` on everything in tests/ros."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # before any test imports numpy or torch
    os.environ.setdefault(variable, "1")
# A job in the background inherits from its shell that Ctrl-C is ignored; what the tests start must not.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
ROS_TESTS = Path(__file__).resolve().parent / "ros"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests without ROS first: they are fast and say most about what is wrong."""
    for item in items:
        if ROS_TESTS in item.path.resolve().parents:
            item.add_marker("ros")
    items.sort(key=lambda item: item.get_closest_marker("ros") is not None)


@pytest.fixture(scope="session", autouse=True)
def no_forced_writes() -> Iterator[None]:
    """No test pulls the plug: what is forced to the disk takes seconds in all and shows nothing. Other processes do as always."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


def pytest_collection_finish() -> None:
    """What stands now stays; the garbage collections of thousands of tests need not look at it."""
    gc.collect()
    gc.freeze()
