"""The JSON files of a run, read with one line of error."""

import json
from math import isfinite
from pathlib import Path
from typing import Any

from robot_learning.core.errors import UsageError


def read_json(path: Path) -> Any:
    """The content of a run's file; UsageError if it cannot be read."""
    try:
        return json.loads(path.read_bytes(), parse_float=_finite, parse_constant=_finite)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; a run folder made by `robot-learning train` is expected") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: damaged: {error}") from None


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text}: a finite number is expected")
    return value
