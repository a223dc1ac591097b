"""Reads YAML into frozen dataclasses; every error is one line with file, field and what is allowed."""

from copy import deepcopy
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from robot_learning.core.errors import UsageError
from robot_learning.core.paths import share_dir
from robot_learning.run.complaint import UNKNOWN, complaint
from robot_learning.run.near import near

T = TypeVar("T")
MAX_BYTES = 1_000_000
MAX_DEPTH = 20
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # a tenth of the time where PyYAML has libyaml


def available(folder: str) -> list[str]:
    """The names in config/<folder>."""
    return sorted(path.stem for path in (share_dir() / "config" / folder).glob("*.yaml"))


def named_file(folder: str, name: str) -> Path:
    """config/<folder>/<name>.yaml; UsageError with the near match if there is none."""
    names = available(folder)
    if name not in names:
        meant = near(name, names)
        hint = f"did you mean {meant!r}? " if meant else ""
        raise UsageError(f"config/{folder}: no {name!r}; {hint}there is {', '.join(names)}")
    return share_dir() / "config" / folder / f"{name}.yaml"


class _StrictLoader(yaml.SafeLoader):
    """safe_load without anchors (billion laughs) and with an error for repeated keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.constructor.ConstructorError(None, None, "aliases are not allowed", self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_yaml(path: Path) -> Any:
    """The content of a YAML file, read safely."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    if len(text) > MAX_BYTES:
        raise UsageError(f"{path}: {len(text)} bytes; at most {MAX_BYTES} are allowed")
    if text.count(b"[") + text.count(b"{") > 100_000:
        raise UsageError(f"{path}: nested too deeply")
    try:
        content = deepcopy(_parsed(text))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {' '.join(str(error).split()) or 'nested too deeply'}") from None
    if _depth(content) > MAX_DEPTH:
        raise UsageError(f"{path}: nested deeper than {MAX_DEPTH}")
    return content


@lru_cache(maxsize=64)
def _parsed(text: bytes) -> Any:
    """YAML takes 20 ms for a robot, and the same few files are read again and again."""
    return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def build(cls: type[T], content: Any, where: str) -> T:
    """`content` (mappings, lists, numbers) as the dataclass `cls`; UsageError names the field."""
    if not isinstance(content, dict):
        raise UsageError(f"{where}: a mapping is expected, found {type(content).__name__}")
    try:
        return TypeAdapter(cls).validate_python(content)
    except ValidationError as error:
        found = error.errors()
        first = next((each for each in found if each["type"] in UNKNOWN), found[0])  # what is missing may be there, misspelt
        hint = f"; {_meant(cls, first['loc'])}" if first["type"] in UNKNOWN else ""
        raise UsageError(f"{where}: {complaint(cls, first)}{hint}") from None


def _meant(cls: Any, location: tuple[Any, ...]) -> str:
    for part in location[:-1]:
        inner = next((f.type for f in fields(cls) if f.name == part), None) if is_dataclass(cls) else None
        cls = inner
    allowed = [f.name for f in fields(cls)] if is_dataclass(cls) else []
    meant = near(str(location[-1]), allowed)
    if meant:
        return f"did you mean {meant!r}?"
    return f"allowed are {', '.join(allowed)}" if allowed else "remove it"


def read(cls: type[T], path: Path) -> T:
    """One YAML file as the dataclass `cls`."""
    return build(cls, load_yaml(path), str(path))
