from types import SimpleNamespace

import pytest

from robot_learning.run import up
from robot_learning.run.notices import MARK, Notices, tell


def test_each_notice_of_each_log_is_read_once_and_whole(tmp_path):
    logs = [tmp_path / "a.log", tmp_path / "b.log"]
    notices = Notices(logs)
    assert notices.fresh() == []
    logs[0].write_text(f"ready\n{MARK}one\n[WARN] something\n{MARK}tw")
    assert notices.fresh() == ["one"]
    logs[1].write_bytes(f"{MARK}three\n".encode() + b"\xff\n")
    with logs[0].open("a") as log:
        log.write("o\n")
    assert notices.fresh() == ["two", "three"]
    assert notices.fresh() == []


def test_up_shows_what_nodes_tell(tmp_path, monkeypatch, capsys):
    """Until Ctrl-C, which here comes at the third look."""
    monkeypatch.chdir(tmp_path)
    log, looks = tmp_path / "safety_gate.log", []

    class Running:
        domain, logs = 50, tmp_path

        def __init__(self, specs, *_):
            assert [spec.name for spec in specs] == ["safety_gate", "guard"]

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def log(self, name):
            return tmp_path / f"{name}.log"

        def check(self):
            looks.append(None)
            if len(looks) == 3:
                raise KeyboardInterrupt
            with log.open("a") as file:
                file.write(f"[INFO] not this\n{MARK}no usable joint state on /joint_states, {len(looks)}\n")

    monkeypatch.setattr(up, "Launcher", Running)
    monkeypatch.setattr(up, "terminate_like_interrupt", lambda: None)
    monkeypatch.setattr(up, "time", SimpleNamespace(sleep=lambda _: None))
    with pytest.raises(KeyboardInterrupt):
        up.keep_up("sim", ["backend:=real", "robot:=ur5e"], 50)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == [f"no usable joint state on /joint_states, {n}" for n in (1, 2)]
    assert not any("not this" in line for line in lines)


def test_what_is_told_is_one_marked_line(capsys):
    tell("something")
    assert capsys.readouterr().out == f"{MARK}something\n"
