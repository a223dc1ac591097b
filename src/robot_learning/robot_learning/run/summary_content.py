"""What readers of a summary.json rely on, and where one that was edited or damaged departs from it."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from robot_learning.run.complaint import complaint
from robot_learning.run.records import Final, Iteration, Update

RECORDS = ("iterations", "rejected", "final")  # here null stands for a number that JSON cannot hold


@dataclass(frozen=True)
class Note:
    """Something refused or repaired in an iteration."""

    iteration: int
    note: str


@dataclass(frozen=True)
class Rejected(Update):
    """An update that was not applied."""

    iteration: int


@dataclass(frozen=True)
class Machine:
    """Where the run was made."""

    cores: int


@dataclass(frozen=True)
class Content:
    """What readers of a summary rely on; what else it holds is not looked at."""

    experiment: str
    robot: str
    task: str
    algorithm: str
    through: str
    state: str
    ending: str
    learned: bool | None
    seed: int
    condition_seed: int
    started: str
    samples_per_condition: int
    seconds: dict[str, float]
    wall_s: float
    success: dict[str, dict[str, str]]
    thresholds: dict[str, float]
    gate: dict[str, int]
    counts: dict[str, int]
    rejected: tuple[Rejected, ...]
    notes: tuple[Note, ...]
    iterations: tuple[Iteration, ...]
    final: Final | None
    config: dict[str, Any]
    commit: str
    dirty: bool
    versions: dict[str, str]
    machine: Machine


def first_wrong(content: dict[str, Any]) -> str:
    """The first field that its readers could not use; empty if there is none."""
    try:
        _adapter().validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        for wrong in error.errors():
            if not (wrong["type"] == "float_type" and wrong["input"] is None and wrong["loc"][0] in RECORDS):
                return complaint(Content, wrong)
    if content["success"]:
        for key in ("last", "best"):
            if key not in content["success"]:
                return f"success.{key}: missing"
        if content["final"] is None:
            return "final: null; a mapping is expected beside success"
    return ""


@cache
def _adapter() -> TypeAdapter[Content]:
    return TypeAdapter(Content)
