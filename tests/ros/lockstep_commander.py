"""A scripted controller, gate and episode manager in one process; prints what it saw as one line of JSON.

Run by test_simulator.py, in a process of its own so that everything passes through DDS.
"""

import hashlib
import json
import struct
import sys
import time
from array import array
from collections.abc import Sequence

import rclpy
from rclpy.experimental import EventsExecutor
from rclpy.node import Node
from robot_learning_interfaces.msg import EpisodeStatus
from robot_learning_interfaces.srv import FinishEpisode, PrepareEpisode
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Float64MultiArray

from robot_learning.nodes.messages import stamp_ns, to_condition
from robot_learning.nodes.qos import CONTROL_READER, CONTROL_WRITER, LATCHED, RECORDER_READER
from robot_learning.run.config import named_file, read
from robot_learning.run.robots import load_chain, load_robot
from robot_learning.tasks.conditions import draw
from robot_learning.tasks.description import TaskConfig

DEADLINE_S = 20.0


def answer(step: int, home: Sequence[float], positions: Sequence[float], velocities: Sequence[float]) -> list[float]:
    """A PD law with a push that changes its sign every 10 steps, N·m."""
    push = 5.0 * (-1) ** (step // 10)
    return [8.0 * (q0 - q) - 3.0 * v + push for q0, q, v in zip(home, positions, velocities, strict=True)]


def packed(positions: Sequence[float], velocities: Sequence[float], efforts: Sequence[float]) -> bytes:
    """The bits of one joint state."""
    return struct.pack("21d", *positions, *velocities, *efforts)


class Commander(Node):
    """Answers every joint state with a PD command, after what `tricks` says."""

    def __init__(self, tricks: dict[int, list[list[float]]]) -> None:
        super().__init__("commander")
        self.robot = load_robot("fr3")
        self.task = read(TaskConfig, named_file("tasks", "reach"))
        self.condition = draw(self.task, self.robot, load_chain(self.robot), "train", 1, 0)[0]
        self.tricks = tricks
        self.states: list[bytes] = []
        self.stamps: list[int] = []
        self.queue: list[tuple[float, list[float]]] = []
        self.pictures: list[tuple[int, int]] = []
        self.infos: list[int] = []
        self.commands = self.create_publisher(Float64MultiArray, self.robot.modes["effort"].topic, CONTROL_WRITER)
        self.status = self.create_publisher(EpisodeStatus, "/episode_status", LATCHED)
        self.create_subscription(JointState, self.robot.joint_states_topic, self.on_state, CONTROL_READER)
        self.create_subscription(Image, "/front64/image_raw", self.on_image, RECORDER_READER)
        self.create_subscription(CameraInfo, "/front64/camera_info", lambda m: self.infos.append(stamp_ns(m.header.stamp)), RECORDER_READER)
        self.prepare = self.create_client(PrepareEpisode, "/simulator/prepare")
        self.finish = self.create_client(FinishEpisode, "/simulator/finish")
        self.executor_ = EventsExecutor()
        self.executor_.add_node(self)

    def on_state(self, message: JointState) -> None:
        self.states.append(packed(message.position, message.velocity, message.effort))
        self.stamps.append(stamp_ns(message.header.stamp))
        step = len(self.states) - 1
        torque = answer(step, self.robot.home, message.position, message.velocity)
        tricks = self.tricks.get(step, [])
        # one after the other: a reader of depth 1 sees only the last of several at once
        self.queue = [(time.monotonic() + 0.1 * index, values) for index, values in enumerate((*tricks, torque))]
        self.publish_due()

    def publish_due(self) -> None:
        while self.queue and time.monotonic() >= self.queue[0][0]:
            self.commands.publish(Float64MultiArray(data=array("d", self.queue.pop(0)[1])))

    def on_image(self, message: Image) -> None:
        self.pictures.append((stamp_ns(message.header.stamp), len(message.data)))

    def until(self, done, seconds: float = DEADLINE_S) -> bool:  # noqa: ANN001
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                return False
            self.executor_.spin_once(timeout_sec=0.05)
            self.publish_due()
        return True

    def call(self, client, request):  # noqa: ANN001, ANN201
        future = client.call_async(request)
        assert self.until(future.done), "no answer"
        return future.result()

    def episode(self, name: str, task: str, horizon: int, cameras: list[str], patience: float) -> dict:
        self.states, self.stamps, self.pictures, self.infos = [], [], [], []
        request = PrepareEpisode.Request(episode=name, robot="fr3", task=task, horizon=horizon, cameras=cameras)
        request.condition = to_condition(self.condition)
        answer = self.call(self.prepare, request)
        assert answer.ok, answer.message
        matched = [self.commands.get_subscription_count] + [lambda: self.count_publishers("/front64/image_raw")] * bool(cameras)
        assert self.until(lambda: all(count() for count in matched)), "no match"
        start = time.perf_counter()
        self.status.publish(EpisodeStatus(episode=name, state="running", horizon=horizon))
        whole = self.until(lambda: len(self.states) > horizon and len(self.pictures) >= (horizon + 1) * bool(cameras), patience)
        wall = time.perf_counter() - start
        finish = FinishEpisode.Request(episode=name, ending="time")
        answer = self.call(self.finish, finish)
        return {
            "whole": whole,
            "states": len(self.states),
            "hash": hashlib.sha256(b"".join(self.states)).hexdigest(),
            "stamps": self.stamps,
            "images": self.pictures,
            "infos": self.infos,
            "counts": dict(zip(answer.count_names, [int(c) for c in answer.counts], strict=True)),
            "wall": wall,
        }


def main() -> None:
    rclpy.init()
    script = json.loads(sys.argv[1])
    node = Commander({})
    assert node.prepare.wait_for_service(DEADLINE_S), "no simulator"
    results = []
    for index, episode in enumerate(script):
        node.tricks = {int(step): values for step, values in episode.get("tricks", {}).items()}
        results.append(
            node.episode(
                f"e{index}",
                episode.get("task", "reach"),
                episode["horizon"],
                episode.get("cameras", []),
                episode.get("patience", DEADLINE_S),
            )
        )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
