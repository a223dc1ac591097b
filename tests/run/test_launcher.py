"""Real processes: who dies is named, and whatever happens nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.run import domains, graphs, preflight, warden
from robot_learning.run.graph import NodeSpec
from robot_learning.run.launcher import REAP_S, Launcher

pytestmark = pytest.mark.xdist_group("launcher")
DUMMY = Path(__file__).with_name("dummy_node.py")
DOMAIN = 15
STOPPED_WITHIN_S = 3.0
GRACE_S = 0.4  # in the place of the launcher's 2 s, where a test is not about them


LAUNCHER_GRACE_S = Launcher.GRACE_S


def command(spec: NodeSpec) -> list[str]:
    return [sys.executable, "-I", "-S", str(DUMMY), spec.executable]


def specs(*behaviours: str, essential: bool = True) -> list[NodeSpec]:
    return [NodeSpec(behaviour, f"{behaviour}_{i}", {}, essential) for i, behaviour in enumerate(behaviours)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(condition: Callable[[], bool], timeout_s: float = STOPPED_WITHIN_S) -> float:
    """Seconds until the condition held."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < timeout_s, "not in time"
        os.sched_yield()
    return time.monotonic() - start


def pids(logs: Path) -> list[int]:
    """Of the processes whose output goes to this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "fd" / "1")).parent == logs and alive(int(process.name)):
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # locks of this test alone
    monkeypatch.setattr(domains, "inhabited", lambda domain: False)
    monkeypatch.setattr(Launcher, "GRACE_S", GRACE_S)
    folder = tmp_path / "run" / "logs"
    yield folder
    assert pids(folder) == []


def launcher(logs: Path, *behaviours: str, essential: bool = True) -> Launcher:
    return Launcher(specs(*behaviours, essential=essential), logs, DOMAIN, command)


def test_starts_all_and_stops_all(logs: Path) -> None:
    with launcher(logs, "good", "good") as graph:
        assert len(pids(logs)) == 2
        graph.check()
        start = time.monotonic()
        assert graph.stop() == []
        assert time.monotonic() - start < 1.5
        assert graph.ended == {"good_0": 0, "good_1": 0}
        assert graph.stop() == []
    assert (logs / "good_0.log").read_text() == f"ready\ndomain {DOMAIN}\nheld\n"


def test_a_node_that_will_not_stop_is_killed_in_time(logs: Path) -> None:
    assert LAUNCHER_GRACE_S + REAP_S < STOPPED_WITHIN_S
    with launcher(logs, "good", "stubborn") as graph:
        start = time.monotonic()
        assert graph.stop() == ["stubborn_1"]
        assert time.monotonic() - start >= GRACE_S
    assert "held" in (logs / "good_0.log").read_text()


def test_a_frozen_node_is_killed_in_time(logs: Path) -> None:
    with launcher(logs, "good") as graph:
        os.kill(pids(logs)[0], signal.SIGSTOP)
        start = time.monotonic()
        assert graph.stop() == ["good_0"]
        assert time.monotonic() - start < STOPPED_WITHIN_S


def frozen(logs: Path) -> None:
    for pid in pids(logs):
        os.kill(pid, signal.SIGSTOP)


@pytest.mark.parametrize("hung", [True, False])
def test_a_hung_learner_and_a_hung_node_of_any_graph_end_in_time(logs: Path, monkeypatch: pytest.MonkeyPatch, hung: bool) -> None:
    assert graphs.STOP_S + REAP_S < STOPPED_WITHIN_S
    monkeypatch.setattr(graphs, "STOP_S", 2 * GRACE_S)
    monkeypatch.setattr(graphs, "ALONE_S", GRACE_S)
    one, other = launcher(logs, "good"), Launcher(specs("good", "good"), logs / "graph-1", DOMAIN + 1, command)
    words, environment = [sys.executable, "-I", "-S", str(DUMMY), "good"], os.environ | one.environment
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment) as learner:
        with graphs.running([one, other]):
            assert learner.stdout is not None
            assert learner.stdout.readline() == b"ready\n"
            if hung:
                learner.send_signal(signal.SIGSTOP)
            frozen(logs / "graph-1")
            start = time.monotonic()
            graphs.end(learner, [one, other])
        assert time.monotonic() - start < STOPPED_WITHIN_S
        assert (learner.returncode == -signal.SIGKILL) is hung
    assert "held" in (logs / "good_0.log").read_text()
    assert pids(logs / "graph-1") == []


def test_ctrl_c_while_graphs_start_ends_all_at_the_same_time(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = launcher(logs, "stubborn"), Launcher(specs("good"), logs / "graph-1", DOMAIN + 1, command)
    stands = other.wait_ready

    def interrupted(*_: object) -> None:
        one.wait_ready()
        stands()  # a child that is frozen before exec would never end
        frozen(logs / "graph-1")
        raise KeyboardInterrupt

    monkeypatch.setattr(other, "wait_ready", interrupted)
    with pytest.raises(KeyboardInterrupt), graphs.running([one, other]):
        pass
    start = time.monotonic()
    assert pids(logs / "graph-1") == pids(logs) == []
    assert one._stopped_by - other._stopped_by < 0.1, "one after the other"
    assert start - other._stopped_by < 0.1


def test_a_crash_is_named_with_its_last_line(logs: Path) -> None:
    named = pytest.raises(WorkFailed, match=r"crash_1 ended with exit code 1: RuntimeError: the dummy broke")
    with named, launcher(logs, "good", "crash") as graph:  # on a busy machine it crashes before the other one is ready
        wait_for(lambda: graph.check() or False)


def test_a_killed_node_is_named(logs: Path) -> None:
    with launcher(logs, "good") as graph:
        os.kill(pids(logs)[0], signal.SIGKILL)
        with pytest.raises(WorkFailed, match=r"good_0 was killed by SIGKILL: domain 15"):
            wait_for(lambda: graph.check() or False)


def test_wrong_use_of_a_node_is_wrong_use(logs: Path) -> None:
    with pytest.raises(UsageError, match=r"^wrong_use_1: robot 'fr4' is unknown$"):
        launcher(logs, "good", "wrong_use").start()
    assert not logs.parent.exists()


def test_what_others_have_in_the_folder_stays_when_a_start_is_refused(logs: Path) -> None:
    logs.parent.mkdir()
    (logs.parent / "notes").touch()
    with pytest.raises(UsageError):
        launcher(logs, "wrong_use").start()
    assert [path.name for path in logs.parent.iterdir()] == ["notes"]


def test_where_others_are_a_node_has_time_for_second_thoughts(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "inhabited", lambda domain: domain == DOMAIN)
    with pytest.raises(UsageError, match=r"^second_thoughts_0: somebody else is here$"):
        launcher(logs, "second_thoughts").start()


def test_graphs_that_are_refused_say_so(logs: Path) -> None:
    with pytest.raises(graphs.Refused, match="fr4"), graphs.running([launcher(logs, "wrong_use")]):
        pytest.fail("they stand")


def test_logs_that_cannot_be_written_are_wrong_use(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: True)  # as on a file system that only says so when it is written to
    logs.parent.touch()
    with pytest.raises(UsageError, match=rf"{logs}: .*a folder that can be written is expected"):
        launcher(logs, "good").start()
    monkeypatch.setattr(preflight, "check_disk", lambda _: None)
    with pytest.raises(UsageError, match=rf"{logs}: Not a directory; a folder that can be written is expected"):
        launcher(logs, "good").start()


def test_the_end_of_a_node_that_is_not_essential_is_known_but_no_error(logs: Path) -> None:
    with launcher(logs, "crash", essential=False) as graph:
        wait_for(lambda: graph.check() or graph.ended == {"crash_0": 1})


def test_a_node_that_never_gets_ready_is_named(logs: Path) -> None:
    with pytest.raises(WorkFailed, match=r"silent_1 is not ready after 0.5 s"):
        launcher(logs, "good", "silent").start(timeout_s=0.5)


def test_a_busy_domain_is_refused_with_the_name_of_its_owner(logs: Path) -> None:
    with launcher(logs, "good"):
        with pytest.raises(UsageError, match=rf"ROS domain {DOMAIN} is busy: process {os.getpid()} runs the graph of {logs.parent}"):
            launcher(logs.parent / "other" / "logs", "good").start()
        assert not (logs.parent / "other").exists()
    with launcher(logs, "good"):
        pass


def test_an_unknown_node_is_refused_before_anything_is_written(logs: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown node 'simulater'"):
        Launcher([NodeSpec("simulater", "simulater", {})], logs, DOMAIN).start()
    assert not logs.exists()


def test_when_the_watching_process_is_killed_the_nodes_go_too(logs: Path) -> None:
    with launcher(logs, "good", "stubborn") as graph:
        assert graph._warden is not None
        graph._warden.kill()
        wait_for(lambda: pids(logs) == [])
        with pytest.raises(WorkFailed, match="the process that watches the nodes died"):
            wait_for(lambda: graph.check() or False)


@pytest.mark.parametrize("orders", [b"", b'[{"name": "go'])
def test_a_launcher_that_ends_while_it_orders_leaves_a_warden_that_says_nothing(orders: bytes) -> None:
    ended = subprocess.run([sys.executable, "-I", "-S", warden.__file__, "1"], input=orders, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


STARTER = """
import sys, time
sys.path[:0] = {paths}
from pathlib import Path
from test_launcher import GRACE_S, Launcher, launcher
Launcher.GRACE_S = GRACE_S
with launcher(Path(sys.argv[1]), "good", "stubborn"):
    print("up", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def starter(logs: Path) -> Iterator[subprocess.Popen]:
    """Another process that runs a graph, as the command line does."""
    script = STARTER.format(paths=[str(DUMMY.parent), *sys.path])
    with subprocess.Popen([sys.executable, "-c", script, str(logs)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "up\n", process.stderr.read()
        yield process
        process.kill()


def test_kill_9_of_the_starter_leaves_nothing(logs: Path, starter: subprocess.Popen) -> None:
    assert len(pids(logs)) == 2
    starter.kill()
    wait_for(lambda: pids(logs) == [])
    assert "held" in (logs / "good_0.log").read_text()  # it had the time to hold the robot


def test_ctrl_c_stops_the_nodes_in_time(logs: Path, starter: subprocess.Popen) -> None:
    starter.send_signal(signal.SIGINT)
    assert starter.wait(STOPPED_WITHIN_S) != 0
    assert pids(logs) == []
    assert "held" in (logs / "good_0.log").read_text()


def test_the_domain_stays_busy_until_the_last_node_is_gone(logs: Path, starter: subprocess.Popen) -> None:
    starter.kill()
    starter.wait()
    with pytest.raises(UsageError, match="is busy"):
        launcher(logs.parent / "next" / "logs", "good").start()
    wait_for(lambda: pids(logs) == [])
