"""The URDF reader refuses what it should, in one line that names file and place."""

import re
from pathlib import Path

import numpy as np
import pytest

from robot_learning.core.errors import UsageError
from robot_learning.core.paths import share_dir
from robot_learning.core.urdf import MAX_BYTES, read_urdf

LIMIT = '<limit lower="-1" upper="1" velocity="1" effort="1"/>'
JOINT = f'<joint name="j" type="revolute"><parent link="a"/><child link="b"/>{LIMIT}{{}}</joint>'
INERTIAL = '<inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1"/></inertial>'
SPHERE = '<sphere radius="0.1"/>'


def robot(content: str, inertial: str = INERTIAL) -> str:
    return f'<robot name="r"><link name="a"/><link name="b">{inertial}</link>{content}</robot>'


def limited(old: str, new: str) -> str:
    return robot(JOINT.format("").replace(old, new))


def massive(mass: str = "1", moments: str = 'ixx="1" iyy="1" izz="1"', kind: str = "revolute", origin: str = "") -> str:
    inertial = f'<inertial>{origin}<mass value="{mass}"/><inertia {moments}/></inertial>'
    return robot(JOINT.format(""), inertial).replace("revolute", kind)


def body(geometry: str = SPHERE, origin: str = "", tag: str = "collision") -> str:
    return robot(JOINT.format(""), f"{INERTIAL}<{tag}>{origin}<geometry>{geometry}</geometry></{tag}>")


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "robot.urdf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_defaults_are_those_of_the_format(tmp_path: Path) -> None:
    joint = read_urdf(write(tmp_path, limited(LIMIT, "").replace("revolute", "continuous"))).joints["j"]
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
        (limited('"b"', '"x"'), "joint 'j': no link 'x'"),
        (limited('<parent link="a"/>', ""), "<parent link="),
        (robot(JOINT.format("") + JOINT.format("").replace('"j"', '"k"')), "link 'b' has several parents"),
        (robot(JOINT.format('<axis xyz="0 0 0"/>')), "axis: a vector other than zero"),
        (robot(JOINT.format('<axis xyz="0 1"/>')), "three finite numbers"),
        (robot(JOINT.format('<origin rpy="0 nan 0"/>')), "three finite numbers"),
        (robot(JOINT.format('<origin xyz="a b c"/>')), "three finite numbers"),
        (limited("revolute", "revolut"), "joint 'j': type='revolut': one of revolute, continuous,"),
        (limited('lower="-1"', 'lower="inf"'), "limit lower='inf': a finite number is expected"),
        (limited('lower="-1"', 'lower="2"'), "lower 2.0 above upper 1.0"),
        (limited('lower="-1"', ""), "joint 'j': limit lower: missing; a revolute joint has lower, upper, velocity, effort"),
        (limited('effort="1"', "").replace("revolute", "prismatic"), "joint 'j': limit effort: missing; a prismatic joint has"),
        (limited(LIMIT, ""), "joint 'j': limit lower: missing"),
        (massive("-1"), "link 'b': mass value=-1: a number above 0 is expected"),
        (massive("0"), "link 'b': mass value=0: a number above 0 is expected"),
        (massive("nan"), "link 'b': mass value='nan': a finite number is expected"),
        (massive("-1", kind="fixed"), "link 'b': mass value=-1: a number of 0 or above is expected"),
        (massive(moments='ixx="-1" iyy="1" izz="1"'), "link 'b': inertia ixx=-1: a number above 0 is expected"),
        (massive(moments='ixx="1" iyy="1"'), "link 'b': inertia izz=0: a number above 0 is expected"),
        (massive(moments='ixx="5" iyy="1" izz="1"'), "link 'b': inertia: principal moments 1, 1 and 5: .* none larger than the sum of"),
        (massive(moments='ixx="5" iyy="1" izz="1"', kind="fixed"), "link 'b': inertia: principal moments 1, 1 and 5: .* of 0 or above"),
        (massive(moments='ixx="1" iyy="1" izz="1" ixy="2"'), "link 'b': inertia: principal moments -1, 1 and 3: numbers above 0 are"),
        (massive(moments='ixx="1" iyy="1" izz="1" ixy="nan"'), "link 'b': inertia ixy='nan': a finite number"),
        (massive(origin='<origin xyz="0 0 inf"/>'), "link 'b': inertial: origin: xyz='0 0 inf': three finite numbers"),
        (robot(JOINT.format(""), ""), "link 'b': <inertial> is missing; what a joint moves has a mass above 0"),
        (robot(JOINT.format(""), "<inertial/>"), "link 'b': mass value=0: a number above 0 is expected"),
        (body('<sphere radius="nan"/>'), "link 'b': collision: sphere radius: 'nan': a finite number above 0 is expected"),
        (body("<sphere/>"), "link 'b': collision: sphere radius: None: a finite number above 0 is expected"),
        (body('<cylinder radius="1" length="0"/>'), "link 'b': collision: cylinder length: '0': a finite number above 0"),
        (body('<box size="1 1 -1"/>'), "link 'b': collision: box size: '1 1 -1': 3 finite numbers above 0 are expected"),
        (body('<box size="1 1"/>', tag="visual"), "link 'b': visual: box size: '1 1': 3 finite numbers above 0"),
        (body(origin='<origin xyz="0 nan 0"/>'), "link 'b': collision: origin: xyz='0 nan 0': three finite numbers"),
        (body(origin='<origin rpy="0 0"/>', tag="visual"), "link 'b': visual: origin: rpy='0 0': three finite numbers"),
        (body("<cone/>"), "link 'b': collision: geometry: cone: one of box, cylinder, capsule, sphere and mesh is expected"),
        (body(""), "link 'b': collision: geometry: nothing: one of box,"),
        (body('<mesh filename="none.obj"/>'), "link 'b': collision: mesh 'none.obj': no such file; a path relative to"),
        (body('<mesh filename="package://none.obj"/>', tag="visual"), "link 'b': visual: mesh 'package://none.obj': no such file"),
        (body('<mesh filename="robot.urdf" scale="1 0 1"/>'), "link 'b': collision: mesh: scale='1 0 1': three numbers other than 0"),
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


