"""Files and folders appear complete or not at all, also when the disk is full or the process dies."""

import errno
import os
import shutil
import subprocess
import sys

import pytest

from robot_learning.core.atomic import commit_directory, require_space, write_atomic
from robot_learning.core.errors import WorkFailed


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a"
    write_atomic(path, b"old")
    write_atomic(path, b"new", fsync=False)
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_keeps_the_old_file_and_says_so_in_one_line(tmp_path):
    path = tmp_path / "a"
    write_atomic(path, b"old")
    program = f"""
import resource, signal
from pathlib import Path
from robot_learning.core.atomic import write_atomic
from robot_learning.core.errors import WorkFailed
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomic(Path({str(path)!r}), b"x" * 5000)
except WorkFailed as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}
    )
    assert result.stdout.startswith(f"{path}: disk full")
    assert result.stdout.count("\n") == 1
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("fsync", [True, False])
def test_a_folder_is_committed_by_renaming(tmp_path, fsync):
    partial = tmp_path / "e.partial"
    (partial / "inner").mkdir(parents=True)
    (partial / "inner" / "x").write_text("1")
    commit_directory(partial, tmp_path / "e", fsync)
    assert (tmp_path / "e" / "inner" / "x").read_text() == "1"
    assert not partial.exists()


def test_a_commit_never_replaces_what_is_there(tmp_path):
    for name in ("e.partial", "e"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(name)
    with pytest.raises(WorkFailed, match="exists already"):
        commit_directory(tmp_path / "e.partial", tmp_path / "e")
    assert (tmp_path / "e" / "x").read_text() == "e"
    assert (tmp_path / "e.partial").exists()


def test_an_error_while_forcing_to_disk_leaves_only_the_partial_folder(tmp_path, monkeypatch):
    (tmp_path / "e.partial").mkdir()
    (tmp_path / "e.partial" / "x").write_text("1")

    def fail(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WorkFailed, match="disk full"):
        commit_directory(tmp_path / "e.partial", tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_the_floor_is_checked_before_the_folder_exists(tmp_path, monkeypatch):
    require_space(tmp_path / "not" / "yet", floor_bytes=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(WorkFailed, match="disk full"):
        require_space(tmp_path / "not" / "yet")
