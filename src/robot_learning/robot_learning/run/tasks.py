"""Tasks by name, checked."""

from dataclasses import asdict
from functools import cache
from math import isfinite
from re import fullmatch

from robot_learning.core.errors import UsageError
from robot_learning.run.config import named_file, read
from robot_learning.tasks.description import Blade, Block, CostWeights, Disc, TaskConfig

PHYSICS_HZ = 240.0  # what simulated robots step at
LONGEST = 10_000  # steps of an episode
MOST_POINTS = 10
FAR = 10.0  # m, jitter: rad; no place of a task is further away


@cache
def load_task(name: str) -> TaskConfig:
    """config/tasks/<name>.yaml, checked; UsageError is one line with the file, the field and what is allowed."""
    path = named_file("tasks", name)
    task = checked(read(TaskConfig, path), str(path))
    if task.name != name:
        raise UsageError(f"{path}: name: {task.name!r}; the file's own name {name!r} is expected")
    return task


def checked(task: TaskConfig, where: str) -> TaskConfig:
    """`task` if its numbers make sense; UsageError begins with `where`."""
    _check_time(task, where)
    if not 1 <= len(task.tool_points) <= MOST_POINTS:
        raise UsageError(f"{where}: tool_points: {len(task.tool_points)} points; 1 to {MOST_POINTS} are expected (three fix the pose)")
    places = {"target_lower": task.target_lower, "target_upper": task.target_upper, "start_offset": task.start_offset}
    for field, values in {**places, **{f"tool_points.{i}": point for i, point in enumerate(task.tool_points)}}.items():
        for value in values:
            _check(value, f"{where}: {field}", -FAR, FAR)
    for lower, upper in zip(task.target_lower, task.target_upper, strict=True):
        if lower > upper:
            raise UsageError(f"{where}: target_lower: {lower} is above target_upper {upper}; at most that is expected")
    _check(task.start_jitter, f"{where}: start_jitter", 0.0, FAR)
    for field in ("success_distance", "success_distance_global"):
        _check(getattr(task, field), f"{where}: {field}", 0.0, 1.0, above=True)
    _check_cost(task.cost, where)
    _check_kind(task, where)
    if task.block is not None:
        _check_block(task.block, where)
    if task.blade is not None:
        _check_blade(task.blade, where)
    for i, disc in enumerate(task.objects):
        _check_object(disc, f"{where}: objects.{i}")
    return task


def _check_kind(task: TaskConfig, where: str) -> None:
    """What belongs to which kind of task."""
    kind, names = task.kind, [disc.name for disc in task.objects]
    if (task.block is None) == (kind == "peg_insertion"):
        others = "of kind reach none" if kind == "reach" else "others none"
        raise UsageError(f"{where}: block: a task of kind peg_insertion has one, {others}; this one is of kind {kind}")
    for field, there in (("blade", task.blade is not None), ("objects", bool(names))):
        if there != (kind == "puck"):
            raise UsageError(f"{where}: {field}: expected in a task of kind puck and in no other; this one is of kind {kind}")
    if len(set(names)) != len(names):
        raise UsageError(f"{where}: objects: names {', '.join(names)}; each of them once is expected")
    if task.blade is not None and task.tool_points[0] != (0.0, 0.0, task.blade.length):
        raise UsageError(f"{where}: tool_points.0: {task.tool_points[0]}; [0, 0, {task.blade.length:g}], the end of the blade, is expected")
    for field in ("tip", "moves"):
        if getattr(task.cost, field) and not names:
            raise UsageError(f"{where}: cost.{field}: {getattr(task.cost, field):g}; 0 is expected of a task without objects")
    if task.arm is not None:
        raise UsageError(f"{where}: arm: comes from config/robots; remove it")


def _check_time(task: TaskConfig, where: str) -> None:
    _check(task.horizon, f"{where}: horizon", 1, LONGEST)
    substeps = PHYSICS_HZ / task.rate_hz if isfinite(task.rate_hz) and task.rate_hz > 0.0 else 0.0
    if not (isfinite(substeps) and round(substeps) >= 1 and abs(round(substeps) * task.rate_hz - PHYSICS_HZ) <= 1e-9):
        raise UsageError(f"{where}: rate_hz: {task.rate_hz:g}; {PHYSICS_HZ:g} divided by a whole number from 1 is expected, such as 20")


def _check_cost(weights: CostWeights, where: str) -> None:
    for field, value in asdict(weights).items():
        _check(value, f"{where}: cost.{field}", 0.0, 1e6, above=field in ("alpha", "limits_width", "contact_width"))


def _check_block(block: Block, where: str) -> None:
    for field, value in asdict(block).items():
        _check(value, f"{where}: block.{field}", 0.0, 10.0 if field == "friction" else 1.0, above=field in ("depth", "width", "peg_length"))


def _check_blade(blade: Blade, where: str) -> None:
    for field, value in asdict(blade).items():
        _check(value, f"{where}: blade.{field}", 0.0, 1.0, above=True)


def _check_object(disc: Disc, where: str) -> None:
    if not fullmatch("[a-z][a-z0-9_]{0,30}", disc.name):
        raise UsageError(f"{where}.name: {disc.name!r}; a name of ROS such as 'puck' is expected")
    for field in ("radius", "height", "mass", "friction"):
        _check(getattr(disc, field), f"{where}.{field}", 0.0, 100.0 if field == "mass" else 1.0, above=field != "friction")
    for axis, lower, upper in zip("xy", disc.start_lower, disc.start_upper, strict=True):
        _check(lower, f"{where}.start_lower: {axis}", -FAR, FAR)
        _check(upper, f"{where}.start_upper: {axis}", lower, FAR)


def _check(value: float, where: str, least: float, most: float, above: bool = False) -> None:
    if not (least <= value <= most) or (above and value == least):
        raise UsageError(f"{where}: {value:g}; {'above ' if above else ''}{least:g} to {most:g} is expected")
