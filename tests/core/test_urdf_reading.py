"""The URDF reader refuses what it should, in one line that names file and place."""

from pathlib import Path

import numpy as np
import pytest

from robot_learning.core.errors import UsageError
from robot_learning.core.urdf import MAX_BYTES, read_urdf

JOINT = '<joint name="j" type="revolute"><parent link="a"/><child link="b"/>{}</joint>'


def robot(content: str) -> str:
    return f'<robot name="r"><link name="a"/><link name="b"/>{content}</robot>'


def massive(mass: str, moment: str = "1", kind: str = "revolute") -> str:
    inertial = f'<inertial><mass value="{mass}"/><inertia ixx="{moment}" iyy="1" izz="1"/></inertial>'
    text = robot(JOINT.format("")).replace('<link name="b"/>', f'<link name="b">{inertial}</link>')
    return text.replace("revolute", kind)


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "robot.urdf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_defaults_are_those_of_the_format(tmp_path: Path) -> None:
    joint = read_urdf(write(tmp_path, robot(JOINT.format("")))).joints["j"]
    assert np.array_equal(joint.origin, np.eye(4))
    assert np.array_equal(joint.axis, [1, 0, 0])
    assert (joint.lower, joint.upper) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not xml", "not XML"),
        (b"\xff\xfe<\x00r\x00", "not XML in UTF-8"),
        ("<sdf/>", "the root is <sdf>, <robot> is expected"),
        ('<!DOCTYPE robot [<!ENTITY a "aaaa">]><robot name="r"/>', "DOCTYPE and ENTITY are not allowed"),
        ('<!DOCTYPE r SYSTEM "file:///etc/passwd"><robot name="r"/>', "DOCTYPE and ENTITY are not allowed"),
        (robot('<link name="a"/>'), "link names must be there and differ"),
        (robot(JOINT.format("") * 2), "joint 'j' twice"),
        (robot(JOINT.format("").replace('"b"', '"x"')), "joint 'j': no link 'x'"),
        (robot(JOINT.format("").replace('<parent link="a"/>', "")), "<parent link="),
        (robot(JOINT.format("") + JOINT.format("").replace('"j"', '"k"')), "link 'b' has several parents"),
        (robot(JOINT.format('<axis xyz="0 0 0"/>')), "axis: a vector other than zero"),
        (robot(JOINT.format('<axis xyz="0 1"/>')), "three finite numbers"),
        (robot(JOINT.format('<origin rpy="0 nan 0"/>')), "three finite numbers"),
        (robot(JOINT.format('<origin xyz="a b c"/>')), "three finite numbers"),
        (robot(JOINT.format('<limit lower="inf"/>')), "a finite number is expected"),
        (robot(JOINT.format('<limit lower="1" upper="-1"/>')), "lower 1.0 above upper -1.0"),
        (massive("-1"), "link 'b': mass value=-1: a number above 0 is expected"),
        (massive("0"), "link 'b': mass value=0: a number above 0 is expected"),
        (massive("nan"), "link 'b': mass value='nan': a finite number is expected"),
        (massive("1", "-1"), "link 'b': inertia ixx=-1: a number above 0 is expected"),
        (massive("-1", kind="fixed"), "link 'b': mass value=-1: a number of 0 or above is expected"),
        (robot("<!-- " + "x" * MAX_BYTES + " -->"), "at most"),
    ],
)
def test_wrong_file(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError, match=message) as caught:
        read_urdf(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_urdf(tmp_path / "none.urdf")


def test_a_frame_without_mass_may_be_fixed_to_a_link(tmp_path: Path) -> None:
    assert read_urdf(write(tmp_path, massive("0", "0", kind="fixed"))).links == ("a", "b")
