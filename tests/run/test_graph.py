"""The description of a graph, and what must hold before it starts."""

import os
import socket
from pathlib import Path

import pytest

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.run import domains, graphs, preflight
from robot_learning.run.graph import GRAPHS, NODES, NodeSpec, graph, ros_arguments
from robot_learning.run.surroundings import surroundings


@pytest.mark.parametrize("kind", GRAPHS)
def test_a_graph_has_exactly_one_gate_and_at_most_one_simulator(kind: str) -> None:
    names = [spec.name for spec in graph(kind)]
    assert names.count("safety_gate") == 1
    assert names.count("simulator") == 1
    assert len(names) == len(set(names))


def test_without_simulation_there_is_no_simulator() -> None:
    names = [spec.name for spec in graph("learn", clock="realtime", backend="real")]
    assert "simulator" not in names
    assert "safety_gate" in names


def test_values_reach_the_nodes_that_take_them() -> None:
    specs = {
        spec.name: spec.parameters for spec in graph("learn", "ur5e", "reach", run_dir="/r", extra=("learner",), others={"cameras": "a,b"})
    }
    assert specs["simulator"] == {"robot": "ur5e", "task": "reach", "clock": "lockstep", "cameras": "a,b"}
    assert specs["recorder"]["run_dir"] == specs["learner"]["run_dir"] == "/r"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"kind": "lern"}, "unknown graph 'lern'; did you mean 'learn'"),
        ({"kind": "sim", "clock": "lockstop"}, "did you mean 'lockstep'"),
        ({"kind": "sim", "backend": "rael"}, "did you mean 'real'"),
        ({"kind": "sim", "extra": ("perceptron",)}, "unknown node 'perceptron'"),
        ({"kind": "sim", "clock": "lockstep", "backend": "real"}, "backend sim only"),
    ],
)
def test_what_is_wrong_is_named(arguments: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        graph(**arguments)


def test_parameters_are_strings_to_ros() -> None:
    arguments = ros_arguments(NodeSpec("policy", "policy", {"run_dir": "/it's/1"}))
    assert arguments == ["--ros-args", "-r", "__node:=policy", "-p", "run_dir:='/it''s/1'"]


def test_loopback_unless_the_user_asked_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROS_AUTOMATIC_DISCOVERY_RANGE", raising=False)
    assert surroundings(3)["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    assert "ROS_AUTOMATIC_DISCOVERY_RANGE" not in surroundings(3)


def test_surroundings_name_the_profile_and_the_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASTRTPS_DEFAULT_PROFILES_FILE", raising=False)
    monkeypatch.setenv("ROS_DOMAIN_ID", "1")
    found = surroundings(3)
    assert Path(found["FASTRTPS_DEFAULT_PROFILES_FILE"]).is_file()
    assert found["ROS_DOMAIN_ID"] == "3"


@pytest.mark.parametrize(("text", "number"), [("", 0), ("0", 0), ("101", 101)])
def test_the_domain_is_that_of_the_environment(text: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", text)
    assert domains.chosen_domain() == number


@pytest.mark.parametrize("text", ["-1", "102", "a", "1.5"])
def test_a_domain_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", text)
    with pytest.raises(UsageError, match="from 0 to 101"):
        domains.chosen_domain()


def test_the_next_free_domain_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(domains, "SOCKETS", tmp_path / "none")
    with domains.hold(60, "one"):
        (held,) = domains.hold_free(1, 59, "two", among=(60, 61, 62))
        assert held.domain == 61
        with pytest.raises(UsageError, match="no free ROS domain"):
            domains.hold_free(2, 59, "three", among=(60, 61, 62, 59))
        (other,) = domains.hold_free(1, 59, "three", among=(60, 61, 62))
        assert other.domain == 62
        for one in (held, other):
            one.lock.close()


def test_a_domain_with_other_ros_programs_is_seen_and_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    if domains.inhabited(101):
        pytest.skip("somebody uses ROS domain 101")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as participant:
        participant.bind(("127.0.0.1", 7400 + 250 * 101 + 10))  # where the first participant of a domain listens
        assert [domains.inhabited(domain) for domain in (100, 101)] == [False, True]
        with pytest.raises(UsageError, match="no free ROS domain"):
            domains.hold_free(1, 59, "two", among=(101,))
    assert not domains.inhabited(101)
    domains.hold_free(1, 59, "two", among=(101,))[0].lock.close()


def test_a_domain_that_was_chosen_is_held_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    specs = [NodeSpec("good", "good", {})]
    monkeypatch.setattr(preflight, "check_shared_memory", lambda count: None)
    one, another = graphs.launchers(specs, tmp_path / "a" / "logs", 1, 3), graphs.launchers(specs, tmp_path / "b" / "logs", 2, 3)
    taken = [launcher.domain for launcher in (*one, *another)]
    assert len(set(taken)) == 6
    with pytest.raises(UsageError, match=f"domain {one[1].domain} is busy: .* the graph of {tmp_path / 'a'}"):
        domains.hold(one[1].domain, "a third")
    for launcher in (*one, *another):
        launcher.stop()
    domains.hold(one[1].domain, "a third").close()


def test_who_only_looks_at_a_domain_does_not_make_it_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    looking = domains.hold(60, "a look")
    monkeypatch.setattr(domains.time, "sleep", lambda seconds: looking.close())
    domains.hold(60, "one").close()
    assert looking.closed


def test_no_shared_memory_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WorkFailed, match=r"no shared memory: .* is missing"):
        preflight.check_shared_memory(2, tmp_path / "shm")
    monkeypatch.setattr(preflight, "free_mib", lambda _: 64)
    preflight.check_shared_memory(2, tmp_path)
    with pytest.raises(WorkFailed, match=r"no shared memory: .* has 64 MiB free, 6 nodes need 126 MiB"):
        preflight.check_shared_memory(6, tmp_path)


def test_a_full_disk_is_one_clear_line_and_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "free_mib", lambda _: 3)
    with pytest.raises(WorkFailed, match="disk full: 3 MiB free"):
        preflight.check_disk(tmp_path / "runs" / "a")
    assert os.listdir(tmp_path) == []


def test_two_nodes_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two nodes are called"):
        preflight.check_nodes([NodeSpec("policy", "a", {}), NodeSpec("policy", "a", {})])


def test_every_node_takes_few_parameters() -> None:
    assert all(len(spec.parameters) <= 6 for kind in GRAPHS for spec in graph(kind, run_dir="/r", extra=NODES))


@pytest.mark.parametrize(
    ("cores", "count", "expected"),
    [([0, 1], 1, [()]), ([0, 1], 2, [[0], [1]]), ([0, 1], 3, [()] * 3), ([2, 3, 5, 7, 8], 2, [[2, 5, 8], [3, 7]])],
)
def test_graphs_side_by_side_share_the_cores(cores: list[int], count: int, expected: list[object]) -> None:
    assert graphs.shares(cores, count) == expected
