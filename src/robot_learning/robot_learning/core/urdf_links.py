"""Checks what the links of a URDF are made of. A physics engine would load the rest, warn at most, and compute something else."""

from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.urdf_values import lengths, number, vector

SIZES = {"box": {"size": 3}, "cylinder": {"radius": 1, "length": 1}, "capsule": {"radius": 1, "length": 1}, "sphere": {"radius": 1}}
ROUNDING = 1e-6  # of the largest principal moment of inertia: how far the other two may fall short of it


def check_links(root: Element, moved: set[str], path: Path) -> None:
    """UsageError names the first link that no rigid body has: its inertia, an origin, a size or a mesh. `moved`: links behind a joint."""
    for link in root.findall("link"):
        name = link.get("name", "")
        where = f"{path}: link {name!r}"
        _check_inertial(link.find("inertial"), name in moved, where)
        for part in (*link.findall("visual"), *link.findall("collision")):
            _check_origin(part, f"{where}: {part.tag}")
            _check_geometry(part.findall("geometry/*"), f"{where}: {part.tag}", path.parent)


def _check_inertial(inertial: Element | None, moved: bool, where: str) -> None:
    """Mass and principal moments: above 0 for what a joint moves, as physics engines divide by them; 0 will do for a fixed frame."""
    if inertial is None:
        if moved:
            raise UsageError(f"{where}: <inertial> is missing; what a joint moves has a mass above 0 and moments of inertia")
        return
    _check_origin(inertial, f"{where}: inertial")
    _quantity(inertial.find("mass"), "mass", "value", moved, where)
    inertia = inertial.find("inertia")
    xx, yy, zz = (_quantity(inertia, "inertia", name, moved, where) for name in ("ixx", "iyy", "izz"))
    xy, xz, yz = (number(inertia, name, 0.0, f"{where}: inertia {name}") for name in ("ixy", "ixz", "iyz"))
    least, middle, most = np.linalg.eigvalsh(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    if least < -ROUNDING * most or (moved and least <= 0.0) or least + middle < (1.0 - ROUNDING) * most:
        raise UsageError(
            f"{where}: inertia: principal moments {least:.6g}, {middle:.6g} and {most:.6g}: "
            f"{'numbers above 0' if moved else 'numbers of 0 or above'} are expected, none larger than the sum of the other two"
        )


def _quantity(element: Element | None, tag: str, attribute: str, moved: bool, where: str) -> float:
    value = number(element, attribute, 0.0, f"{where}: {tag} {attribute}")
    if value < 0.0 or (value == 0.0 and moved):
        raise UsageError(f"{where}: {tag} {attribute}={value:g}: a number {'above 0' if moved else 'of 0 or above'} is expected")
    return value


def _check_origin(element: Element, where: str) -> None:
    for attribute in ("xyz", "rpy"):
        vector(element.find("origin"), attribute, (0.0, 0.0, 0.0), f"{where}: origin")


def _check_geometry(shapes: list[Element], where: str, folder: Path) -> None:
    if len(shapes) != 1 or shapes[0].tag not in (*SIZES, "mesh"):
        found = ", ".join(shape.tag for shape in shapes) or "nothing"
        raise UsageError(f"{where}: geometry: {found}: one of {', '.join(SIZES)} and mesh is expected")
    (shape,) = shapes
    for attribute, count in SIZES.get(shape.tag, {}).items():
        lengths(shape, attribute, count, where)
    if shape.tag == "mesh":
        name = shape.get("filename", "")
        if not (folder / name.rpartition("://")[2]).is_file():
            raise UsageError(f"{where}: mesh {name!r}: no such file; a path relative to {folder} is expected")
        if not np.all(vector(shape, "scale", (1.0, 1.0, 1.0), f"{where}: mesh")):  # negative ones are mirrored
            raise UsageError(f"{where}: mesh: scale={shape.get('scale')!r}: three numbers other than 0 are expected")
