"""Robots by name: configuration, URDF and chain, checked against each other."""

import re
from collections.abc import Collection, Iterable
from dataclasses import fields
from math import isfinite
from pathlib import Path

from robot_learning.core.errors import UsageError
from robot_learning.core.kinematics import Chain
from robot_learning.core.paths import share_dir
from robot_learning.core.urdf import Urdf, read_urdf
from robot_learning.robots.description import Limits, ModeConfig, Numbers, Robot
from robot_learning.run.config import named_file, read

TOPIC = re.compile(r"(/[A-Za-z][A-Za-z0-9_]*)+")  # absolute, as ROS names it
CONTROLLER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def load_robot(name: str) -> Robot:
    """config/robots/<name>.yaml, checked; UsageError is one line with the file, the field and what is allowed."""
    path = named_file("robots", name)
    robot = checked(read(Robot, path), str(path))
    if robot.name != name:
        raise UsageError(f"{path}: name: {robot.name!r}; the file's own name {name!r} is expected")
    return robot


def load_chain(robot: Robot) -> Chain:
    """The kinematic chain from the robot's base to its tool."""
    return Chain.from_urdf(urdf_path(robot), robot.base_link, robot.tool_link, robot.joints)


def urdf_path(robot: Robot) -> Path:
    """The robot's URDF file in urdf/."""
    folder = share_dir() / "urdf"
    there = sorted(path.name for path in folder.glob("*.urdf"))
    if robot.urdf not in there:
        raise UsageError(f"no {robot.urdf!r} in {folder}; there is {', '.join(there) or 'none'}")
    return folder / robot.urdf


def checked(robot: Robot, where: str) -> Robot:
    """`robot` if its fields fit together and its URDF fits it; UsageError begins with `where`."""
    _check_numbers(robot, where)
    try:
        urdf = read_urdf(urdf_path(robot))
    except UsageError as error:
        raise UsageError(f"{where}: urdf: {error}") from None
    for field, names in (("joints", robot.joints), ("gripper.joints", robot.gripper.joints if robot.gripper else ())):
        _check_there(names, urdf.joints, f"{where}: {field}: {urdf.path.name} has no joint")
    for field, link in (("base_link", robot.base_link), ("tool_link", robot.tool_link)):
        _check_there((link,), urdf.links, f"{where}: {field}: {urdf.path.name} has no link")
    try:
        Chain.from_urdf(urdf.path, robot.base_link, robot.tool_link, robot.joints)
    except UsageError as error:
        raise UsageError(f"{where}: joints: {error}") from None
    _check_limits(robot, urdf, where)
    if robot.limits.near_stops is not None:
        _check_near_stops(robot.limits, f"{where}: limits.near_stops")
    return robot


def _check_numbers(robot: Robot, where: str) -> None:
    n = len(robot.joints)
    if n == 0 or len(set(robot.joints)) < n:
        raise UsageError(f"{where}: joints: one or more different names are expected")
    _check_length(robot.home, n, f"{where}: home")
    for field in fields(Limits):
        if field.name == "near_stops":
            continue
        values = getattr(robot.limits, field.name)
        _check_length(values, n, f"{where}: limits.{field.name}")
        if not field.name.startswith("position_"):
            _check_above(values, 0.0, f"{where}: limits.{field.name}")
    for name, mode in robot.modes.items():
        _check_mode(mode, n, f"{where}: modes.{name}")
    if robot.command_mode not in robot.modes:
        raise UsageError(f"{where}: command_mode: {robot.command_mode!r} is not among modes; there is {', '.join(robot.modes)}")
    _check_length(robot.plant.joint_damping, n, f"{where}: plant.joint_damping")
    plant = robot.plant
    for quantity, values in (
        ("joint_damping", plant.joint_damping),
        ("rotor_inertia", (plant.rotor_inertia,)),
        ("watchdog_s", (plant.watchdog_s,)),
    ):
        for value in values:
            if not (isfinite(value) and value >= 0):
                raise UsageError(f"{where}: plant.{quantity}: {value}: finite numbers of 0 or above are expected")
    if robot.gripper is not None:
        _check_length((robot.gripper.open_m, robot.gripper.closed_m), 2, f"{where}: gripper.open_m, closed_m")
    _check_above((robot.update_rate_hz,), 0.0, f"{where}: update_rate_hz")
    _check_name(TOPIC, robot.joint_states_topic, f"{where}: joint_states_topic", "/letters_and_digits/…")


def _check_near_stops(limits: Limits, where: str) -> None:
    stops = limits.near_stops
    assert stops is not None
    for field in fields(stops):
        _check_length(getattr(stops, field.name), len(limits.velocity), f"{where}.{field.name}")
    _check_above(stops.slope, 0.0, f"{where}.slope")
    inside = zip(stops.lower, limits.position_lower, limits.position_upper, stops.upper, strict=True)
    if not all(first <= lower and upper <= last for first, lower, upper, last in inside):
        raise UsageError(f"{where}: lower and upper must enclose the position limits")


def _check_mode(mode: ModeConfig, n: int, where: str) -> None:
    for field in ("action_scale", "stiffness", "damping"):
        _check_length(getattr(mode, field), n, f"{where}.{field}")
    _check_above(mode.action_scale, 0.0, f"{where}.action_scale")
    _check_above((mode.variance,), 0.0, f"{where}.variance")
    _check_name(TOPIC, mode.topic, f"{where}.topic", "/letters_and_digits/…")
    _check_name(CONTROLLER, mode.controller, f"{where}.controller", "letters_and_digits")


def _check_name(pattern: re.Pattern[str], value: str, where: str, allowed: str) -> None:
    if not pattern.fullmatch(value) or "__" in value:
        raise UsageError(f"{where}: {value!r}: a name of ROS such as {allowed} is expected")


def _check_there(names: Iterable[str], there: Collection[str], message: str) -> None:
    for name in names:
        if name not in there:
            raise UsageError(f"{message} {name!r}; there is {', '.join(there)}")


def _check_length(values: Numbers, n: int, where: str) -> None:
    if len(values) != n:
        raise UsageError(f"{where}: {len(values)} numbers for {n} joints")
    for value in values:
        if not isfinite(value):
            raise UsageError(f"{where}: {value}: finite numbers are expected")


def _check_above(values: Numbers, bound: float, where: str) -> None:
    for value in values:
        if not (isfinite(value) and value > bound):
            raise UsageError(f"{where}: {value}: finite numbers above {bound:g} are expected")


def _check_limits(robot: Robot, urdf: Urdf, where: str) -> None:
    limits = robot.limits
    for i, name in enumerate(robot.joints):
        joint, lower, upper = urdf.joints[name], limits.position_lower[i], limits.position_upper[i]
        if not joint.lower <= lower < upper <= joint.upper:
            raise UsageError(
                f"{where}: limits: {name}: position {lower} to {upper}; {urdf.path.name} allows {joint.lower} to {joint.upper}"
            )
        for field, value, most in (("velocity", limits.velocity[i], joint.velocity), ("effort", limits.effort[i], joint.effort)):
            if value > most:
                raise UsageError(f"{where}: limits.{field}: {name}: {value}; {urdf.path.name} allows at most {most}")
        if not lower <= robot.home[i] <= upper:
            raise UsageError(f"{where}: home: {name}: {robot.home[i]} is outside limits {lower} to {upper}")
