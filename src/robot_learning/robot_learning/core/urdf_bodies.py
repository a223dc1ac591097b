"""Reads the collision bodies of a URDF file: which simple shape each link has where."""

from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.rotations import from_rpy, transform
from robot_learning.core.types import Array
from robot_learning.core.urdf import read_urdf
from robot_learning.core.urdf_values import lengths, vector

SIZES = {"sphere": {"radius": 1}, "cylinder": {"radius": 1, "length": 1}, "box": {"size": 3}}  # how many numbers, by kind and attribute


class Body(NamedTuple):
    """One shape of one link; a cylinder's axis is z."""

    link: str
    kind: str  # "sphere", "cylinder" or "box"
    size: Array  # m; sphere (radius,), cylinder (radius, length), box (x, y, z)
    pose: Array  # (4, 4), in the link's frame


def read_bodies(path: Path) -> list[Body]:
    """All collision bodies in the file's order; UsageError with file and link for what is not a sphere, a cylinder or a box."""
    read_urdf(path)  # a tree of links in safe XML, each with sizes and places that can be
    root = ElementTree.fromstring(path.read_text(encoding="utf-8-sig"))
    return [
        _body(element, link.get("name", ""), f"{path}: link {link.get('name')!r}: collision")
        for link in root.findall("link")
        for element in link.findall("collision")
    ]


def _body(element: ElementTree.Element, link: str, where: str) -> Body:
    (shape,) = element.findall("geometry/*")
    if shape.tag not in SIZES:
        raise UsageError(f"{where}: {shape.tag}: one of {', '.join(SIZES)} is expected")
    origin = element.find("origin")
    xyz, rpy = (vector(origin, name, (0.0, 0.0, 0.0), f"{where}: origin") for name in ("xyz", "rpy"))
    size = np.concatenate([lengths(shape, name, count, where) for name, count in SIZES[shape.tag].items()])
    return Body(link, shape.tag, size, transform(from_rpy(rpy), xyz))