@pytest.mark.parametrize(
    "text",
    [
        massive("0", 'ixx="0" iyy="0" izz="0"', kind="fixed"),
        massive(moments='ixx="1" iyy="1" izz="2"'),  # a flat plate
        body('<mesh filename="robot.urdf" scale="1 -1 1"/>'),
        robot(JOINT.format("").replace("revolute", "fixed"), ""),
    ],
)
def test_what_a_body_or_a_frame_may_be_is_accepted(tmp_path: Path, text: str) -> None:
    assert read_urdf(write(tmp_path, text)).links == ("a", "b")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (r'(name="fr3_link3">.*?)ixx="[^"]*"', r'\1ixx="5"', "link 'fr3_link3': inertia: principal moments"),
        (r'(name="fr3_link3">.*?)<inertial>.*?</inertial>', r"\1", "link 'fr3_link3': <inertial> is missing"),
        (r'(name="fr3_link3">.*?)radius="[^"]*"', r'\1radius="nan"', "link 'fr3_link3': collision: "),
        (r'(name="fr3_joint3".*?)lower="[^"]*"', r"\1", "joint 'fr3_joint3': limit lower: missing"),
        (r"link3_dark", r"link33_dark", "link 'fr3_link3': visual: mesh 'meshes/franka/link33_dark.obj': no such file"),
    ],
)
def test_a_robot_of_ours_with_one_wrong_value_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "meshes").symlink_to(share_dir() / "urdf" / "meshes")
    text, count = re.subn(old, new, (share_dir() / "urdf" / "fr3.urdf").read_text(), count=1, flags=re.DOTALL)
    assert count == 1
    with pytest.raises(UsageError, match=message):
        read_urdf(write(tmp_path, text))
