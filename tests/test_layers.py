"""Who may import whom. Only nodes/ knows ROS; the rest is a library that runs anywhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[1] / "src" / "robot_learning" / "robot_learning"
LAUNCH = LIBRARY.parents[2] / "launch"
CORE_AND_BELOW = {"core", "models", "control", "data", "tasks"}
MAY_IMPORT = {
    "core": set(),
    "models": {"core"},
    "control": {"core", "robots.description"},
    "data": {"core"},
    "tasks": {"core", "robots.description"},
    "safety": {"core", "robots.description"},
    "robots": {"core", "tasks.description"},
    "planning": {"core", "robots", "safety", "tasks.description"},
    "algorithms": CORE_AND_BELOW,
    "run": {*CORE_AND_BELOW, "robots", "safety", "planning", "algorithms"},
    "nodes": {*CORE_AND_BELOW, "robots", "safety", "planning", "algorithms", "run"},
}
# The command line may start the learner, which is a node, in its own process; only when it is asked to.
LAZY = {("run", "nodes.learner")}
ROS = {"rclpy", "ament_index_python", "launch", "launch_ros", "rosidl_runtime_py", "builtin_interfaces", "robot_learning_interfaces"}
# They read what a graph is, and must start at once.
FOR_LAUNCH = {"robot_learning.run.graph", "robot_learning.run.surroundings"}
LIGHT = ("robot_learning.run.graph", "robot_learning.run.surroundings", "robot_learning.run.domains", "robot_learning.run.warden")
HEAVY = {"numpy", "torch", "pybullet", "yaml", "pydantic", "rich", "rclpy"}


def imports(tree: ast.AST, own: str) -> Iterator[tuple[str, bool]]:
    """(imported module, whether it is imported when this module is) for each import; `own` is this module's package."""
    inside = {id(node) for function in ast.walk(tree) if isinstance(function, ast.FunctionDef) for node in ast.walk(function)}
    for node in ast.walk(tree):
        at_once = id(node) not in inside
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, at_once
        elif isinstance(node, ast.ImportFrom):
            parent = ".".join(own.split(".")[: len(own.split(".")) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (parent, node.module)))
            yield module, at_once
            for alias in node.names:
                yield f"{module}.{alias.name}", at_once


def is_ros(module: str) -> bool:
    top = module.split(".")[0]
    return top in ROS or top.endswith(("_msgs", "_srvs"))


def violations(library: Path) -> list[str]:
    found = []
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).parts
        layer = parts[0]
        own = ".".join((library.name, *parts[:-1]))
        if len(parts) == 1:
            continue  # the package's own __init__
        for module, at_once in imports(ast.parse(path.read_text(encoding="utf-8")), own):
            if is_ros(module) and layer != "nodes":
                found.append(f"{'/'.join(parts)} imports {module}: only nodes/ may")
            ours = module.removeprefix(f"{library.name}.").split(".") if module.startswith(f"{library.name}.") else []
            if not ours or ours[0] == layer or ours[0] in MAY_IMPORT[layer] or ".".join(ours[:2]) in MAY_IMPORT[layer]:
                continue
            if not at_once and (layer, ".".join(ours[:2])) in LAZY:
                continue
            found.append(
                f"{'/'.join(parts)} imports {module}: {layer} may import {', '.join(sorted(MAY_IMPORT[layer])) or 'nothing of ours'}"
            )
    return found


def test_every_folder_has_its_rule() -> None:
    folders = {path.name for path in LIBRARY.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(MAY_IMPORT)


def test_nobody_imports_upwards() -> None:
    assert violations(LIBRARY) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("core/a.py", "from robot_learning.control import lqr"),
        ("core/a.py", "from ..control import lqr"),
        ("core/a.py", "import robot_learning.models.mlp"),
        ("algorithms/a.py", "import rclpy.node"),
        ("algorithms/a.py", "from robot_learning import robots"),
        ("run/a.py", "def f():\n    from sensor_msgs.msg import JointState"),
        ("run/a.py", "from robot_learning.nodes.learner import ThroughRos"),
        ("run/a.py", "def f():\n    from robot_learning.nodes import policy"),
        ("robots/a.py", "from robot_learning.tasks import cost"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, file: str, line: str) -> None:
    path = tmp_path / "robot_learning" / file
    path.parent.mkdir(parents=True)
    path.write_text(line)
    assert violations(tmp_path / "robot_learning") != []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("run/a.py", "def f():\n    from robot_learning.nodes.learner import ThroughRos"),
        ("robots/a.py", "from robot_learning.tasks.description import TaskConfig"),
        ("robots/a.py", "from robot_learning.robots import scene"),
        ("nodes/a.py", "import rclpy\nfrom robot_learning.run import config"),
    ],
)
def test_what_is_allowed_is_not_found(tmp_path: Path, file: str, line: str) -> None:
    path = tmp_path / "robot_learning" / file
    path.parent.mkdir(parents=True)
    path.write_text(line)
    assert violations(tmp_path / "robot_learning") == []


def test_package_markers_hold_a_docstring_only() -> None:
    for path in LIBRARY.rglob("__init__.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body), path


def test_launch_files_import_only_the_description_of_the_graph() -> None:
    for path in sorted(LAUNCH.glob("*.launch.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        ours = {
            node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and str(node.module).startswith("robot_learning")
        }
        assert ours <= FOR_LAUNCH, path
        others = {module.split(".")[0] for module, _ in imports(tree, "") if not module.startswith("robot_learning")}
        assert others <= {"launch", "launch_ros", "pathlib", "yaml"}, path


def reached(module: str, seen: set[str]) -> set[str]:
    """Everything that importing a module of ours imports at once, transitively through ours."""
    path = LIBRARY.parent.joinpath(*module.split(".")).with_suffix(".py")
    if module in seen or not path.is_file():
        return seen | {module}
    seen |= {module}
    for name, at_once in imports(ast.parse(path.read_text(encoding="utf-8")), module.rpartition(".")[0]):
        if at_once:
            seen |= reached(name, seen)
    return seen


@pytest.mark.parametrize("module", LIGHT)
def test_the_description_of_the_graph_imports_nothing_heavy(module: str) -> None:
    assert {name.split(".")[0] for name in reached(module, set())} & HEAVY == set()
