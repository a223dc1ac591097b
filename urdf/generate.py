"""Writes urdf/<robot>.urdf and urdf/meshes/ from the numbers in urdf/tables/ (run it after every change there).

    python urdf/generate.py          # writes
    python urdf/generate.py --check  # exit 1 if what is committed differs

Inertias. A motor's rotor turns many times faster than its joint, so it resists as r = gear² × its own inertia, more than most
links of these arms do. It is added to its link as a massless disc, diag(r/2, r/2, r) about the joint axis (z of the link's frame): a
real body's tensor obeys the triangle inequality (no principal moment above the sum of the other two). Inertia about z alone
would not, and Bullet then prints "Bad inertia tensor" and silently sets the link's inertia to zero.

Tensors are written in their principal axes: Bullet turns others there itself, but only to about 1e-6. The root's is not: Bullet's
inverse dynamics take a root's inertial frame for the direction of gravity.

Collision bodies are capsules, written as a cylinder and two spheres: URDF itself has no capsule.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import permutations
from math import pi
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import numpy as np
import yaml
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
from loft import MATERIALS, obj_text  # noqa: E402

HERE = Path(__file__).parent
ROBOTS = ("fr3", "fer", "ur5", "ur5e")
ALONG = {"x": (0.0, 0.5, 0.0), "y": (-0.5, 0.0, 0.0), "z": (0.0, 0.0, 0.0)}  # rpy / pi that turns z to the axis
Table = dict[str, Any]
Array = NDArray[np.float64]


def read_table(robot: str) -> Table:
    """The numbers of one robot, with those that it shares with others filled in."""
    table: Table = yaml.safe_load((HERE / "tables" / f"{robot}.yaml").read_text())
    shared = yaml.safe_load((HERE / "tables" / table["shared"]).read_text()) if "shared" in table else {"links": {}}
    own = table["links"]
    names = [*shared["links"], *(name for name in own if name not in shared["links"])]
    table["links"] = {name: {**(shared["links"].get(name) or {}), **(own.get(name) or {})} for name in names}
    table["meshes"] = table["shared"].removesuffix(".yaml") if "shared" in table else robot
    return table


def urdf_text(table: Table) -> str:
    """The URDF file of one robot."""
    root = xml.Element("robot", name=table["robot"])
    for name, rgba in MATERIALS.items():
        xml.SubElement(xml.SubElement(root, "material", name=name), "color", rgba=rgba)
    for name, link in table["links"].items():
        _link(root, table, name, link)
        if "joint" in link:
            _joint(root, table["prefix"], name, link)
    xml.indent(root, "  ")
    head = "<?xml version='1.0' encoding='utf-8'?>\n<!-- Made by urdf/generate.py from urdf/tables/; change those. -->\n"
    return head + xml.tostring(root, encoding="unicode") + "\n"


def _link(root: xml.Element, table: Table, name: str, link: Table) -> None:
    element = xml.SubElement(root, "link", name=table["prefix"] + name)
    rotor = table["rotor_inertia"] if link.get("joint", {}).get("type") == "revolute" else 0.0
    _inertial(element, link.get("inertial"), rotor, turn="joint" in link)
    for material in link.get("visuals", {}):
        visual = xml.SubElement(element, "visual")
        geometry = xml.SubElement(visual, "geometry")
        xml.SubElement(geometry, "mesh", filename=f"meshes/{table['meshes']}/{name}_{material}.obj")
        xml.SubElement(visual, "material", name=material)
    for capsule in link.get("capsules", []):
        end = np.eye(3)["xyz".index(capsule["axis"])] * capsule["length"] / 2
        center = np.array(capsule["center"], dtype=float)
        radius = _text(capsule["radius"])
        if capsule["length"] > 0:
            shape = _collision(element, center, ALONG[capsule["axis"]])
            xml.SubElement(shape, "cylinder", radius=radius, length=_text(capsule["length"]))
        for offset in (-end, end) if capsule["length"] > 0 else (end,):
            xml.SubElement(_collision(element, center + offset, (0.0, 0.0, 0.0)), "sphere", radius=radius)
    for box in link.get("boxes", []):
        shape = _collision(element, np.array(box["center"], dtype=float), (0.0, 0.0, 0.0))
        xml.SubElement(shape, "box", size=_text(*box["size"]))


def _collision(element: xml.Element, xyz: Array, rpy_pi: Sequence[float]) -> xml.Element:
    collision = xml.SubElement(element, "collision")
    _origin(collision, np.round(xyz, 9), rpy_pi)
    return xml.SubElement(collision, "geometry")


def _inertial(element: xml.Element, inertial: Table | None, rotor: float, turn: bool) -> None:
    """Frames without a body are given mass 0: Bullet takes a missing inertial for 1 kg."""
    inertial = inertial or {"mass": 0.0, "com": [0, 0, 0], "inertia": [0] * 6}
    xx, xy, xz, yy, yz, zz = inertial["inertia"]
    own = _rotation_of_pi(inertial.get("rpy_pi", (0.0, 0.0, 0.0)))
    tensor = own @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]], dtype=float) @ own.T
    tensor, rpy = tensor + np.diag([rotor / 2, rotor / 2, rotor]), np.zeros(3)
    if turn:
        tensor, rpy = principal_axes(tensor)
    tag = xml.SubElement(element, "inertial")
    xml.SubElement(tag, "origin", xyz=_text(*inertial["com"]), rpy=_text(*rpy))
    xml.SubElement(tag, "mass", value=_text(inertial["mass"]))
    entries = {"ixx": (0, 0), "ixy": (0, 1), "ixz": (0, 2), "iyy": (1, 1), "iyz": (1, 2), "izz": (2, 2)}
    xml.SubElement(tag, "inertia", {key: _text(tensor[place]) for key, place in entries.items()})


def principal_axes(tensor: Array) -> tuple[Array, Array]:
    """The diagonal tensor (3, 3) and the roll, pitch, yaw (3,) of its axes, as near to x, y, z as they come.

    Rounded to what another machine's eigenvectors share with this one's: 1e-10 rad.
    """
    if np.array_equal(tensor, np.diag(np.diag(tensor))):
        return tensor, np.zeros(3)
    moments, axes = np.linalg.eigh(tensor)
    order = max(permutations(range(3)), key=lambda order: sum(abs(axes[i, k]) for i, k in enumerate(order)))
    axes = axes[:, order] * np.sign(np.diag(axes[:, order]))
    if np.linalg.det(axes) < 0:
        axes[:, np.argmin(np.diag(axes))] *= -1
    roll, pitch = np.arctan2(axes[2, 1], axes[2, 2]), np.arctan2(-axes[2, 0], np.hypot(axes[0, 0], axes[1, 0]))
    rpy = np.array([roll, pitch, np.arctan2(axes[1, 0], axes[0, 0])])
    return np.diag(np.round(moments[list(order)], 15)), np.round(rpy, 10)


def _rotation_of_pi(rpy_pi: Sequence[float]) -> Array:
    """Exact for the quarter turns that occur in tables."""
    quarters = [round(2 * part) for part in rpy_pi]
    if any(quarter != 2 * part for quarter, part in zip(quarters, rpy_pi, strict=True)):
        raise ValueError(f"rpy_pi {rpy_pi}: an inertial's frame may be turned by quarters only")
    cos, sin = ([(1, 0, -1, 0)[q % 4] for q in quarters], [(0, 1, 0, -1)[q % 4] for q in quarters])
    x = np.array([[1, 0, 0], [0, cos[0], -sin[0]], [0, sin[0], cos[0]]])
    y = np.array([[cos[1], 0, sin[1]], [0, 1, 0], [-sin[1], 0, cos[1]]])
    z = np.array([[cos[2], -sin[2], 0], [sin[2], cos[2], 0], [0, 0, 1]])
    product: Array = z @ y @ x
    return product


def _joint(root: xml.Element, prefix: str, child: str, link: Table) -> None:
    joint = link["joint"]
    element = xml.SubElement(root, "joint", name=prefix + joint["name"], type=joint["type"])
    _origin(element, joint["xyz"], joint["rpy_pi"])
    xml.SubElement(element, "parent", link=prefix + joint["parent"])
    xml.SubElement(element, "child", link=prefix + child)
    if joint["type"] != "fixed":
        lower, upper, velocity, effort = (_text(value) for value in link["limit"])
        xml.SubElement(element, "axis", xyz=_text(*joint.get("axis", (0, 0, 1))))
        xml.SubElement(element, "limit", lower=lower, upper=upper, velocity=velocity, effort=effort)


def _origin(element: xml.Element, xyz: Array, rpy_pi: Sequence[float]) -> None:
    xml.SubElement(element, "origin", xyz=_text(*xyz), rpy=_text(*(part * pi for part in rpy_pi)))


def _text(*values: float) -> str:
    return " ".join(np.format_float_positional(round(float(value), 18) + 0.0, trim="-") for value in values)


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file with its content."""
    for robot in ROBOTS:
        table = read_table(robot)
        yield HERE / f"{robot}.urdf", urdf_text(table)
        for name, link in table["links"].items():
            for material, shapes in link.get("visuals", {}).items():
                yield HERE / "meshes" / table["meshes"] / f"{name}_{material}.obj", obj_text(shapes)


def main() -> int:
    """Write, or compare; the exit code."""
    stale = [path for path, text in files() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        print("\n".join(f"{path} is not what urdf/generate.py makes" for path in stale) or "urdf/ is up to date")
        return 1 if stale else 0
    for path, text in files():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    print(f"{len(stale)} files changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
