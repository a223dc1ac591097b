"""What pydantic found wrong with a value, as part of one line: the field, what stands there and what is allowed."""

import json
from collections.abc import Sequence
from dataclasses import is_dataclass
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic_core import ErrorDetails

UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
LONGEST = 40  # characters of a value that is shown
BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
EXPECTED = {  # by the first word of pydantic's name for an error, or by all of it
    "bool": "true or false",
    "dataclass": "a mapping",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "string": "a text",
    "tuple": "a list",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "a text that matches {pattern}",
    "too_long": "a list of at most {max_length}",
    "too_short": "a list of at least {min_length}",
}


def complaint(kind: Any, error: ErrorDetails) -> str:
    """`field: value; what is allowed is expected` for an error of validating the dataclass `kind`."""
    field = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"{field}: missing"
    if error["type"] in UNKNOWN:
        return f"{field}: unknown key"
    return f"{field}: {_shown(error['input'])}; {_allowed(kind, error)} is expected"


def _allowed(kind: Any, error: ErrorDetails) -> str:
    name, context = error["type"], error.get("ctx", {})
    bounds = bounds_of(kind, error["loc"])
    if context.keys() & BOUNDS.keys():
        return _range({**context, **bounds})
    text = EXPECTED.get(name) or EXPECTED.get(name.split("_")[0])
    what = text.format(**context) if text else error["msg"]
    return f"{what} ({_range(bounds)})" if bounds else what


def _range(bounds: dict[str, Any]) -> str:
    shown = {key: f"{bound:g}" if isinstance(bound, float) else str(bound) for key, bound in bounds.items() if key in BOUNDS}
    if shown.keys() == {"ge", "le"}:
        return f"{shown['ge']} to {shown['le']}"
    return " and ".join(f"{words} {shown[key]}" for key, words in BOUNDS.items() if key in shown)


def bounds_of(kind: Any, location: Sequence[str | int]) -> dict[str, Any]:
    """The bounds of a number in the dataclass `kind`, by their names in BOUNDS; empty if none is declared."""
    for part in location:
        kind = _inside(_bare(kind), part)
    found = [bound for info in getattr(kind, "__metadata__", ()) for bound in getattr(info, "metadata", ())]
    return {key: getattr(bound, key) for bound in found for key in BOUNDS if hasattr(bound, key)}


def _bare(kind: Any) -> Any:
    """A type without its annotations, and without the None that may stand in its place."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    given = [part for part in get_args(kind) if part is not NoneType]
    return _bare(given[0]) if NoneType in get_args(kind) else kind


def _inside(kind: Any, part: str | int) -> Any:
    """The type of a dataclass's field, of a mapping's values or of a list's elements."""
    if is_dataclass(kind):
        return get_type_hints(kind, include_extras=True).get(str(part))
    parts = get_args(kind)
    return None if not parts else parts[0] if isinstance(part, int) else parts[-1]


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
