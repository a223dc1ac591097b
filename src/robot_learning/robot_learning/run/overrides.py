"""Changes to an experiment from the command line: `--set a.b=value` and `robot:=ur5e`."""

from collections.abc import Sequence
from typing import Any

import yaml

from robot_learning.core.errors import UsageError


def parse(settings: Sequence[str], remaps: Sequence[str]) -> list[tuple[tuple[str, ...], Any]]:
    """(path, value) of each `a.b=value` in `settings`, then of each `a.b:=value` in `remaps`; UsageError names the wrong one."""
    return [_split(text, "=", "--set") for text in settings] + [_split(text, ":=", "argument") for text in remaps]


def apply(content: Any, changes: Sequence[tuple[tuple[str, ...], Any]], where: str) -> Any:
    """A copy of the nested mapping `content` with each value put at its path; what the keys may be is checked later."""
    if not isinstance(content, dict):
        return content
    result = _copy(content)
    for path, value in changes:
        inner = result
        for i, key in enumerate(path[:-1]):
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                raise UsageError(f"{where}: {'.'.join(path)}: {'.'.join(path[: i + 1])} is a single value without fields")
        inner[path[-1]] = value
    return result


def _split(text: str, sign: str, what: str) -> tuple[tuple[str, ...], Any]:
    name, found, value = text.partition(sign)
    path = tuple(name.split("."))
    if not found or not all(part.isidentifier() for part in path):
        raise UsageError(f"{what} {text!r}: name{sign}value is expected, such as robot{sign}ur5e or conditions.train{sign}4")
    try:
        return path, yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UsageError(f"{what} {text!r}: {value!r} is no YAML value") from None


def _copy(content: dict[Any, Any]) -> dict[Any, Any]:
    return {key: _copy(value) if isinstance(value, dict) else value for key, value in content.items()}
