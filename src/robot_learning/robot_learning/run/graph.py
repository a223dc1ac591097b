"""The one description of a graph of nodes, for `robot-learning up`, for training and for the launch files.

Imports nothing but the standard library, so that `ros2 launch` starts at once.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

from robot_learning.core.errors import UsageError

PACKAGE = "robot_learning"
# Which parameters each node takes (nodes/parameters.py says what they mean).
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "simulator": ("robot", "task", "clock", "cameras"),
    "safety_gate": ("robot", "clock", "backend", "mode", "cell", "speed", "stop_heartbeat"),
    "guard": ("robot", "backend"),
    "local_controller": ("robot", "task", "clock", "backend", "mode"),
    "policy": ("robot", "task", "clock", "backend", "mode", "run_dir"),
    "perception": ("camera", "weights", "clock", "device"),
    "recorder": ("robot", "clock", "run_dir"),
    "episode_manager": ("robot", "task", "clock", "backend"),
    "learner": ("config_file", "run_dir", "domains"),
}
NODES = tuple(PARAMETERS)
# Which nodes make up each kind of graph. Whoever runs episodes (the learner) may be outside of it.
GRAPHS: Mapping[str, tuple[str, ...]] = {
    "sim": ("simulator", "safety_gate", "guard"),
    "learn": ("simulator", "safety_gate", "guard", "local_controller", "policy", "recorder", "episode_manager"),
}
BACKENDS = ("sim", "mock", "real", "replay")
CLOCKS = ("lockstep", "realtime")
NOT_ESSENTIAL = frozenset({"perception"})


class NodeSpec(NamedTuple):
    """One process of a graph."""

    executable: str  # robot_learning.nodes.<executable>
    name: str  # in the ROS graph
    parameters: Mapping[str, str]
    essential: bool = True  # if it ends, the graph is stopped


def graph(
    kind: str,
    robot: str = "fr3",
    task: str = "reach",
    clock: str = "lockstep",
    backend: str = "sim",
    run_dir: str = "",
    extra: tuple[str, ...] = (),
    others: Mapping[str, str] | None = None,
) -> list[NodeSpec]:
    """The nodes of a graph, in the order in which they are started.

    Args:
        kind: key of GRAPHS.
        robot: name in config/robots.
        task: name in config/tasks.
        clock: key of CLOCKS; lockstep is for simulation only.
        backend: where the robot is, one of BACKENDS; a simulator is only part of the graph for "sim".
        run_dir: absolute path of the run folder, for what is recorded.
        extra: further nodes, such as "perception" or "learner".
        others: further parameters, for the nodes that take them: mode, cameras, camera, weights, device, config_file, domains.

    Raises:
        UsageError: an unknown name, or lockstep without a simulator.
    """
    executables = (*GRAPHS[_known(kind, tuple(GRAPHS), "graph")], *(_known(name, NODES, "node") for name in extra))
    _known(clock, CLOCKS, "clock")
    if _known(backend, BACKENDS, "backend") != "sim" and clock == "lockstep":
        raise UsageError(f"clock lockstep is for backend sim only, not {backend}")
    values = {"robot": robot, "task": task, "clock": clock, "backend": backend, "run_dir": run_dir, **(others or {})}
    return [_spec(name, values) for name in dict.fromkeys(executables) if _takes_part(name, clock, backend)]


def _takes_part(name: str, clock: str, backend: str) -> bool:
    """A simulator is for simulation; the guard for realtime: in lockstep nothing moves without a command."""
    return {"simulator": backend == "sim", "guard": clock == "realtime"}.get(name, True)


def _spec(executable: str, values: Mapping[str, str]) -> NodeSpec:
    parameters = {key: values[key] for key in PARAMETERS[executable] if values.get(key)}
    return NodeSpec(executable, executable, parameters, executable not in NOT_ESSENTIAL)


def _known(name: str, allowed: tuple[str, ...], what: str) -> str:
    if name not in allowed:
        near = get_close_matches(name, allowed, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"unknown {what} {name!r}; {hint}there is {', '.join(allowed)}")
    return name


def ros_arguments(spec: NodeSpec) -> list[str]:
    """The command-line arguments that name the node and set its parameters."""
    arguments = ["--ros-args", "-r", f"__node:={spec.name}"]
    for key, value in spec.parameters.items():
        # quoted: YAML would read "1" or "yes" as something else than a string
        quoted = value.replace("'", "''")
        arguments += ["-p", f"{key}:='{quoted}'"]
    return arguments
