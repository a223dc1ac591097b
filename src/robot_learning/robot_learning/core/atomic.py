"""Nothing half-written: files and folders appear under their name complete or not at all."""

import contextlib
import errno
import os
import shutil
from pathlib import Path

from robot_learning.core.errors import WorkFailed

FLOOR_BYTES = 200_000_000  # free space below which nothing new is started


def write_atomic(path: Path, data: bytes, fsync: bool = True) -> None:
    """Writes `path` aside and renames it; WorkFailed (with the old content kept) if that fails."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with aside.open("wb") as file:
            file.write(data)
            if fsync:
                file.flush()
                os.fsync(file.fileno())
        aside.replace(path)
        if fsync:
            _sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise work_failed(path, error) from None


def commit_directory(partial: Path, final: Path, fsync: bool = True) -> None:
    """Renames a complete folder into place, by default after all of it is on the disk; WorkFailed if that fails or `final` exists."""
    try:
        if final.exists():
            raise FileExistsError(errno.EEXIST, "exists already")
        if fsync:
            for folder, _, names in os.walk(partial):
                for name in names:
                    _sync(Path(folder, name))
                _sync(Path(folder))
        partial.rename(final)
        if fsync:
            _sync(final.parent)
    except OSError as error:
        raise work_failed(final, error) from None


def require_space(folder: Path, needed_bytes: int = 0, floor_bytes: int = FLOOR_BYTES) -> None:
    """WorkFailed if the disk of `folder` (or of its nearest parent that exists) has less than the floor and what is needed."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise work_failed(folder, error) from None
    if free < needed_bytes + floor_bytes:
        raise WorkFailed(f"{folder}: disk full: {free / 1e6:.0f} MB free, {(needed_bytes + floor_bytes) / 1e6:.0f} MB needed")


def work_failed(path: Path, error: OSError) -> WorkFailed:
    """The one line for an error of the file system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return WorkFailed(f"{path}: disk full ({error.strerror}); nothing was written")
    return WorkFailed(f"{path}: {error.strerror or error}")


def _sync(path: Path) -> None:
    """Forces one file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
