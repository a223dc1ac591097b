"""The simulated arm behind the robot's topics, with the safety gate before it.

ros2 launch robot_learning sim.launch.py robot:=fr3 task:=reach clock:=realtime
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from robot_learning.run.graph import BACKENDS, CLOCKS, PACKAGE, graph
from robot_learning.run.surroundings import chosen_domain, surroundings

ARGUMENTS = {
    "robot": ("fr3", "name in config/robots", None),
    "task": ("reach", "name in config/tasks", None),
    "clock": ("realtime", "lockstep waits for one command per step; realtime does not", CLOCKS),
    "backend": ("sim", "where the robot is; without sim there is no simulator", BACKENDS),
    "cameras": ("", "names in config/cameras, with commas between them", None),
}


def start(context: LaunchContext) -> list[Node]:
    values = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    others = {"cameras": values.pop("cameras")}
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
        for spec in graph("sim", **values, others=others)
    ]


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=meaning, choices=choices)
        for name, (default, meaning, choices) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])
