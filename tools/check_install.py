"""Checks what colcon installed: every node starts, every file of config/, launch/ and urdf/ is there and is found."""

import os
import subprocess
import sys
from pathlib import Path

from robot_learning.run.graph import NODES

TOP = Path(__file__).resolve().parents[1]


def problems(prefix: Path) -> list[str]:
    """One line for each thing that is wrong in the install space of the package at `prefix`."""
    executables = {path.name for path in (prefix / "lib/robot_learning").glob("*") if os.access(path, os.X_OK)}
    found = [f"no executable {name}" for name in sorted({*NODES, "robot-learning"} - executables)]
    share = prefix / "share/robot_learning"
    for folder in ("config", "launch", "urdf"):
        wanted = [path.relative_to(TOP) for path in (TOP / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        found += [f"no share/robot_learning/{path}" for path in wanted if not (share / path).is_file()]
        found += [] if wanted else [f"{folder}/ is empty"]
    return found or complaints(prefix)


def complaints(prefix: Path) -> list[str]:
    """A node, started as `ros2 run` does from another folder, must find its configuration: it knows which robots there are."""
    setup, node = prefix.parent / "local_setup.sh", prefix / "lib/robot_learning/safety_gate"
    command = f". {setup} && exec {node} --ros-args -p robot:=no-such-robot"
    answer = subprocess.run(["sh", "-c", command], cwd="/", capture_output=True, text=True, check=False)
    right = answer.returncode == 2 and "no-such-robot" in answer.stderr and "fr3" in answer.stderr
    return [] if right else [f"safety_gate does not run: exit code {answer.returncode}: {answer.stderr.strip()}"]


if __name__ == "__main__":
    failed = False
    for name in sys.argv[1:]:
        for line in problems(Path(name).resolve()):
            print(f"{name}: {line}", file=sys.stderr)
            failed = True
    sys.exit(failed)
