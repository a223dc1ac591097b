"""Starts the nodes of a graph as processes, watches them and stops them all.

The processes are children of a small one of their own (run/warden.py), which ends them within 3 s whatever becomes of this one.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from signal import Signals
from types import TracebackType
from typing import IO, Self

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.run import domains, preflight, shared_memory, warden
from robot_learning.run.graph import NodeSpec, ros_arguments
from robot_learning.run.surroundings import surroundings

READY = b"ready"  # the line that a node prints when it stands
READY_TIMEOUT_S = 60.0
SETTLE_S = 1.5  # for nodes to find who else is on an inhabited domain, and to refuse
REAP_S = 0.4  # for the warden to end after the last SIGKILL


def node_command(spec: NodeSpec) -> list[str]:
    """What is run for a node."""
    return [sys.executable, "-m", f"robot_learning.nodes.{spec.executable}", *ros_arguments(spec)]


class Launcher:
    """The running processes of one graph.

    Use it as a context: it starts with everything ready, and nothing is left when it ends. Whoever waits for the graph calls
    `check()` from time to time, which names the node that ended. Ctrl-C reaches this process only; the nodes are told by `stop`.
    """

    GRACE_S = 2.0  # between SIGINT and SIGKILL

    def __init__(
        self,
        specs: Sequence[NodeSpec],
        logs: Path,
        domain: int | domains.Held | None = None,
        command: Callable[[NodeSpec], list[str]] = node_command,
        cores: Collection[int] = (),
    ) -> None:
        """Nothing runs yet.

        Args:
            specs: from graph().
            logs: folder for <node>.log, made if needed.
            domain: ROS domain, held already or from the start on; None: ROS_DOMAIN_ID, or 0.
            command: what to run for a node.
            cores: which of the processor's cores the nodes may use; empty: all.
        """
        self.specs, self.logs, self._command, self._cores = tuple(specs), logs.absolute(), command, cores
        self._lock: IO[str] | None = None
        if isinstance(domain, domains.Held):
            domain, self._lock = domain
        self.domain = domains.chosen_domain() if domain is None else domain
        self.environment = surroundings(self.domain, self.logs / "ros")
        self.ended: dict[str, int] = {}  # exit codes of nodes that ended, negative: the signal
        self._warden: subprocess.Popen[bytes] | None = None
        self._inhabited = False  # others were on the domain when it started
        self._unread = b""
        self._made: list[Path] = []  # folders for the logs, deepest first
        self._stopped_by = 0.0  # once that was ordered, monotonic seconds

    def __enter__(self) -> Self:
        """Starts."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stops."""
        self.stop()

    def start(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Checks, starts all nodes and waits until each is ready; on any error nothing is left running, and no logs of wrong use."""
        try:
            self.begin()
            self.wait_ready(timeout_s)
        except BaseException as error:  # also Ctrl-C
            self.stop()
            if isinstance(error, UsageError):
                self._withdraw()
            raise

    def begin(self) -> None:
        """The first half of `start`: checks, and orders the processes; on an error `stop` is left to the caller."""
        shared_memory.remove_abandoned()
        self.examine()
        if self._lock is None:
            self._lock = domains.hold(self.domain, self._purpose)
        self._inhabited = domains.inhabited(self.domain)
        self._start_warden(self._lock)

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """The second half of `start`; on an error `stop` is left to the caller."""
        deadline = time.monotonic() + timeout_s
        waiting = [spec for spec in self.specs if spec.essential]
        while waiting := [spec for spec in waiting if not _is_ready(self.log(spec.name))]:
            self.check()
            if time.monotonic() > deadline:
                name = waiting[0].name
                raise WorkFailed(f"{name} is not ready after {timeout_s:g} s: {last_line(self.log(name))} ({self.log(name)})")
            self._read_warden(0.01)
        settled = time.monotonic() + SETTLE_S
        while self._inhabited and time.monotonic() < settled:
            self.check()
            self._read_warden(0.01)

    def examine(self) -> None:
        """UsageError or WorkFailed, one line, if the graph cannot start here and now; nothing is started or made."""
        if self._command is node_command:
            preflight.check_nodes(self.specs)
            preflight.check_ros()
        preflight.check_shared_memory(len(self.specs))
        preflight.check_disk(self.logs)
        if self._lock is None:
            domains.hold(self.domain, self._purpose).close()

    def check(self) -> None:
        """UsageError or WorkFailed if an essential node ended, with its name and what it said last."""
        self._read_warden()
        for spec in self.specs:
            if spec.essential and spec.name in self.ended:
                code, said = self.ended[spec.name], last_line(self.log(spec.name))
                if code == 2:  # what it said is for the user, and all there is to know
                    raise UsageError(f"{spec.name}: {said.removeprefix('error: ')}")
                raise WorkFailed(f"{spec.name} {_how(code)}: {said} ({self.log(spec.name)})")

    def order_stop(self, grace_s: float | None = None) -> None:
        """SIGINT to all nodes, SIGKILL after `grace_s` or GRACE_S; `stop` waits for it. A second call does nothing."""
        grace_s = self.GRACE_S if grace_s is None else grace_s
        if self._warden is None or self._warden.stdin is None or self._warden.stdin.closed:
            return
        self._stopped_by = time.monotonic() + grace_s + REAP_S
        with suppress(OSError):
            self._warden.stdin.write(f"{max(grace_s, 0.0):.3f}\n".encode())
            self._warden.stdin.flush()
        with suppress(OSError):
            self._warden.stdin.close()

    def stop(self) -> list[str]:
        """SIGINT to all nodes, SIGKILL after 2 s or as was ordered; returns who had to be killed. A second call does nothing."""
        if self._warden is None:
            self._release()
            return []
        running = {spec.name for spec in self.specs} - set(self.ended)
        try:
            self._finish_warden(self._warden)
        finally:
            self._warden = None
            self._release()
        return sorted(name for name in running if self.ended.get(name, -9) == -9)

    def log(self, name: str) -> Path:
        """Where the output of a node goes."""
        return self.logs / f"{name}.log"

    @property
    def _purpose(self) -> str:
        return f"the graph of {self.logs.parent}"

    def _start_warden(self, lock: IO[str]) -> None:
        self._made = [folder for folder in (self.logs, *self.logs.parents) if not folder.exists()]
        try:
            (self.logs / "ros").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.logs}: {error.strerror}; a folder that can be written is expected") from None
        orders = [{"name": spec.name, "command": self._command(spec), "log": str(self.log(spec.name))} for spec in self.specs]
        self._warden = subprocess.Popen(
            [sys.executable, "-I", "-S", warden.__file__, str(self.GRACE_S)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | self.environment,
            pass_fds=[lock.fileno()],  # the domain stays busy until the last node is gone
            start_new_session=True,
        )
        if self._cores:
            os.sched_setaffinity(self._warden.pid, self._cores)  # before it has children, which inherit it
        assert self._warden.stdin is not None
        self._warden.stdin.write(json.dumps(orders).encode() + b"\n")
        self._warden.stdin.flush()

    def _read_warden(self, timeout_s: float = 0.0) -> None:
        """Takes in what the warden has told, and waits for it at most `timeout_s`."""
        if self._warden is None:
            return
        assert self._warden.stdout is not None
        pipe = self._warden.stdout.fileno()
        while select.select([pipe], [], [], timeout_s)[0]:
            data = os.read(pipe, 65536)
            if not data:
                if len(self.ended) < len(self.specs):
                    raise WorkFailed(f"the process that watches the nodes died, and the nodes with it (logs in {self.logs})")
                time.sleep(timeout_s)
                return
            *lines, self._unread = (self._unread + data).split(b"\n")
            told = [json.loads(line) for line in lines]
            self.ended |= {line["ended"]: line["code"] for line in told if "ended" in line}
            timeout_s = 0.0

    def _finish_warden(self, process: subprocess.Popen[bytes]) -> None:
        try:
            self.order_stop()
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, self._stopped_by - time.monotonic()))
        finally:
            process.kill()  # and with it, by the kernel, all that may be left
            process.wait()
        with suppress(WorkFailed):
            self._read_warden()
        if process.stdout is not None:
            process.stdout.close()

    def _withdraw(self) -> None:
        """Removes the logs and the folders that were made for them."""
        with suppress(OSError):
            for folder in self._made:
                if folder == self.logs:
                    shutil.rmtree(folder)
                else:
                    folder.rmdir()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _is_ready(log: Path) -> bool:
    try:
        return READY in log.read_bytes().splitlines()
    except FileNotFoundError:
        return False


def _how(code: int) -> str:
    return f"was killed by {Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def last_line(log: Path, longest: int = 300) -> str:
    """The last line that says something in a log."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return "it wrote nothing"
    return next((line.strip()[:longest] for line in reversed(lines) if line.strip() and line.strip() != READY.decode()), "it wrote nothing")
