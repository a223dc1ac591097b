"""Cells and self-collision by name, checked against each other and the robot."""

from math import isfinite

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.urdf_bodies import read_bodies
from robot_learning.robots.description import Robot
from robot_learning.run.config import named_file, read
from robot_learning.run.robots import load_chain, urdf_path
from robot_learning.safety.barrier import Barrier
from robot_learning.safety.cell import Cell, SelfCollision

FAR = 10.0  # m; nothing of a cell is further away


def load_cell(name: str) -> Cell:
    """config/cells/<name>.yaml, checked; UsageError is one line with the file, the field and what is allowed."""
    path = named_file("cells", name)
    cell = checked_cell(read(Cell, path), str(path))
    if cell.name != name:
        raise UsageError(f"{path}: name: {cell.name!r}; the file's own name {name!r} is expected")
    return cell


def load_self_collision(robot: Robot) -> SelfCollision:
    """config/self_collision/<robot>.yaml, checked; UsageError as in `load_cell`."""
    path = named_file("self_collision", robot.name)
    return checked_self_collision(read(SelfCollision, path), robot, str(path))


def load_barrier(robot: Robot, cell: Cell) -> Barrier:
    """What keeps the robot's parts away from each other and in the cell; UsageError if the robot's home is not allowed."""
    barrier = Barrier(urdf_path(robot), robot, load_chain(robot), cell, load_self_collision(robot))
    room = barrier.around(np.array(robot.home)).room
    if room.size and room.min() < 0.0:
        path, what = named_file("self_collision", robot.name), barrier.names[room.argmin()]
        raise UsageError(f"{path} and cell {cell.name!r}: at {robot.name}'s home {what} are {-room.min():.3f} m too near to each other")
    return barrier


def checked_cell(cell: Cell, where: str) -> Cell:
    """`cell` if its numbers make sense; UsageError begins with `where`."""
    for field, values in (("tool_lower", cell.tool_lower), ("tool_upper", cell.tool_upper)):
        for value in values or ():
            _check(value, f"{where}: {field}", -FAR, FAR)
    for lower, upper in zip(cell.tool_lower or (), cell.tool_upper or (), strict=False):
        if lower + 2.0 * cell.margin >= upper:
            raise UsageError(f"{where}: tool_lower: {lower}: less than tool_upper {upper} by more than two margins is expected")
    if cell.floor is not None:
        _check(cell.floor, f"{where}: floor", -FAR, FAR)
    for field in ("held_length", "held_radius", "margin"):
        _check(getattr(cell, field), f"{where}: {field}", 0.0, 1.0)
    if cell.held_length > 0.0 and cell.held_radius == 0.0:
        raise UsageError(f"{where}: held_radius: 0.0: above 0 is expected where held_length is given")
    if not (isfinite(cell.deceleration) and 0.0 < cell.deceleration <= 100.0):
        raise UsageError(f"{where}: deceleration: {cell.deceleration}: a number above 0 and up to 100 is expected")
    return cell


def checked_self_collision(config: SelfCollision, robot: Robot, where: str) -> SelfCollision:
    """`config` if it is the robot's and names its links; UsageError begins with `where`."""
    if config.robot != robot.name:
        raise UsageError(f"{where}: robot: {config.robot!r}; {robot.name!r} is expected")
    _check(config.margin, f"{where}: margin", 0.0, 1.0)
    links = dict.fromkeys(body.link for body in read_bodies(urdf_path(robot)))
    for pair in config.exempt:
        for link in pair:
            if link not in links:
                raise UsageError(f"{where}: exempt: no collision body of a link {link!r}; there is {', '.join(links)}")
    return config


def _check(value: float, where: str, least: float, most: float) -> None:
    if not (isfinite(value) and least <= value <= most):
        raise UsageError(f"{where}: {value}: a number from {least:g} to {most:g} is expected")
