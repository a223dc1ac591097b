"""The package as it is installed: one version, links, launch files, executables, complete locks, a floor under the test count."""

import ast
import os
import re
import runpy
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path
from xml.etree import ElementTree

import pytest

from robot_learning.run.graph import GRAPHS, NODES

TOP = Path(__file__).resolve().parents[1]
PACKAGE = TOP / "src" / "robot_learning"
INTERFACES = TOP / "src" / "robot_learning_interfaces"
LOCKS = [TOP / "requirements" / f"{mode}.lock" for mode in ("wheel", "sourced")]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())


def pins(lock: Path) -> dict[str, str]:
    lines = [line for line in lock.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_one_version_everywhere() -> None:
    versions = {ElementTree.parse(folder / "package.xml").findtext("version") for folder in (PACKAGE, INTERFACES)}
    assert versions == {PROJECT["project"]["version"]}
    assert f"## {PROJECT['project']['version']}" in (TOP / "CHANGELOG.md").read_text()


def test_licence_is_the_same_everywhere() -> None:
    assert {ElementTree.parse(folder / "package.xml").findtext("license") for folder in (PACKAGE, INTERFACES)} == {"Apache-2.0"}
    assert "Apache License" in (TOP / "LICENSE").read_text()


@pytest.mark.parametrize(("link", "target"), [("launch", "launch"), ("config", "config"), ("urdf", "urdf"), ("test", "tests")])
def test_links_lead_to_the_folders_at_the_top(link: str, target: str) -> None:
    assert os.readlink(PACKAGE / link) == f"../../{target}"
    assert (PACKAGE / link).resolve() == TOP / target


def test_the_top_is_not_a_ros_package() -> None:
    assert not (TOP / "package.xml").exists()
    assert not (TOP / "setup.py").exists()


def test_every_interface_file_is_built() -> None:
    cmake = (INTERFACES / "CMakeLists.txt").read_text()
    kinds = {path.parent.name for path in INTERFACES.glob("*/*.*")}
    assert kinds == {"msg", "srv", "action"}
    assert all(f"{kind}/*.{kind}" in cmake for kind in kinds)


def nodes_of_setup() -> tuple[str, ...]:
    tree = ast.parse((PACKAGE / "setup.py").read_text())
    return next(
        ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "NODES"
    )


def test_every_node_of_the_graph_is_an_executable() -> None:
    assert set(nodes_of_setup()) == set(NODES)
    assert {name for names in GRAPHS.values() for name in names} <= set(NODES)


@pytest.mark.parametrize("node", NODES)
def test_every_executable_has_its_main(node: str) -> None:
    tree = ast.parse((PACKAGE / "robot_learning" / "nodes" / f"{node}.py").read_text())
    assert any(isinstance(part, ast.FunctionDef) and part.name == "main" for part in tree.body)


def test_the_command_line_has_its_main() -> None:
    assert PROJECT["project"]["scripts"]["robot-learning"] == "robot_learning.entry:main"
    tree = ast.parse((PACKAGE / "robot_learning" / "entry.py").read_text())
    assert any(isinstance(part, ast.FunctionDef) and part.name == "main" for part in tree.body)


@pytest.mark.parametrize("path", sorted((TOP / "launch").glob("*.launch.py")), ids=lambda path: path.name)
def test_launch_files_compile_and_are_short(path: Path) -> None:
    text = path.read_text()
    compile(text, str(path), "exec")
    assert len(text.splitlines()) <= 80
    assert any(f'graph("{kind}"' in text for kind in GRAPHS)
    tree = ast.parse(text)
    assert [part.name for part in tree.body if isinstance(part, ast.FunctionDef)][-1] == "generate_launch_description"


def test_there_are_launch_files() -> None:
    assert {path.name for path in (TOP / "launch").glob("*.launch.py")} >= {"sim.launch.py", "learn.launch.py"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_locks_pin_every_package_once_and_torch_first(lock: Path) -> None:
    lines = [line for line in lock.read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in lines)
    names = [normalized(line.split("==")[0]) for line in lines]
    assert len(names) == len(set(names))
    assert lines[0].startswith("torch==")


def test_the_sourced_lock_holds_nothing_that_ros_brings() -> None:
    wheel, sourced = map(pins, LOCKS)
    brought = {"numpy", "PyYAML", "empy", "lark-parser", "catkin-pkg"}
    assert [name for name in sourced if name.startswith("ros-")] == []
    assert brought.isdisjoint(sourced)
    assert brought <= set(wheel)
    assert {name: version for name, version in sourced.items() if wheel.get(name) != version} == {}


def test_the_locks_hold_every_dependency() -> None:
    wheel = {normalized(name) for name in pins(LOCKS[0])}
    wanted = PROJECT["project"]["dependencies"] + [line for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines]
    names = {normalized(re.split(r"[<>=! \[]", line)[0]) for line in wanted}
    assert names <= wheel


@pytest.mark.skipif("ROS_DISTRO" in os.environ, reason="in sourced mode the installed ROS adds packages of its own")
def test_what_is_installed_is_what_is_locked() -> None:
    wheel = {normalized(name): version for name, version in pins(LOCKS[0]).items()}
    installed = {normalized(found.name): found.version.split("+")[0] for found in distributions() if found.name}
    assert {name: installed.get(name) for name in wheel} == wheel


@pytest.mark.parametrize(("passed", "bad", "floor", "code"), [(3, 0, 3, 0), (3, 0, 4, 1), (0, 0, 1, 1), (2, 2, 3, 1)])
def test_too_few_passed_tests_fail(tmp_path: Path, passed: int, bad: int, floor: int, code: int) -> None:
    cases = "<testcase/>" * passed + "<testcase><skipped/></testcase>" * bad
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    command = [sys.executable, str(TOP / "tools" / "test_floor.py"), str(floor)]
    assert subprocess.run([*command, str(report)], capture_output=True, check=False).returncode == code


def test_a_missing_report_fails(tmp_path: Path) -> None:
    command = [sys.executable, str(TOP / "tools" / "test_floor.py"), "0"]
    assert subprocess.run([*command, str(tmp_path / "none.xml")], capture_output=True, check=False).returncode == 1
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_the_makefile_uses_the_floor() -> None:
    text = (TOP / "Makefile").read_text()
    floors = {name: int(value) for name, value in re.findall(r"^(\w+_FLOOR) := (\d+)$", text, re.MULTILINE)}
    assert floors.keys() == {"UNIT_FLOOR", "ROS_FLOOR"}
    assert all(value > 0 for value in floors.values())
    assert "tools/workspace.sh $(UNIT_FLOOR)" in text
    assert "tools/test_floor.py $(ROS_FLOOR) build/check/ros.xml" in text
    assert re.search("^test: lint workspace ros$", text, re.MULTILINE)


def test_the_builders_paths_are_rewritten_once(tmp_path: Path) -> None:
    fix = runpy.run_path(str(TOP / "tools" / "fix_cmake_paths.py"))["fix"]
    export = tmp_path / "share" / "x" / "x.cmake"
    export.parent.mkdir(parents=True)
    builder = "/opt/python/cp311-cp311"
    export.write_text(f'A "{builder}/include/python3.11;{builder}/lib/python3.11/site-packages/numpy/_core/include;/opt/other"')
    assert fix(tmp_path) == 1
    folders = export.read_text().split('"')[1].split(";")
    assert [Path(folder).exists() for folder in folders] == [True, True, False]
    assert folders[2] == "/opt/other"
    assert fix(tmp_path) == 0


@pytest.mark.parametrize(
    ("environment", "said"),
    [({"PYTHON": "no-such-python"}, "no usable Python"), ({"ROS_DISTRO": "humble"}, "Jazzy or later"), ({"ROS_DISTRO": "jazzy"}, "rclpy")],
)
def test_a_mode_that_cannot_work_ends_with_2_and_one_line(environment: dict[str, str], said: str, tmp_path: Path) -> None:
    if environment.get("ROS_DISTRO") == "jazzy":  # sourced, but its Python has no rclpy
        fake = tmp_path / "python3"
        fake.write_text("#!/bin/sh\nexit 1\n")
        fake.chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    result = subprocess.run([str(TOP / "tools" / "mode.sh")], env={"PATH": path} | environment, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert said in result.stderr
