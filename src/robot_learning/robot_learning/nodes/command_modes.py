"""Who has the joints of a robot: switches the controller of a command mode on, or all of them off.

In simulation the simulator does it itself (service /set_command_mode); elsewhere controller_manager of ros2_control does.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from rclpy.node import Node
from robot_learning_interfaces.srv import SetCommandMode

from robot_learning.nodes.spin import steady_ns
from robot_learning.robots.description import Robot

NONE = "none"
BEST_EFFORT = 1  # controller_manager: switch what can be switched, a controller that is not there is no reason to keep another one
MESSAGES = "controller_manager_msgs"
SERVICE = "/controller_manager/switch_controller"


class Controllers(Protocol):
    """What the guard needs; nothing of it waits."""

    def switch(self, mode: str, reason: str) -> str:
        """Ask for a mode, until it is answered; asking again for the same is no second request. Returns what forbids it, or ""."""

    def forget(self) -> None:
        """The next request is a new one, also for the same mode."""


class Asked:
    """One request on its way: sent again when its answer does not come, since the guard may have just met the server."""

    def __init__(self, client: Any, again_ns: int = 50_000_000) -> None:
        self._client, self._again_ns = client, again_ns
        self._mode, self._sent_ns = "", 0
        self._future: Any = None

    def ask(self, mode: str, request: Any, now_ns: int) -> None:
        """Sends a request unless the same was answered, or was sent just now."""
        if mode == self._mode and (self.answered or now_ns - self._sent_ns < self._again_ns):
            return
        self._mode, self._sent_ns = mode, now_ns
        self._future = self._client.call_async(request)

    @property
    def answered(self) -> bool:
        """Whether the last request was granted."""
        return self._future is not None and self._future.done() and bool(getattr(self._future.result(), "ok", False))

    def forget(self) -> None:
        """No request was sent."""
        self._mode, self._future = "", None


class OfSimulator:
    """The simulator's own controllers."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._asked = Asked(node.create_client(SetCommandMode, "/set_command_mode"))

    def switch(self, mode: str, reason: str) -> str:
        """See Controllers."""
        self._asked.ask(mode, SetCommandMode.Request(mode=mode, reason=reason), steady_ns())
        return ""

    def forget(self) -> None:
        """See Controllers."""
        self._asked.forget()


class OfControllerManager:
    """The controllers of ros2_control on a real or mock robot."""

    def __init__(self, node: Node, robot: Robot) -> None:
        """The messages of controller_manager must be installed."""
        self._kind = import_module(f"{MESSAGES}.srv").SwitchController
        self._robot = robot
        self._asked = Asked(node.create_client(self._kind, SERVICE))

    def switch(self, mode: str, reason: str) -> str:
        """See Controllers."""
        if mode != NONE and mode not in self._robot.modes:
            return f"mode {mode!r}: {self._robot.name} has {', '.join(self._robot.modes)}, {NONE}"
        wanted = [] if mode == NONE else [self._robot.modes[mode].controller]  # type: ignore[index]
        others = sorted({config.controller for config in self._robot.modes.values()} - set(wanted))
        request = self._kind.Request(activate_controllers=wanted, deactivate_controllers=others, strictness=BEST_EFFORT, activate_asap=True)
        self._asked.ask(mode, request, steady_ns())
        return ""

    def forget(self) -> None:
        """See Controllers."""
        self._asked.forget()


def controllers(node: Node, robot: Robot, backend: str) -> Controllers | None:
    """Those of the place where the robot is; None if nobody here can switch them."""
    if backend == "sim":
        return OfSimulator(node)
    return OfControllerManager(node, robot) if find_spec(MESSAGES) is not None else None
