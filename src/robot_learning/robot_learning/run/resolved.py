"""resolved.json: what a run was made with, value by value: experiment, robot, URDF, task and cameras, as they stood then.

A run goes on, and is evaluated, only with the same values; its checkpoints carry the file's SHA-256.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from robot_learning.core.atomic import write_atomic
from robot_learning.core.errors import UsageError
from robot_learning.robots.camera import CameraConfig, checked, config_hash
from robot_learning.run import demonstrations
from robot_learning.run.config import named_file, read
from robot_learning.run.experiment import Experiment, as_mapping
from robot_learning.run.json_files import read_json
from robot_learning.run.records import as_plain
from robot_learning.run.robots import load_robot, urdf_path
from robot_learning.run.tasks import load_task

NAME = "resolved.json"
MAY_CHANGE = ("iterations",)  # of the experiment, while a run goes on
NOT_THERE = "nothing"


def values(experiment: Experiment) -> dict[str, Any]:
    """Everything that an experiment names, by file; plain values. UsageError names a file that is wrong."""
    robot = load_robot(experiment.robot)
    return {
        "experiment": _settings(experiment),
        f"config/robots/{experiment.robot}.yaml": as_plain(asdict(robot)),
        f"urdf/{robot.urdf}": {"sha256": hashlib.sha256(urdf_path(robot).read_bytes()).hexdigest()},
        f"config/tasks/{experiment.task}.yaml": as_plain(asdict(load_task(experiment.task))),
        **{f"config/cameras/{name}.yaml": content for name, content in cameras(experiment.evaluation.cameras).items()},
        **{f"{demonstrations.FOLDER}/{bag.name}": {"sha256": demonstrations.sha256(bag)} for bag in demonstrations.bags(experiment)},
    }


def _settings(experiment: Experiment) -> dict[str, Any]:
    """The experiment itself; wherever the run folder is, its demonstrations are those with these names."""
    mapping = {key: value for key, value in as_mapping(experiment).items() if key not in MAY_CHANGE}
    names = [bag.name for bag in demonstrations.bags(experiment)]
    return {**mapping, "demonstration": {**mapping["demonstration"], "bags": names}}


def cameras(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The values of each camera in config/cameras, with their hash as "sha256"."""
    found = {}
    for name in names:
        path = named_file("cameras", name)
        camera = checked(read(CameraConfig, path), str(path))
        found[name] = {**as_plain(asdict(camera)), "sha256": config_hash(camera)}
    return found


def write(run: Path, experiment: Experiment) -> None:
    """resolved.json in the run folder, whole or not at all."""
    write_atomic(run / NAME, (json.dumps(values(experiment), indent=1, allow_nan=False) + "\n").encode())


def load(run: Path) -> dict[str, Any]:
    """What a run was made with; UsageError if that cannot be read."""
    path = run / NAME
    content = read_json(path)
    if not isinstance(content, dict) or not all(isinstance(part, dict) for part in content.values()) or "experiment" not in content:
        raise UsageError(f"{path}: damaged: a mapping by file is expected")
    return content


def digest(run: Path) -> str:
    """SHA-256 of resolved.json; empty if there is none."""
    path = run / NAME
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def camera_hashes(run: Path) -> dict[str, str]:
    """The hash of each camera of a run, by name."""
    content = load(run) if (run / NAME).is_file() else {}
    return {part["name"]: part["sha256"] for file, part in content.items() if file.startswith("config/cameras/")}


def check(run: Path, experiment: Experiment, where: str) -> None:
    """UsageError names the first value that is not what the run was made with; `where`: the file that holds the experiment."""
    before = load(run)
    _refuse(difference(before["experiment"], _settings(experiment)), where)
    today = values(experiment)
    for file in sorted({*before, *today} - {"experiment"}):
        _refuse(difference(before.get(file, {}), today.get(file, {})), file)


def _refuse(found: tuple[str, Any, Any] | None, file: str) -> None:
    if found is not None:
        field, then, now = found
        raise UsageError(f"{file}: {field} changed since the run: {_short(then)} then, {_short(now)} now; put it back or start a new run")


def difference(then: Any, now: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """Where two plain values differ first, as (dotted path, then, now); None if they are equal."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*then, *now]):
            found = difference(then.get(key, NOT_THERE), now.get(key, NOT_THERE), f"{path}.{key}" if path else str(key))
            if found is not None:
                return found
        return None
    return None if then == now else (path, then, now)


def _short(value: Any) -> str:
    text = str(value) if value == NOT_THERE else json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
