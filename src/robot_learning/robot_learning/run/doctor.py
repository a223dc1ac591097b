"""What is there on this machine, and what each missing thing costs; one screen."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.run import domains, preflight, shared_memory
from robot_learning.run.graph import GRAPHS

OK, MISSING, WRONG = "ok", "missing", "wrong"  # there; not there, which is allowed; must be repaired
MANY = 20  # segments of killed processes that are worth a word
COLOURS = {OK: "green", MISSING: "yellow", WRONG: "red"}


class Row(NamedTuple):
    """One thing that was looked for."""

    what: str
    state: str  # OK, MISSING or WRONG
    detail: str
    cost: str = ""  # what does not work without it; empty if it is there


def doctor() -> list[Row]:
    """Looks at everything; starts nothing and changes nothing."""
    return [look() for look in LOOKS]


def show(console: Console | None = None) -> bool:
    """Prints the rows; True if nothing has to be repaired."""
    rows = doctor()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("what", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("found, or what its lack costs", overflow="fold")
    for row in rows:
        found = f"{row.detail}: {row.cost}" if row.cost else row.detail
        table.add_row(row.what, f"[{COLOURS[row.state]}]{row.state}[/]", escape(found))
    (console or Console()).print(table)
    return all(row.state != WRONG for row in rows)


def _mode() -> Row:
    distro = os.environ.get("ROS_DISTRO")
    mode = f"sourced ({distro})" if distro else "wheel"
    return Row("mode", OK, f"{mode}, Python {platform.python_version()} in {sys.prefix}")


def _ros() -> Row:
    if find_spec("rclpy") is None:
        return Row("ROS 2", WRONG, "rclpy cannot be found", "only --through process works; run `make setup`")
    distro = os.environ.get("ROS_DISTRO") or ("jazzy" if _version("ros-jazzy-rclpy") else "?")
    return Row("ROS 2", OK, f"{distro}, rclpy {_version('ros-rclpy') or _version('rclpy') or '?'}")


def _interfaces() -> Row:
    if find_spec("robot_learning_interfaces") is None:
        return Row("interfaces", WRONG, "robot_learning_interfaces cannot be found", "no nodes; run `make setup`")
    return Row("interfaces", OK, f"robot_learning_interfaces {_version('robot_learning_interfaces') or ''}".strip())


def _rmw() -> Row:
    chosen = preflight.rmw()
    if not preflight.has_rmw(chosen):
        return Row("RMW", WRONG, f"{chosen} is not installed", "no nodes: unset RMW_IMPLEMENTATION")
    if "fastrtps" not in chosen:
        return Row("RMW", MISSING, f"{chosen}, not the tested rmw_fastrtps_cpp", "slow discovery, lost images")
    discovery = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or "LOCALHOST"  # the launcher sets it
    return Row("RMW", OK, f"{chosen}, config/fastdds.xml, {discovery}")


def _domain() -> Row:
    try:
        domain = domains.chosen_domain()
    except UsageError as error:
        return Row("ROS domain", WRONG, str(error), "no nodes: set it anew, or unset it")
    try:
        domains.hold(domain, "doctor").close()
    except UsageError as error:
        return Row("ROS domain", MISSING, str(error), "`up` refuses to start a second graph there")
    return Row("ROS domain", OK, f"{domain}, free")


def _torch() -> Row:
    found = _version("torch")
    if found is None:
        return Row("torch", WRONG, "not installed", "no neural policies: run `make setup`")
    threads = os.environ.get("OMP_NUM_THREADS") or "not limited"
    return Row("torch", OK, f"{found}, OMP_NUM_THREADS {threads}, {os.cpu_count()} cores")


def _gpu() -> Row:
    if not (shutil.which("nvidia-smi") or Path("/dev/nvidia0").exists()):
        return Row("GPU", MISSING, "no NVIDIA device", "the CPU is taken; large networks train slowly")
    import torch  # takes a second, so only where there is something to ask

    if not torch.cuda.is_available():
        return Row("GPU", MISSING, f"torch {torch.__version__} cannot use it", "the CPU is taken; set TORCH_INDEX to one for CUDA")
    return Row("GPU", OK, f"{torch.cuda.get_device_name(0)}; perception with device:=auto takes it")


def _bullet() -> Row:
    return _package("PyBullet", "pybullet", "no simulator: only real robots and replays")


def _planner() -> Row:
    if find_spec("moveit") is not None and find_spec("moveit.planning") is not None:
        return Row("planner", OK, "MoveIt")
    return _package("planner", "ompl", "no planned motions; learning needs none")


def _cameras() -> Row:
    devices = sorted(str(path) for path in Path("/dev").glob("video*"))
    cost = "" if devices else "simulated images only"
    return Row("cameras", OK if devices else MISSING, ", ".join(devices) or "no /dev/video*", cost)


def _joystick() -> Row:
    devices = sorted(str(path) for path in Path("/dev/input").glob("js*"))
    return Row(
        "joystick", OK if devices else MISSING, ", ".join(devices) or "no /dev/input/js*", "" if devices else "no teleoperation with it"
    )


def _shared_memory() -> Row:
    try:
        preflight.check_shared_memory(max(map(len, GRAPHS.values())))
    except WorkFailed as error:
        return Row("shared memory", WRONG, re.sub(r"^no shared memory: ", "", str(error)), "graphs of several nodes do not start")
    left = shared_memory.abandoned()
    if len(left) >= MANY:
        found = f"{len(left)} segments ({shared_memory.mebibytes(left)} MiB) of killed processes"
        return Row("shared memory", MISSING, found, "that much less for others; the next `robot-learning up` removes yours")
    return Row("shared memory", OK, f"{preflight.free_mib(preflight.SHARED_MEMORY)} MiB free in {preflight.SHARED_MEMORY}")


def _disk() -> Row:
    folder = Path.cwd()
    try:
        preflight.check_disk(folder / "runs")
    except (UsageError, WorkFailed) as error:
        return Row("disk", WRONG, str(error), "nothing can be recorded")
    return Row("disk", OK, f"{preflight.free_mib(folder) / 1024:.1f} GiB free in {folder}")


def _package(what: str, name: str, cost: str) -> Row:
    found = _version(name)
    return Row(what, OK, f"{name} {found}") if found else Row(what, MISSING, f"{name} is not installed", cost)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


LOOKS: tuple[Callable[[], Row], ...] = (
    _mode,
    _ros,
    _interfaces,
    _rmw,
    _domain,
    _torch,
    _gpu,
    _bullet,
    _planner,
    _cameras,
    _joystick,
    _shared_memory,
    _disk,
)
