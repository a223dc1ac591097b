"""Everything that learning over topics needs, and the learner itself.

ros2 launch robot_learning learn.launch.py config_file:=config/experiments/reach_state.yaml run_dir:=runs/reach
"""

from pathlib import Path

import yaml
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from robot_learning.run.graph import BACKENDS, CLOCKS, PACKAGE, graph
from robot_learning.run.surroundings import chosen_domain, surroundings

ARGUMENTS = {
    "robot": ("", "name in config/robots; that of config_file, or fr3", None),
    "task": ("", "name in config/tasks; that of config_file, or reach", None),
    "mode": ("", "how the robot is commanded; that of config_file, or the robot's own", None),
    "clock": ("lockstep", "lockstep waits for one command per step; realtime does not", CLOCKS),
    "backend": ("sim", "where the robot is; without sim there is no simulator", BACKENDS),
    "cameras": ("", "names in config/cameras, with commas between them", None),
    "config_file": ("", "experiment file for the learner; empty: no learner, episodes are asked for by somebody else", None),
    "run_dir": ("runs/launch", "folder for bags and checkpoints", None),
}


def chosen(context: LaunchContext) -> dict[str, str]:
    values = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    defaults = {"robot": "fr3", "task": "reach"}
    if values["config_file"]:
        path = Path(values["config_file"]).absolute()
        values["config_file"] = str(path)
        defaults |= yaml.safe_load(path.read_text())  # the learner checks it
    return {name: value or str(defaults.get(name) or "") for name, value in values.items()}


def start(context: LaunchContext) -> list[Node]:
    values = chosen(context)
    others = {name: values.pop(name) for name in ("mode", "cameras", "config_file")}
    values["run_dir"] = str(Path(values["run_dir"]).absolute())
    return [
        Node(
            package=PACKAGE,
            executable=spec.executable,
            name=spec.name,
            parameters=[dict(spec.parameters)],
            additional_env=surroundings(chosen_domain()),
            output="screen",
            on_exit=Shutdown(reason=f"{spec.name} ended") if spec.essential else None,
        )
        for spec in graph("learn", **values, extra=("learner",) if others["config_file"] else (), others=others)
    ]


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=meaning, choices=choices)
        for name, (default, meaning, choices) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])
