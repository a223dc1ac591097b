"""The robot's URDF with its gripper held and, where the task wants it, a peg or a blade in the hand.

Both become rigid parts of the hand: a held finger needs no motor and no degree of freedom, and a peg on a fixed joint of the same
articulated body is perfectly stiff, which a constraint between two bodies is not.
"""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.urdf import Joint, read_urdf
from robot_learning.robots.description import Gripper, Robot
from robot_learning.tasks.description import Blade, Block, TaskConfig

PEG_DENSITY = 1200.0  # kg/m³, plastic
PEG_COLOR = "0.93 0.62 0.10 1"


class Rod(NamedTuple):
    """A square rod along the tool's z axis, from the tool frame on."""

    link: str
    width: float  # m
    length: float  # m


def held(task: TaskConfig | None, block: Block | None) -> Rod | None:
    """What is in the hand, with a condition's own `block` in place of the task's."""
    if block is not None:
        return Rod("peg", block.width, block.peg_length)
    blade: Blade | None = task.blade if task is not None else None
    return None if blade is None else Rod("blade", blade.width, blade.length)


def prepared_urdf(path: Path, robot: Robot, rod: Rod | None) -> str:
    """The text of the URDF at `path` as the simulator loads it.

    Raises:
        UsageError: not a URDF, or a link or joint of the robot is missing.
    """
    urdf = read_urdf(path)
    for link_name in (robot.base_link, robot.tool_link):
        urdf.link(link_name)
    for joint_name in robot.joints:
        urdf.joint(joint_name)
    root = ET.fromstring(path.read_text(encoding="utf-8-sig"))
    for mesh in root.iter("mesh"):
        mesh.set("filename", str((path.parent / mesh.get("filename", "").rpartition("://")[2]).resolve()))
    for link in root.findall("link"):
        if link.find("inertial") is None:  # PyBullet would give it 1 kg
            _add_inertial(link, 0.0, 0.0, (0.0, 0.0, 0.0))
    if robot.gripper is not None:
        elements = {element.get("name"): element for element in root.findall("joint")}
        for name in robot.gripper.joints:
            _hold(elements[name], urdf.joint(name), _opening(robot.gripper, rod))
    if rod is not None:
        _add_rod(root, robot.tool_link, rod)
    return ET.tostring(root, encoding="unicode")


def _opening(gripper: Gripper, rod: Rod | None) -> float:
    """Of each finger, m: round the rod or wide open."""
    if rod is None:
        return gripper.open_m
    return float(np.clip(rod.width / 2.0, gripper.closed_m, gripper.open_m))


def _hold(element: ET.Element, joint: Joint, opening: float) -> None:
    """Turn a prismatic finger joint into a fixed one at `opening`."""
    if joint.kind != "prismatic":
        raise UsageError(f"gripper joint {joint.name!r} is {joint.kind}; prismatic is expected")
    at = joint.origin[:3, 3] + joint.origin[:3, :3] @ joint.axis * opening
    rpy = "0 0 0" if (origin := element.find("origin")) is None else origin.get("rpy", "0 0 0")
    for child in [child for child in element if child.tag not in ("parent", "child")]:
        element.remove(child)
    element.set("type", "fixed")
    ET.SubElement(element, "origin", xyz=" ".join(map(repr, at.tolist())), rpy=rpy)


def _add_inertial(link: ET.Element, z: float, mass: float, moments: tuple[float, float, float]) -> None:
    inertial = ET.SubElement(link, "inertial")
    ET.SubElement(inertial, "origin", xyz=f"0 0 {z!r}", rpy="0 0 0")
    ET.SubElement(inertial, "mass", value=repr(mass))
    ixx, iyy, izz = map(repr, moments)
    ET.SubElement(inertial, "inertia", ixx=ixx, iyy=iyy, izz=izz, ixy="0", ixz="0", iyz="0")


def _add_rod(root: ET.Element, tool_link: str, rod: Rod) -> None:
    name, width, length = rod
    mass = PEG_DENSITY * width * width * length
    across, along = mass * (width**2 + length**2) / 12.0, mass * width**2 / 6.0
    link = ET.SubElement(root, "link", name=name)
    _add_inertial(link, length / 2.0, mass, (across, across, along))
    for kind in ("visual", "collision"):
        part = ET.SubElement(link, kind)
        ET.SubElement(part, "origin", xyz=f"0 0 {length / 2.0}", rpy="0 0 0")
        ET.SubElement(ET.SubElement(part, "geometry"), "box", size=f"{width} {width} {length}")
        if kind == "visual":
            ET.SubElement(ET.SubElement(part, "material", name=name), "color", rgba=PEG_COLOR)
    joint = ET.SubElement(root, "joint", name=f"{name}_joint", type="fixed")
    ET.SubElement(joint, "parent", link=tool_link)
    ET.SubElement(joint, "child", link=name)
    ET.SubElement(joint, "origin", xyz="0 0 0", rpy="0 0 0")
