"""Checks what colcon installed: every node, every file of config/, launch/ and urdf/, found from outside the repository."""

import os
import subprocess
import sys
from pathlib import Path

from robot_learning.run.graph import NODES

TOP = Path(__file__).resolve().parents[1]
FIND = "from robot_learning.core.paths import share_dir; print(share_dir())"


def problems(prefix: Path) -> list[str]:
    """One line for each thing that is missing in the install space `prefix`."""
    executables = {path.name for path in (prefix / "lib/robot_learning").glob("*") if os.access(path, os.X_OK)}
    found = [f"no executable {name}" for name in sorted({*NODES, "robot-learning"} - executables)]
    share = prefix / "share/robot_learning"
    for folder in ("config", "launch", "urdf"):
        wanted = [path.relative_to(TOP) for path in (TOP / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        found += [f"no share/robot_learning/{path}" for path in wanted if not (share / path).is_file()]
        found += [] if wanted else [f"{folder}/ is empty"]
    return found


def share_of(prefix: Path) -> Path:
    """Where the installed package looks for its files, asked from another folder."""
    packages = next(prefix.glob("lib/python3*/site-packages"))
    environment = os.environ | {"PYTHONPATH": str(packages)}
    answer = subprocess.run([sys.executable, "-c", FIND], cwd="/", env=environment, capture_output=True, text=True, check=True)
    return Path(answer.stdout.strip())


if __name__ == "__main__":
    failed = False
    for name in sys.argv[1:]:
        for line in problems(Path(name)):
            print(f"{name}: {line}", file=sys.stderr)
            failed = True
    sys.exit(failed)
