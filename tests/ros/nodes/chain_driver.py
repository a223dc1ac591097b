"""Plays the episode manager for simulator, local_controller and safety_gate, and watches their topics; prints one line of JSON.

Run by test_lockstep_chain.py in a process of its own. Arguments: the horizon and the number of episodes; "--light" watches nothing
but the joint states, for measurements.
"""

import hashlib
import json
import sys
import time

import numpy as np
import rclpy
from rclpy.experimental import EventsExecutor
from rclpy.node import Node
from robot_learning_interfaces.msg import EpisodeStatus, JointCommand
from robot_learning_interfaces.srv import FinishEpisode, LoadController, PrepareEpisode
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from robot_learning.core.types import LinearGaussian
from robot_learning.data.messages import VersionedController
from robot_learning.nodes import messages, qos
from robot_learning.nodes.matching import WAITING
from robot_learning.run.robots import load_chain, load_robot
from robot_learning.run.tasks import load_task
from robot_learning.tasks.conditions import draw
from robot_learning.tasks.state import state_dim

DEADLINE_S = 20.0
NODES = ("simulator", "local_controller", "safety_gate")


def start_controller(robot, dx: int, horizon: int) -> LinearGaussian:  # noqa: ANN001
    """A PD controller at home, the same at every step."""
    n = len(robot.joints)
    config = robot.modes[robot.command_mode]
    K = np.zeros((horizon, n, dx))
    K[:, range(n), range(n)] = -np.array(config.stiffness)
    K[:, range(n), range(n, 2 * n)] = -np.array(config.damping)
    k = np.tile(np.array(config.stiffness) * np.array(robot.home), (horizon, 1))
    return LinearGaussian(K, k, np.tile(0.1 * np.eye(n), (horizon, 1, 1)))


class Driver(Node):
    def __init__(self, horizon: int, light: bool) -> None:
        super().__init__("driver")
        self.robot, self.task, self.horizon = load_robot("fr3"), load_task("reach"), horizon
        self.condition = draw(self.task, self.robot, load_chain(self.robot), "train", 1, 0)[0]
        self.states: list[JointState] = []
        self.commands: list[JointCommand] = []
        self.outputs: list[Float64MultiArray] = []
        self.status = self.create_publisher(EpisodeStatus, "/episode_status", qos.LATCHED)
        self.create_subscription(JointState, self.robot.joint_states_topic, self.states.append, qos.RECORDER_READER)
        self.watched = [self.robot.joint_states_topic]
        if not light:
            self.create_subscription(JointCommand, "/joint_command", self.commands.append, qos.RECORDER_READER)
            topic = self.robot.modes[self.robot.command_mode].topic
            self.create_subscription(Float64MultiArray, topic, self.outputs.append, qos.RECORDER_READER)
            self.watched += ["/joint_command", topic]
        self.prepare = {node: self.create_client(PrepareEpisode, f"/{node}/prepare") for node in NODES}
        self.finish = {node: self.create_client(FinishEpisode, f"/{node}/finish") for node in NODES}
        self.load = self.create_client(LoadController, "/local_controller/load")
        self.events = EventsExecutor()
        self.events.add_node(self)

    def until(self, done, seconds: float = DEADLINE_S) -> bool:  # noqa: ANN001
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                return False
            self.events.spin_once(timeout_sec=0.02)
        return True

    def answers(self, clients, request) -> dict:  # noqa: ANN001
        futures = {name: client.call_async(request) for name, client in clients.items()}
        assert self.until(lambda: all(f.done() for f in futures.values())), "no answer"
        return {name: future.result() for name, future in futures.items()}

    def ask(self, clients, request) -> dict:  # noqa: ANN001
        answers = self.answers(clients, request)
        assert all(a.ok for a in answers.values()), [a.message for a in answers.values()]
        return answers

    def prepared(self, request) -> bool:  # noqa: ANN001
        said = [answer.message for answer in self.answers(self.prepare, request).values()]
        assert all(not text or text.startswith(WAITING) for text in said), said
        return not any(said)

    def ready(self) -> None:
        clients = [*self.prepare.values(), *self.finish.values(), self.load]
        assert self.until(lambda: all(c.service_is_ready() for c in clients)), "a service is missing"
        assert self.until(lambda: all(self.count_publishers(topic) for topic in self.watched)), "a topic is missing"
        dx = state_dim(self.task, len(self.robot.joints))
        value = VersionedController("pd", 3, start_controller(self.robot, dx, self.horizon))
        self.ask({"load": self.load}, LoadController.Request(controller=messages.to_linear_gaussian(value)))

    def episode(self, name: str) -> dict:
        for seen in (self.states, self.commands, self.outputs):
            seen.clear()
        request = PrepareEpisode.Request(episode=name, robot="fr3", task="reach", horizon=self.horizon, seed=7, noise=True)
        request.controller, request.id, request.version = "local", "pd", 3
        request.condition = messages.to_condition(self.condition)
        while not self.prepared(request):
            pass
        start = time.perf_counter()
        self.status.publish(EpisodeStatus(episode=name, state="running", horizon=self.horizon))
        whole = self.until(lambda: len(self.states) > self.horizon)
        wall = time.perf_counter() - start
        answers = self.ask(self.finish, FinishEpisode.Request(episode=name, ending="time"))
        pairs = zip(self.states, self.commands, strict=False)
        return {
            "whole": whole,
            "wall": wall,
            "states": len(self.states),
            "commands": len(self.commands),
            "outputs": len(self.outputs),
            "answered": all(messages.stamp_ns(s.header.stamp) == messages.stamp_ns(c.header.stamp) for s, c in pairs),
            "steps": [c.step for c in self.commands],
            "hash": hashlib.sha256(b"".join(s.position.tobytes() for s in self.states)).hexdigest(),
            "counts": {node: messages.counts(answer) for node, answer in answers.items()},
        }


def main() -> None:
    rclpy.init()
    driver = Driver(int(sys.argv[1]), "--light" in sys.argv)
    driver.ready()
    print(json.dumps([driver.episode(f"e{index}") for index in range(int(sys.argv[2]))]))


if __name__ == "__main__":
    main()
