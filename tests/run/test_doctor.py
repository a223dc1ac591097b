"""What the doctor finds, and what it says about what is not there."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from robot_learning.run import doctor, preflight


def rows() -> dict[str, doctor.Row]:
    return {row.what: row for row in doctor.doctor()}


def test_every_thing_of_the_screen_is_looked_at() -> None:
    things = {"mode", "ROS 2", "RMW", "torch", "PyBullet", "planner", "cameras", "joystick", "GPU", "shared memory", "disk"}
    assert things <= rows().keys()


def test_what_is_missing_says_what_it_costs() -> None:
    for row in doctor.doctor():
        assert row.detail, row
        assert (row.cost == "") == (row.state == doctor.OK), row


def screen() -> list[str]:
    output = io.StringIO()
    doctor.show(Console(file=output, width=80))
    return output.getvalue().splitlines()


def test_one_screen_of_80_columns_and_24_lines() -> None:
    assert len(screen()) <= 23  # and the prompt


def test_one_screen_also_where_much_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda _: None)
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_nothing")
    lines = screen()
    assert len(lines) <= 23
    assert any("make setup" in line for line in lines)


def test_what_is_there_has_no_cost_on_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor, "LOOKS", (lambda: doctor.Row("this", doctor.OK, "7"), lambda: doctor.Row("that", doctor.MISSING, "none", "work"))
    )
    assert [line.split() for line in screen()[1:]] == [["this", "ok", "7"], ["that", "missing", "none:", "work"]]


def test_no_shared_memory_must_be_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "free_mib", lambda _: 1)
    assert rows()["shared memory"].state == doctor.WRONG
    assert not doctor.show(Console(file=io.StringIO()))


def test_a_busy_domain_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("ROS_DOMAIN_ID", "14")
    assert rows()["ROS domain"].state == doctor.OK
    with doctor.domains.hold(14, "a test"):
        assert "runs a test" in rows()["ROS domain"].detail


def test_an_rmw_that_is_not_there_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_nothing")
    assert rows()["RMW"].state == doctor.WRONG


@pytest.mark.parametrize("text", ["-1", "102", "one"])
def test_a_domain_that_cannot_be_used_must_be_repaired(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", text)
    row = rows()["ROS domain"]
    assert row.state == doctor.WRONG
    assert f"ROS_DOMAIN_ID='{text}'" in row.detail
