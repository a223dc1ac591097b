"""Why the gate must stop although its own commands are in order: everything that others say or do."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from robot_learning_interfaces.msg import GuardStatus
from std_msgs.msg import Bool

from robot_learning.nodes import qos
from robot_learning.nodes.spin import steady_ns
from robot_learning.robots.description import Robot, StatusTopic
from robot_learning.safety.robot_status import RobotStatus

GUARD_NS = 500_000_000  # after so long without word that it watches the guard does not
INTRUDER = "somebody else publishes on"


class Stops:
    """Listens to /safety/stop, the guard and the robot's own status, and looks for other publishers on the robot's command topics.

    `needs_guard`: whether the gate's mode is dangerous without it. `heartbeat_s`: how often at least /safety/stop must be heard, 0 is
    never. `real`: whether there is a robot whose status counts. `changed` is called when a reason may have come or gone.
    """

    def __init__(
        self, node: Node, robot: Robot, topic: str, needs_guard: bool, heartbeat_s: float, real: bool, changed: Callable[[], None]
    ) -> None:
        """`topic`: of the robot's command topics the one on which the gate itself publishes."""
        self._node, self._topic, self._changed = node, topic, changed
        self._topics = sorted({mode.topic for mode in robot.modes.values()})  # whoever commands the robot uses one of them
        self._asked, self._heartbeat_ns, self._asked_ns = False, round(heartbeat_s * 1e9), steady_ns()
        self._needs_guard, self._guard_ns, self._guard = needs_guard, -GUARD_NS, ""
        node.create_subscription(Bool, "/safety/stop", self._on_stop, qos.LATCHED)
        node.create_subscription(GuardStatus, "/guard/status", self._on_guard, qos.LATCHED)
        self.notices: list[str] = []  # for whoever started the gate: what it cannot watch here
        self._robot = RobotStatus([one for one in robot.status if self._watch(one)] if real else [])

    def _watch(self, one: StatusTopic) -> bool:
        package, name = one.type.split("/")
        try:
            kind = getattr(import_module(f"{package}.msg"), name)
        except ImportError:
            self.notices.append(f"the package {package} is not installed: {one.topic} is not watched, {one.meaning} goes unnoticed")
            return False
        profile = qos.LATCHED if one.latched else QoSProfile(depth=1, reliability=qos.STATE_READER.reliability)
        self._node.create_subscription(kind, one.topic, partial(self._on_status, one), profile)
        return True

    def _on_status(self, one: StatusTopic, message: Any) -> None:
        self._robot.heard(one.topic, getattr(message, one.field))
        self._changed()

    def _on_stop(self, message: Bool) -> None:
        self._asked, self._asked_ns = message.data, steady_ns()
        self._changed()

    def _on_guard(self, message: GuardStatus) -> None:
        if message.watching:
            self._guard_ns = steady_ns()
        before, self._guard = self._guard, f"guard: {message.reason}" if message.stopped else ""
        if self._guard != before:
            self._changed()

    @property
    def latched(self) -> str:
        """Why the gate is stopped until this has ended; empty if nobody wants it to be."""
        intruded = next((topic for topic in self._topics if self._node.count_publishers(topic) > (topic == self._topic)), "")
        if self._asked:
            return "/safety/stop"
        return f"{INTRUDER} {intruded}" if intruded else self._guard

    @property
    def missing(self) -> str:
        """Why the gate must not be armed, and stops if it is: what has to be there is not."""
        now = steady_ns()
        if self._needs_guard and now - self._guard_ns > GUARD_NS:
            return "this mode of a real robot needs the guard, which does not watch"
        if self._heartbeat_ns and now - self._asked_ns > self._heartbeat_ns:
            return f"nobody is heard on /safety/stop for {self._heartbeat_ns * 1e-9:g} s"
        return self._robot.reason
