"""The environment variables with which every process of a graph runs."""

import os
import sys
from pathlib import Path

from robot_learning.core.paths import share_dir
from robot_learning.run.domains import chosen_domain

__all__ = ["chosen_domain", "surroundings"]


def surroundings(domain: int, logs: Path | None = None) -> dict[str, str]:
    """Those that differ from what this process has; what the user has set stays, but for the domain.

    Args:
        domain: ROS domain.
        logs: where ROS writes its own log files; None: where it likes.
    """
    profile = str(share_dir() / "config" / "fastdds.xml")
    preset = {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",  # ROS's default would let the whole network command the robot
        "FASTRTPS_DEFAULT_PROFILES_FILE": profile,  # Fast DDS 2 (Jazzy)
        "FASTDDS_DEFAULT_PROFILES_FILE": profile,  # Fast DDS 3
        "OPENBLAS_NUM_THREADS": "1",  # small matrices: a second thread costs more than it brings
        "OMP_NUM_THREADS": "1",
        "RCUTILS_COLORIZED_OUTPUT": "0",
        "PYTHONUNBUFFERED": "1",
    }
    if "ROS_DISTRO" not in os.environ:
        preset["AMENT_PREFIX_PATH"] = sys.prefix  # the wheels' own start-up sets the libraries' path only
    if logs is not None:
        preset["ROS_LOG_DIR"] = str(logs)
    chosen = {name: value for name, value in preset.items() if not os.environ.get(name)}
    return chosen | {"ROS_DOMAIN_ID": str(domain), "PYTHONPATH": _with_this_package()}


def _with_this_package() -> str:
    """PYTHONPATH with which the children import the same robot_learning as this process."""
    here = str(Path(__file__).resolve().parents[2])
    before = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != here]
    return os.pathsep.join([here, *before])
