"""Shared memory that killed ROS processes left behind: 17 MiB each, for ever, if nobody removes it.

A process with Fast DDS has segments `fastrtps_<16 hexadecimal digits>`, and keeps a lock on `<segment>_el` as long as it lives; Fast DDS
tells the living from the dead by it, and so does this. What cannot be told is left alone, as are the small files of its ports.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FOLDER = Path("/dev/shm")
SEGMENT = "fastrtps_" + "[0-9a-f]" * 16
LOCK = "_el"
YOUNG_S = 5.0  # a segment is older than its lock


def abandoned(folder: Path = FOLDER, now_s: float | None = None) -> list[Path]:
    """The segments of processes that are gone; `now_s`: seconds since 1970."""
    now = time.time() if now_s is None else now_s
    return [segment for segment in folder.glob(SEGMENT) if _gone(segment, now)]


def remove_abandoned(folder: Path = FOLDER, now_s: float | None = None) -> int:
    """Removes them, as far as they are this user's; returns how many that were."""
    removed = 0
    for segment in abandoned(folder, now_s):
        with suppress(OSError):
            segment.unlink()
            segment.with_name(segment.name + LOCK).unlink()
            removed += 1
    return removed


def mebibytes(segments: list[Path]) -> int:
    """How much memory they take."""
    return sum(_blocks(segments)) * 512 // 2**20


def _blocks(segments: list[Path]) -> Iterator[int]:
    for segment in segments:
        with suppress(OSError):
            yield segment.stat().st_blocks


def _gone(segment: Path, now_s: float) -> bool:
    try:
        with segment.with_name(segment.name + LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return now_s - segment.stat().st_ctime > YOUNG_S
    except OSError:  # locked, not there, or somebody else's
        return False
