"""Which ROS domain a graph runs on: one graph of ours per domain and user, held by a lock that ends with its process.

Other ROS programs on a domain hold no lock; a robot among them is noticed by the node `simulator` (nodes/only_robot.py).
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, NamedTuple

from robot_learning.core.errors import UsageError

# Above 101 the ports of DDS reach into those that Linux hands out to anyone.
DOMAINS = range(102)
PRIVATE = range(80, 100)  # for graphs that only their starter talks to
PATIENCE_S = 0.3  # who only looks whether a domain is free holds it for a moment
LOOK_S = 0.02
FIRST_PORT, PORTS = 7400, 250  # of the UDP ports of domain 0, and how many each domain has (RTPS 2.2, 9.6.1.1)
SOCKETS = Path("/proc/net/udp")


class Held(NamedTuple):
    """A domain that is ours until the lock is closed or the process ends."""

    domain: int
    lock: IO[str]


def chosen_domain() -> int:
    """ROS_DOMAIN_ID, or 0; UsageError if it is not a domain."""
    text = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not text.isdecimal() or int(text) not in DOMAINS:
        raise UsageError(f"ROS_DOMAIN_ID={text!r}: a number from 0 to {DOMAINS[-1]} is expected")
    return int(text)


def hold(domain: int, purpose: str) -> IO[str]:
    """A lock on the domain until the file is closed or the process ends; UsageError names who has it."""
    deadline = time.monotonic() + PATIENCE_S
    while isinstance(lock := _lock(domain, purpose), str):
        if time.monotonic() > deadline:
            raise UsageError(f"ROS domain {domain} is busy: {lock}; stop it, or give a free one with --domain or ROS_DOMAIN_ID")
        time.sleep(LOOK_S)
    return lock


def hold_free(count: int, but: int, purpose: str, among: Iterable[int] = PRIVATE) -> list[Held]:
    """So many domains that no graph had and where no ROS program is, held from now on; `but` is not one of them."""
    found: list[Held] = []
    for domain in among:
        if len(found) < count and domain != but and not inhabited(domain) and not isinstance(lock := _lock(domain, purpose), str):
            found.append(Held(domain, lock))
    if len(found) < count:
        for held in found:
            held.lock.close()
        raise UsageError(f"no free ROS domain in {among}; stop what runs there")
    return found


def inhabited(domain: int) -> bool:
    """Whether any ROS program of this computer, whoever started it, is on a domain: as far as its sockets show."""
    mine = range(FIRST_PORT + PORTS * domain, FIRST_PORT + PORTS * (domain + 1))
    try:
        lines = SOCKETS.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return False
    return any(int(line.split()[1].rpartition(":")[2], 16) in mine for line in lines)


def _lock(domain: int, purpose: str) -> IO[str] | str:
    """The locked file, with who locked it in it; or what its owner wrote into it."""
    file = open(_folder() / f"domain-{domain}.lock", "a+", encoding="utf-8")  # noqa: SIM115 (open means locked)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            file.seek(0)
            return file.read(300).strip() or "another graph runs on it"
    file.truncate(0)
    file.write(f"process {os.getpid()} runs {purpose}")
    file.flush()
    return file


def _folder() -> Path:
    """Where the user's locks lie; nobody else may write there."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(runtime) if runtime and os.access(runtime, os.W_OK) else Path(tempfile.gettempdir())
    folder = base / f"robot-learning-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise UsageError(f"{folder} belongs to somebody else: set XDG_RUNTIME_DIR to a folder of yours")
    return folder
