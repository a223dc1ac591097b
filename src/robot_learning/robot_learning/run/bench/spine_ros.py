"""What the way through the ROS graph costs, and that it changes nothing."""

import statistics
import tempfile
from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from robot_learning.data.bag_reader import Bag
from robot_learning.run import experiment, folder
from robot_learning.run.bench.figure import Reading
from robot_learning.run.bench.trial import IN_PROCESS, outcomes, trained
from robot_learning.run.train_command import Where, through_ros

NO_ROS = "no ROS 2 on this machine"


def no_ros() -> bool:
    """Whether the graph cannot run here."""
    return find_spec("rclpy") is None or find_spec("robot_learning_interfaces") is None


def ros_against_process(seed: int, quick: bool) -> Mapping[str, Reading]:
    """The same training in process and through the graph, in turns."""
    if no_ros():
        return {name: Reading(None, reason=NO_ROS) for name in ("ros_wall_ratio", "ros_equals_inprocess")}
    settings = ["evaluation.cameras=[]", f"iterations={1 if quick else 2}"]
    ways = {"process": IN_PROCESS, "ros": Where(), "ros_one_graph": Where(graphs=1)}
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for _ in range(1 if quick else 2):
        for way, contents in found.items():
            contents.append(trained("reach_state", seed, settings, ways[way]))
    walls = {way: [content["wall_s"] for content in contents] for way, contents in found.items()}
    ratio, one = (sum(walls[way]) / sum(walls["process"]) for way in ("ros", "ros_one_graph"))
    equal = all(outcomes(content) == outcomes(found["process"][0]) for contents in found.values() for content in contents)
    seconds = {way: contents[-1]["seconds"] for way, contents in found.items()}
    success = {way: contents[-1]["success"]["last"] for way, contents in found.items()}
    return {
        "ros_wall_ratio": Reading(ratio, {"one_graph_ratio": one, "wall_s": walls, "seconds": seconds}),
        "ros_equals_inprocess": Reading(float(equal), {"success": success}),
    }


def lockstep_episode(seed: int, quick: bool) -> Mapping[str, Reading]:
    """Wall time of the steps of episodes, as the episode manager's own messages in the bags tell it."""
    if no_ros():
        return {"lockstep_episode_s": Reading(None, reason=NO_ROS)}
    settings = [f"seed={seed}", "iterations=1", f"rollouts={5 if quick else 20}", "evaluation.film=0"]
    chosen = experiment.load("reach_local", settings)
    with tempfile.TemporaryDirectory(prefix="robot-learning-bench-") as place:
        run = folder.create(chosen, Path(place, "run"), datetime.now())
        through_ros(run, Where(graphs=1))
        seconds = [steps_s(Bag(path)) for path in sorted((run / "bags").iterdir())]
    quartiles = statistics.quantiles(seconds, n=4)
    detail = {"episodes": len(seconds), "least": min(seconds), "quartiles": quartiles, "most": max(seconds)}
    return {"lockstep_episode_s": Reading(statistics.median(seconds), detail)}


def steps_s(bag: Bag) -> float:
    """From the message that lets the steps begin to the one after the last joint state, in s."""
    began = ended = 0.0
    for message in bag.messages("/episode_status"):
        stamp = message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec
        if message.state == "running" and not began:
            began = stamp
        if message.state == "holding":
            ended = stamp
    return ended - began


def bit_equal(seed: int, quick: bool) -> Mapping[str, Reading]:
    """Two trainings through graphs of their own."""
    if no_ros():
        return {"lockstep_bit_equal": Reading(None, reason=NO_ROS)}
    settings = [f"iterations={1 if quick else 2}"]
    first, second = (trained("reach_local", seed, settings, Where()) for _ in range(2))
    return {"lockstep_bit_equal": Reading(float(outcomes(first) == outcomes(second)), {"costs": first["iterations"][-1]["costs"]})}
