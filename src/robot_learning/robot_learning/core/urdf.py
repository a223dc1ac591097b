"""Reads the links and joints of a URDF file; nothing else of it, and nothing outside it."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.rotations import from_rpy, transform
from robot_learning.core.types import Array
from robot_learning.core.urdf_links import check_links
from robot_learning.core.urdf_values import number, vector

MAX_BYTES = 4_000_000
NO_LIMIT = float("inf")
KINDS = ("revolute", "continuous", "prismatic", "fixed", "floating", "planar")
LIMITS = ("lower", "upper", "velocity", "effort")


class Joint(NamedTuple):
    """One joint; limits that the file may leave out, and does, are infinite."""

    name: str
    kind: str  # one of KINDS
    parent: str  # link
    child: str  # link
    origin: Array  # (4, 4), of the child in the parent at position 0
    axis: Array  # (3,), length 1, in the child's frame
    lower: float  # rad or m
    upper: float
    velocity: float  # rad/s or m/s
    effort: float  # N·m or N


class Urdf(NamedTuple):
    """The tree of one robot."""

    path: Path
    links: tuple[str, ...]
    joints: dict[str, Joint]  # in the file's order

    def joint(self, name: str) -> Joint:
        """The joint of that name; UsageError lists what there is."""
        if name not in self.joints:
            raise UsageError(f"{self.path}: no joint {name!r}; there is {', '.join(self.joints)}")
        return self.joints[name]

    def link(self, name: str) -> str:
        """`name` if there is such a link; UsageError lists what there is."""
        if name not in self.links:
            raise UsageError(f"{self.path}: no link {name!r}; there is {', '.join(self.links)}")
        return name


def read_urdf(path: Path) -> Urdf:
    """The tree in a URDF file; UsageError with file and place for everything that is not one."""
    found = _tree(path, _content(path))
    return found._replace(joints=dict(found.joints))


@lru_cache(maxsize=32)
def _tree(path: Path, raw: bytes) -> Urdf:
    """The same few files are read again and again, and all of a robot's checks begin with them."""
    root = _parse(path, raw)
    if root.tag != "robot":
        raise UsageError(f"{path}: not a URDF: the root is <{root.tag}>, <robot> is expected")
    links = tuple(element.get("name", "") for element in root.findall("link"))
    if len(set(links)) < len(links) or "" in links:
        raise UsageError(f"{path}: link names must be there and differ; found {', '.join(links)}")
    joints: dict[str, Joint] = {}
    for element in root.findall("joint"):
        joint = _joint(element, path)
        if joint.name in joints:
            raise UsageError(f"{path}: joint {joint.name!r} twice")
        for link in (joint.parent, joint.child):
            if link not in links:
                raise UsageError(f"{path}: joint {joint.name!r}: no link {link!r}")
        joints[joint.name] = joint
    children = [joint.child for joint in joints.values()]
    for child in children:
        if children.count(child) > 1:
            raise UsageError(f"{path}: link {child!r} has several parents; a tree is expected")
    check_links(root, {joint.child for joint in joints.values() if joint.kind != "fixed"}, path)
    return Urdf(path, links, joints)


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    if len(raw) > MAX_BYTES:
        raise UsageError(f"{path}: {len(raw)} bytes; at most {MAX_BYTES} are allowed")
    return raw


def _parse(path: Path, raw: bytes) -> ElementTree.Element:
    try:
        text = raw.decode("utf-8-sig")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:  # the way to external files and to billion laughs
            raise UsageError(f"{path}: DOCTYPE and ENTITY are not allowed in a URDF")
        return ElementTree.fromstring(text)  # noqa: S314 (a str without DOCTYPE has no entities but XML's five)
    except (ElementTree.ParseError, ValueError) as error:
        raise UsageError(f"{path}: not XML in UTF-8: {error}") from None


def _joint(element: ElementTree.Element, path: Path) -> Joint:
    name = element.get("name", "")
    where = f"{path}: joint {name!r}"
    kind, limit = element.get("type", ""), element.find("limit")
    if kind not in KINDS:
        raise UsageError(f"{where}: type={kind!r}: one of {', '.join(KINDS)} is expected")
    for attribute in LIMITS if kind in ("revolute", "prismatic") else ():
        if limit is None or limit.get(attribute) is None:
            raise UsageError(f"{where}: limit {attribute}: missing; a {kind} joint has {', '.join(LIMITS)}")
    lower = number(limit, "lower", -NO_LIMIT, f"{where}: limit lower")
    upper = number(limit, "upper", NO_LIMIT, f"{where}: limit upper")
    if lower > upper:
        raise UsageError(f"{where}: limit: lower {lower} above upper {upper}")
    origin = element.find("origin")
    rotation = from_rpy(vector(origin, "rpy", (0.0, 0.0, 0.0), where))
    axis = vector(element.find("axis"), "xyz", (1.0, 0.0, 0.0), where)
    length = np.linalg.norm(axis)
    if length < 1e-9:
        raise UsageError(f"{where}: axis: a vector other than zero is expected")
    return Joint(
        name=name,
        kind=kind,
        parent=_link(element, "parent", where),
        child=_link(element, "child", where),
        origin=transform(rotation, vector(origin, "xyz", (0.0, 0.0, 0.0), where)),
        axis=axis / length,
        lower=lower,
        upper=upper,
        velocity=number(limit, "velocity", NO_LIMIT, f"{where}: limit velocity"),
        effort=number(limit, "effort", NO_LIMIT, f"{where}: limit effort"),
    )


def _link(element: ElementTree.Element, tag: str, where: str) -> str:
    child = element.find(tag)
    if child is None or not child.get("link"):
        raise UsageError(f'{where}: <{tag} link="…"> is missing')
    return child.get("link", "")
