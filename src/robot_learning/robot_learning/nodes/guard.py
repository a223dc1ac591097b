"""The guard: a second process that watches the safety gate and takes the joints from its controllers when the gate falls silent.

Forward controllers of ros2_control keep their last command for ever. So a gate that dies or hangs while it commands a velocity or an
effort would leave the robot moving; nobody but a process of its own can see that. The law is in safety/watch.py.
"""

import sys

from rclpy.qos import QoSProfile
from robot_learning_interfaces.msg import GateHeartbeat, GuardStatus
from robot_learning_interfaces.srv import SetCommandMode
from std_srvs.srv import Trigger

from robot_learning.nodes import parameters, qos
from robot_learning.nodes.command_modes import MESSAGES, NONE, Controllers, OfSimulator, controllers
from robot_learning.nodes.spin import GraphNode, run, steady_ns
from robot_learning.run.notices import tell
from robot_learning.run.robots import load_robot
from robot_learning.safety.watch import Watch

PERIOD_NS = 5_000_000
STATUS_NS = 100_000_000
HEARTBEATS = QoSProfile(depth=1, reliability=qos.STATE_READER.reliability)  # the newest one is all that counts


class Guard(GraphNode):
    """Heartbeats in; the robot's controllers are switched off when they stop."""

    period_ns = PERIOD_NS

    def __init__(self) -> None:
        super().__init__("guard")
        given = parameters.declare(self, "robot", optional=("backend",))
        self._robot = load_robot(given.robot)
        self._watch = Watch()
        self._told_ns = 0
        found = controllers(self, self._robot, given.backend)
        self._controllers: Controllers | None = found
        if found is None:  # without its status the gate refuses the modes that need a guard
            return
        self._status = self.create_publisher(GuardStatus, "/guard/status", qos.LATCHED)
        self.create_subscription(GateHeartbeat, "/safety_gate/heartbeat", self._on_heartbeat, HEARTBEATS)
        self.create_service(Trigger, "/guard/reset", self._on_reset)
        if not isinstance(self._controllers, OfSimulator):  # there the robot itself answers
            self.create_service(SetCommandMode, "/set_command_mode", self._on_mode)
        self._report()

    def _on_heartbeat(self, message: GateHeartbeat) -> None:
        self._watch.beat(message.moving, steady_ns())

    def tick(self, now_ns: int) -> None:
        """Every 5 ms: is the gate still there?"""
        if self._controllers is None:
            self.period_ns = 0
            tell(f"the package {MESSAGES} is not installed: nobody can switch the robot's controllers off, only trajectories are allowed")
            return
        before = self._watch.tripped
        if self._watch.due(now_ns):
            self._controllers.switch(NONE, self._watch.tripped)
        if self._watch.tripped != before:
            self.get_logger().error(f"stop: {self._watch.tripped}")
            self._report()
        elif now_ns - self._told_ns > STATUS_NS:
            self._report()

    def _on_reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.message = self._watch.reset(steady_ns())
        response.success = not response.message
        if response.success and self._controllers is not None:
            self._controllers.forget()
            self._report()
        return response

    def _on_mode(self, request: SetCommandMode.Request, response: SetCommandMode.Response) -> SetCommandMode.Response:
        if self._watch.tripped and request.mode != NONE:
            response.message = f"stopped: {self._watch.tripped}; call /guard/reset first"
        elif self._controllers is not None:
            response.message = self._controllers.switch(request.mode, request.reason)
        response.ok = not response.message
        return response

    def _report(self) -> None:
        self._told_ns = steady_ns()
        watching, reason = self._watch.watching(self._told_ns), self._watch.tripped
        message = GuardStatus(watching=watching, stopped=bool(reason), reason=reason)
        message.header.stamp = self.get_clock().now().to_msg()
        self._status.publish(message)


def main() -> None:
    """Console entry."""
    sys.exit(run(Guard))


if __name__ == "__main__":
    main()
