"""Where a result comes from: the commit, the versions and the machine."""

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGES = ("torch", "numpy", "pybullet", "rosbags", "mcap", "safetensors", "ros-jazzy-rclpy")


@cache
def commit() -> tuple[str, bool]:
    """The git commit of this code and whether files differ from it; ("", False) outside a git checkout."""
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(here), *words], capture_output=True, text=True, timeout=10, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain"))
    except (OSError, subprocess.SubprocessError):
        return "", False


@cache
def versions() -> dict[str, str]:
    """The installed version of every library that results depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str | int]:
    """Cores, Python, torch and ROS of this machine."""
    there = versions()
    distro = os.environ.get("ROS_DISTRO", "")
    ros = f"{distro} (sourced)" if distro else "jazzy (wheels)" if "ros-jazzy-rclpy" in there else "none"
    return {"cores": len(os.sched_getaffinity(0)), "python": there["python"], "torch": there.get("torch", "none"), "ros": ros}
