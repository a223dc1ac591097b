"""The few parameters of a node, read-only and checked; everything else stands in the YAML files that they name."""

from difflib import get_close_matches
from typing import NamedTuple

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

from robot_learning.core.errors import UsageError

CHOICES = {
    "clock": ("lockstep", "realtime"),
    "backend": ("sim", "mock", "real", "replay"),
    "mode": ("effort", "velocity", "position", "trajectory"),
    "device": ("auto", "cpu", "cuda"),
}
DEFAULTS = {"clock": "lockstep", "backend": "sim", "device": "auto"}  # of the others: empty
MEANINGS = {
    "robot": "name in config/robots",
    "task": "name in config/tasks",
    "clock": "lockstep (simulation only) or realtime",
    "backend": "sim, mock, real or replay",
    "mode": "command mode, by default the robot's",
    "run_dir": "folder of this run",
    "config_file": "experiment file",
    "camera": "name in config/cameras",
    "weights": "safetensors file",
    "device": "auto (CUDA if it is there), cpu or cuda",
    "cameras": "names in config/cameras, with commas between them",
    "cell": "name in config/cells, what the robot must not come near to; by default open, in lockstep none",
    "speed": "share of the velocity limits, 0.01 to 1; by default 1 in simulation, 0.25 elsewhere",
    "stop_heartbeat": "s; /safety/stop must be heard at least that often, 0 (the default): it need not be there",
    "domains": "ROS domains of further graphs like this one, with commas between them",
}


class Parameters(NamedTuple):
    """The values; those that the node did not declare are empty."""

    robot: str
    task: str
    clock: str
    backend: str
    mode: str
    run_dir: str
    config_file: str
    camera: str
    weights: str
    cameras: str
    device: str
    domains: str
    cell: str
    speed: str
    stop_heartbeat: str


def declare(node: Node, *required: str, optional: tuple[str, ...] = ()) -> Parameters:
    """Declares `required` and `optional` and checks them. UsageError names the parameter, the near match and what is allowed."""
    declared = (*required, *optional)
    _refuse_unknown(node, declared)
    values = dict.fromkeys(Parameters._fields, "")
    for name in declared:
        descriptor = ParameterDescriptor(description=MEANINGS[name], read_only=True)
        try:
            value = node.declare_parameter(name, DEFAULTS.get(name, ""), descriptor).value
        except (InvalidParameterTypeException, InvalidParameterValueException):
            raise UsageError(f"{node.get_name()}: parameter {name}: a string is expected ({MEANINGS[name]})") from None
        _check(node.get_name(), name, value, name in required)
        values[name] = value
    if "clock" in declared and "backend" in declared and values["clock"] == "lockstep" and values["backend"] != "sim":
        raise UsageError(f"{node.get_name()}: parameter clock: lockstep is for backend sim only, not {values['backend']}")
    return Parameters(**values)


def number(node: Node, name: str, value: str, default: float, least: float, most: float) -> float:
    """The number in a parameter, `default` if it is empty; UsageError says what is allowed."""
    try:
        found = float(value or default)
    except ValueError:
        found = float("nan")
    if not least <= found <= most:
        raise UsageError(f"{node.get_name()}: parameter {name}: {value!r}; {MEANINGS[name]}")
    return found


def _check(node: str, name: str, value: str, required: bool) -> None:
    if required and not value:
        raise UsageError(f"{node}: parameter {name} is missing ({MEANINGS[name]})")
    if value and name in CHOICES and value not in CHOICES[name]:
        near = get_close_matches(value, CHOICES[name], n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"{node}: parameter {name}: {value!r}; {hint}allowed are {', '.join(CHOICES[name])}")


def _refuse_unknown(node: Node, declared: tuple[str, ...]) -> None:
    """A misspelt parameter on the command line would otherwise be ignored in silence."""
    given = (name for name in node._parameter_overrides if not name.startswith(("use_sim_time", "qos_overrides")))
    unknown = [name for name in given if name not in declared]
    if unknown:
        near = get_close_matches(unknown[0], declared, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"{node.get_name()}: unknown parameter {unknown[0]!r}; {hint}allowed are {', '.join(declared)}")
