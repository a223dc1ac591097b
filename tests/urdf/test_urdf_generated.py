"""The committed URDFs and meshes are what the generator makes, and its tables hold the makers' numbers."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from robot_learning.core.paths import share_dir
from robot_learning.core.rotations import from_rpy
from robot_learning.run.robots import load_robot

URDF = share_dir() / "urdf"
PUBLISHED = share_dir().parent / "shared" / "data" / "robots"
UR_LINKS = ("shoulder", "upper_arm", "forearm", "wrist_1", "wrist_2", "wrist_3")


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    path = URDF / "generate.py"
    if not path.is_file():
        pytest.skip("urdf/generate.py is not installed, only its output")
    spec = importlib.util.spec_from_file_location("urdf_generate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(URDF))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(URDF))
    return module


def test_committed_files_are_up_to_date(generate: ModuleType) -> None:
    made = dict(generate.files())
    stale = [str(path) for path, text in made.items() if not path.exists() or path.read_text() != text]
    assert not stale
    there = {*URDF.glob("*.urdf"), *URDF.glob("meshes/*/*.obj")}
    assert there == set(made)


def test_meshes_are_relative_there_and_low_poly() -> None:
    for path in sorted(URDF.glob("*.urdf")):
        meshes = 0
        for link in ElementTree.parse(path).getroot().findall("link"):
            names = [mesh.get("filename", "") for mesh in link.iter("mesh")]
            faces = sum((URDF / name).read_text().count("\nf ") for name in names)
            assert all(name.startswith("meshes/") and ".." not in name for name in names)
            assert faces < 300, (path.name, link.get("name"))
            meshes += len(names)
        assert meshes >= 7


@pytest.mark.parametrize("mesh", sorted(URDF.glob("meshes/*/*.obj")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_mesh_is_closed_and_faces_outwards(mesh: Path) -> None:
    lines = [line.split() for line in mesh.read_text().splitlines()]
    points = np.array([[float(x) for x in line[1:]] for line in lines if line[0] == "v"])
    normals = np.array([[float(x) for x in line[1:]] for line in lines if line[0] == "vn"])
    faces = np.array([[int(corner.split("/")[0]) - 1 for corner in line[1:]] for line in lines if line[0] == "f"])
    a, b, c = (points[faces[:, i]] for i in range(3))
    assert np.einsum("fi,fi->", a, np.cross(b, c)) / 6 > 1e-7  # the signed volume in m³ is that of a solid
    place = {tuple(point): i for i, point in enumerate(np.unique(points, axis=0))}
    corners = np.array([[place[tuple(points[i])] for i in face] for face in faces])
    edges = {(int(f[i]), int(f[(i + 1) % 3])) for f in corners for i in range(3)}
    assert all((end, start) in edges for start, end in edges)  # each edge has its counterpart: no hole
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1, atol=2e-4)
    assert np.all(np.einsum("fi,fi->f", np.cross(b - a, c - a), normals[faces[:, 0]]) > 0)


def published(*parts: str) -> Any:
    path = PUBLISHED.joinpath(*parts)
    if not path.is_file():
        pytest.skip(f"{'/'.join(parts)}: the makers' files are not there")
    yaml.SafeLoader.add_constructor("!degrees", lambda loader, node: np.deg2rad(float(loader.construct_scalar(node))))
    return yaml.safe_load(path.read_text())


def tensor(entries: dict[str, float], prefix: str = "") -> list[float]:
    return [float(entries[prefix + key]) for key in ("xx", "xy", "xz", "yy", "yz", "zz")]


@pytest.mark.parametrize("robot", ["fr3", "fer"])
def test_franka_tables_are_the_makers(generate: ModuleType, robot: str) -> None:
    links = generate.read_table(robot)["links"]
    inertials = published(f"franka_{robot}", "inertials.yaml") | published("franka_hand_inertials.yaml")
    for name, expected in inertials.items():
        found = links[name]["inertial"]
        assert found["mass"] == expected["mass"]
        assert found["com"] == [float(x) for x in expected["origin"]["xyz"].split()]
        assert [float(x) for x in found["inertia"]] == tensor(expected["inertia"])
    for number, expected in published(f"franka_{robot}", "kinematics.yaml").items():
        joint, place = links[f"link{number[5:]}"]["joint"], expected["kinematic"]
        assert joint["xyz"] == [place[axis] for axis in "xyz"]
        np.testing.assert_allclose(np.multiply(joint["rpy_pi"], np.pi), [place[a] for a in ("roll", "pitch", "yaw")], atol=1e-14)
    for number, expected in published(f"franka_{robot}", "joint_limits.yaml").items():
        assert links[f"link{number[5:]}"]["limit"] == [expected["limit"][key] for key in ("lower", "upper", "velocity", "effort")]


@pytest.mark.parametrize("robot", ["ur5", "ur5e"])
def test_ur_tables_are_the_makers(generate: ModuleType, robot: str) -> None:
    links = generate.read_table(robot)["links"]
    physical = published(robot, "physical_parameters.yaml")["inertia_parameters"]
    places = published(robot, "default_kinematics.yaml")["kinematics"]
    limits = published(robot, "joint_limits.yaml")["joint_limits"]
    for name in UR_LINKS:
        link, place = links[f"{name}_link"], places[name]
        assert link["inertial"]["mass"] == physical[f"{name}_mass"]
        assert link["inertial"]["com"] == [physical["center_of_mass"][f"{name}_cog"][axis] for axis in "xyz"]
        assert link["inertial"]["inertia"] == tensor(physical["tensor"][name], "i")
        turn = [physical["rotation"][name][key] for key in ("roll", "pitch", "yaw")]
        np.testing.assert_allclose(np.multiply(link["inertial"].get("rpy_pi", [0, 0, 0]), np.pi), turn, atol=1e-15)
        np.testing.assert_allclose(link["joint"]["xyz"], [place[axis] for axis in "xyz"], atol=3e-11)
        np.testing.assert_allclose(np.multiply(link["joint"]["rpy_pi"], np.pi), [place[a] for a in ("roll", "pitch", "yaw")], atol=3e-10)
        limit = limits[link["joint"]["name"]]
        expected = [limit[key] for key in ("min_position", "max_position", "max_velocity", "max_effort")]
        np.testing.assert_allclose(link["limit"], expected, rtol=1e-15)


@pytest.mark.parametrize("robot", ["fr3", "fer", "ur5", "ur5e"])
def test_tensor_in_the_file_is_the_tables_and_the_rotor(generate: ModuleType, robot: str) -> None:
    table = generate.read_table(robot)
    assert load_robot(robot).plant.rotor_inertia == table["rotor_inertia"]
    tree = ElementTree.parse(URDF / f"{robot}.urdf").getroot()
    for name, link in table["links"].items():
        inertial = tree.find(f"link[@name='{table['prefix']}{name}']/inertial")
        entries = inertial.find("inertia")
        turn = from_rpy(np.array([float(part) for part in inertial.find("origin").get("rpy").split()]))
        xx, xy, xz, yy, yz, zz = (float(entries.get(key)) for key in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz"))
        found = turn @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ turn.T
        xx, xy, xz, yy, yz, zz = link.get("inertial", {"inertia": [0] * 6})["inertia"]
        own = from_rpy(np.multiply(link.get("inertial", {}).get("rpy_pi", [0, 0, 0]), np.pi))
        expected = own @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ own.T
        if link.get("joint", {}).get("type") == "revolute":
            expected = expected + table["rotor_inertia"] * np.diag([0.5, 0.5, 1])
        np.testing.assert_allclose(found, expected, atol=1e-11)
