"""What must hold before a graph starts; each refusal is one line that says what to do."""

import os
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.run import shared_memory
from robot_learning.run.graph import NodeSpec

SHARED_MEMORY = shared_memory.FOLDER
SHARED_MIB_PER_NODE = 18  # config/fastdds.xml: a segment of 16 MiB for each process, and its ports
DISK_FLOOR_MIB = 200
TESTED_RMW = "rmw_fastrtps_cpp"


def check_nodes(specs: Sequence[NodeSpec]) -> None:
    """Every node has a module, and its name is its own."""
    for spec in specs:
        if not spec.executable.isidentifier() or find_spec(f"robot_learning.nodes.{spec.executable}") is None:
            raise UsageError(f"unknown node {spec.executable!r}: there is no robot_learning/nodes/{spec.executable}.py")
    names = [spec.name for spec in specs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two nodes are called {twice[0]!r}")


def check_ros() -> None:
    """ROS 2, our messages and the chosen middleware are there."""
    for module in ("rclpy", "robot_learning_interfaces"):
        if find_spec(module) is None:
            raise WorkFailed(f"no ROS 2 here: {module} cannot be found; run `make setup`, or train with --through process")
    if not has_rmw(rmw()):
        raise UsageError(f"RMW_IMPLEMENTATION={rmw()}: not installed; unset it, or name one that is, such as {TESTED_RMW}")


def rmw() -> str:
    """The middleware that ROS will load."""
    return os.environ.get("RMW_IMPLEMENTATION") or TESTED_RMW


def has_rmw(name: str) -> bool:
    """Whether a middleware's library is where ROS looks for it."""
    prefixes = [Path(prefix) for prefix in (*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix) if prefix]
    return any((prefix / "lib" / f"lib{name}.so").exists() for prefix in prefixes)


def check_shared_memory(processes: int, folder: Path = SHARED_MEMORY) -> None:
    """There is room for the segments of so many processes and of the one that talks to them."""
    needed = SHARED_MIB_PER_NODE * (processes + 1)
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise WorkFailed(f"no shared memory: {folder} is missing or not writable (docker: --ipc=host, or mount a tmpfs there)")
    free = free_mib(folder)
    if free < needed:
        hint = "docker: --shm-size=512m; `robot-learning doctor` says what killed processes left"
        raise WorkFailed(f"no shared memory: {folder} has {free} MiB free, {processes} nodes need {needed} MiB ({hint})")


def check_disk(folder: Path, floor_mib: int = DISK_FLOOR_MIB) -> None:
    """The file system of `folder`, which need not exist yet, has room for logs and bags; UsageError if it cannot be written."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(f"{folder}: {existing} is not writable; a folder that can be written is expected")
    free = free_mib(existing)
    if free < floor_mib:
        raise WorkFailed(f"{folder}: disk full: {free} MiB free, {floor_mib} MiB are needed at least")


def free_mib(folder: Path) -> int:
    """Free space of the file system of `folder`."""
    return shutil.disk_usage(folder).free // 2**20
