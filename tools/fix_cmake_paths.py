"""Rewrites the include folders that the ROS wheels' CMake files recorded on the machine that built them to those of this Python."""

import re
import sys
import sysconfig
from pathlib import Path

import numpy as np

BUILDER = r"/opt/python/[^/;\"]+"
REPLACEMENTS = (
    (re.compile(BUILDER + r"/lib/python3\.\d+/site-packages/numpy/_core/include"), np.get_include()),
    (re.compile(BUILDER + r"/include/python3\.\d+"), sysconfig.get_path("include")),
)


def fix(root: Path) -> int:
    """Corrects every CMake file below `root`; returns how many changed. A second call changes none."""
    changed = 0
    for path in sorted(root.rglob("*.cmake")):
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        fixed = text
        for pattern, folder in REPLACEMENTS:
            fixed = pattern.sub(lambda _, folder=folder: folder, fixed)
        if fixed != text:
            path.write_text(fixed, encoding="utf-8", errors="surrogateescape")
            changed += 1
    return changed


if __name__ == "__main__":
    fix(Path(sys.prefix, "share"))
