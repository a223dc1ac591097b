"""The parent of all processes of a graph: whatever happens to whom, no process is left behind.

The launcher starts it with the list of processes as JSON in its first line of standard input, and reads one JSON line for each that
ended. When standard input ends, because the launcher is dead, or brings a number of seconds, every process gets SIGINT, and after so long
(at the end of the input: as its one argument says) SIGKILL. If it is killed itself, the kernel kills its children (PR_SET_PDEATHSIG).

Run by path with `python -I -S`: only the standard library, and up in 20 ms.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
WARDEN = os.getpid()


def die_with_parent() -> None:
    """In a new child, before exec: SIGKILL when the parent is gone, and signals as a fresh process has them."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != WARDEN:  # it was killed before that was said
        os._exit(1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(specs: list[dict[str, Any]]) -> dict[subprocess.Popen[bytes], str]:
    """All processes with the warden's environment, each with its log file as output and a session of its own."""
    started = {}
    for spec in specs:
        with open(spec["log"], "wb") as log:
            process = subprocess.Popen(
                spec["command"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # this process has one thread
            )
        started[process] = spec["name"]
    return started


def tell(line: dict[str, Any]) -> None:
    """One line to the launcher, if it still listens."""
    with suppress(OSError):
        os.write(sys.stdout.fileno(), json.dumps(line).encode() + b"\n")


def signal_all(processes: dict[subprocess.Popen[bytes], str], number: signal.Signals) -> None:
    """To each process and whatever it started."""
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def reap(processes: dict[subprocess.Popen[bytes], str]) -> None:
    """Tells of those that ended and forgets them."""
    for process in [process for process in processes if process.poll() is not None]:
        tell({"ended": processes.pop(process), "code": process.returncode})


def wait_readable(files: list[int], timeout_s: float | None) -> set[int]:
    """Those of `files` with something to read, or at their end."""
    return set(select.select(files, [], [], timeout_s)[0])


def main() -> None:
    """Starts, waits, ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the launcher decides
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    commands = sys.stdin.fileno()
    with open(commands, "rb", buffering=0, closefd=False) as stream:  # unbuffered: what follows is for select
        orders = stream.readline()
    if not orders.endswith(b"\n"):
        return  # the launcher ended before it had written all of them
    processes = start(json.loads(orders))
    tell({"started": {name: process.pid for process, name in processes.items()}})
    while processes and commands not in wait_readable([commands, wake_read], None):
        os.read(wake_read, 4096)
        reap(processes)
    grace_s = float((processes and os.read(commands, 64)) or sys.argv[1])
    everyone = dict(processes)
    signal_all(processes, signal.SIGINT)
    deadline = time.monotonic() + grace_s
    while processes and (left := deadline - time.monotonic()) > 0:
        if wait_readable([wake_read], left):
            os.read(wake_read, 4096)
        reap(processes)
    signal_all(everyone, signal.SIGKILL)
    for process in list(processes):
        process.wait()
    reap(processes)


if __name__ == "__main__":
    main()
