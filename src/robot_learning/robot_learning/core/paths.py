"""Where config/, launch/ and urdf/ lie: in the repository, in a wheel or in a colcon install space."""

import re
from functools import cache
from pathlib import Path

from robot_learning.core.errors import UsageError

PACKAGE = "robot_learning"
NAME = re.compile(r"[a-z0-9_-]{1,64}")


@cache
def share_dir() -> Path:
    """The folder that holds config/, launch/ and urdf/."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "pyproject.toml").is_file() and (parent / "config").is_dir():
            return parent
        if (parent / "share" / PACKAGE / "config").is_dir():
            return parent / "share" / PACKAGE
    raise FileNotFoundError(f"no config folder above {__file__}")


def checked_name(name: str, what: str) -> str:
    """`name` if it is safe to become part of a path; UsageError otherwise."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{what} {name!r}: names match [a-z0-9_-]{{1,64}}")
    return name
