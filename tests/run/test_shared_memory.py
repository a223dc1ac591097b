"""What killed processes left goes; what belongs to the living, or to nobody knows whom, stays."""

import fcntl
import io

import pytest
from rich.console import Console

from robot_learning.run import doctor, shared_memory
from robot_learning.run.shared_memory import YOUNG_S, abandoned, remove_abandoned


@pytest.fixture
def segment(tmp_path):
    """segment(3, locked=True): the files of a process."""
    locks = []

    def make(number, locked):
        path = tmp_path / f"fastrtps_{number:016x}"
        path.write_bytes(bytes(2**20))
        lock = path.with_name(path.name + "_el").open("wb")
        locks.append(lock)
        if locked:
            fcntl.flock(lock, fcntl.LOCK_EX)
        return path

    yield make
    for lock in locks:
        lock.close()


def test_only_what_nobody_holds_is_removed(tmp_path, segment):
    living, dead = segment(1, locked=True), segment(2, locked=False)
    others = [tmp_path / name for name in ("fastrtps_port7411", "sem.fastrtps_port7411_mutex", "fastrtps_00000000000000aa", "mine")]
    for other in others:
        other.touch()  # without a lock: nobody can tell whose it is
    later = dead.stat().st_ctime + YOUNG_S + 1
    assert abandoned(tmp_path, later) == [dead]
    assert shared_memory.mebibytes([dead]) == 1
    assert remove_abandoned(tmp_path, later) == 1
    assert {path.name for path in tmp_path.iterdir()} == {living.name, f"{living.name}_el", *(other.name for other in others)}


def test_what_was_just_made_may_not_be_locked_yet(tmp_path, segment):
    dead = segment(2, locked=False)
    assert abandoned(tmp_path, dead.stat().st_ctime + YOUNG_S - 1) == []


def test_asking_leaves_no_lock_behind(tmp_path, segment):
    dead = segment(2, locked=False)
    for _ in range(2):
        assert abandoned(tmp_path, dead.stat().st_ctime + YOUNG_S + 1) == [dead]


def test_the_doctor_names_them_when_they_are_many(tmp_path, monkeypatch):
    found = [tmp_path / str(number) for number in range(doctor.MANY)]
    monkeypatch.setattr(shared_memory, "abandoned", lambda: found)
    monkeypatch.setattr(shared_memory, "mebibytes", lambda segments: 17 * len(segments))
    row = next(row for row in doctor.doctor() if row.what == "shared memory")
    assert (row.state, str(doctor.MANY) in row.detail, str(17 * doctor.MANY) in row.detail) == (doctor.MISSING, True, True)
    assert "`robot-learning up`" in row.cost
    output = io.StringIO()
    doctor.show(Console(file=output, width=80))
    assert len(output.getvalue().splitlines()) <= 23
    del found[0]
    assert next(row for row in doctor.doctor() if row.what == "shared memory").state == doctor.OK
