"""colcon's view of the package; pip uses the pyproject.toml at the top of the repository."""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

PACKAGE = "robot_learning"
NODES = ("simulator", "episode_manager", "local_controller", "perception", "policy", "safety_gate", "guard", "recorder", "learner")
FOLDERS = ("config", "launch", "urdf")  # relative links to the folders at the top of the repository


def files_of(folder: str) -> list[tuple[str, list[str]]]:
    """Every file below the link `folder`, for share/robot_learning/<folder>."""
    if not Path(folder).is_dir():
        raise SystemExit(f"src/{PACKAGE}/{folder} is a link to ../../{folder}, which is missing: copy the whole repository, not only src/")
    found: dict[str, list[str]] = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found.setdefault(f"share/{PACKAGE}/{path.parent}", []).append(str(path))
    return list(found.items())


setup(
    name=PACKAGE,
    version=ElementTree.parse("package.xml").findtext("version"),
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={PACKAGE: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        *(entry for folder in FOLDERS for entry in files_of(folder)),
    ],
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},  # without it `colcon test` runs nothing and reports success
    zip_safe=True,
    entry_points={
        "console_scripts": [
            "robot-learning = robot_learning.entry:main",
            *(f"{node} = robot_learning.nodes.{node}:main" for node in NODES),
        ]
    },
)
