"""The controllers of ros2_control as the simulated robot has them: what they take, refuse, latch and let go.

Forward controllers take one value per joint: another number of values is an error that deactivates the controller (it then
commands zero velocity or effort, or holds the last position) until the robot is reset; a message with a value that is not
finite is dropped; there is no timeout, the last command stays. One controller has the joints at a time; a command to another
one switches to it, because the simulated robot has no controller_manager.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Literal, NamedTuple

from robot_learning.core.joint_trajectory import InvalidTrajectory, JointTrajectory, Point, accept
from robot_learning.robots.description import Robot

Values = tuple[float, ...]


class Setpoint(NamedTuple):
    """What the joints should do in this physics step."""

    kind: Literal["effort", "velocity", "position"]
    values: Values  # (n,), N·m without gravity, rad/s or rad
    velocities: Values = ()  # (n,), rad/s: of a moving position; empty: at rest


class RobotControllers:
    """All controllers of one robot and its own watchdog.

    Times are nanoseconds on the robot's clock, refusals one line of text ("" is accepted).
    """

    def __init__(self, robot: Robot, watchdog_s: float = 0.0) -> None:
        """`watchdog_s`: without a forward command for so long the robot stops itself (UR: 0.04 s, Franka: 0.02 s); 0 is off."""
        self._joints = robot.joints
        self._modes = robot.modes
        self._default = robot.command_mode
        self._watchdog_ns = round(watchdog_s * 1e9)
        self._zero = (0.0,) * len(robot.joints)
        self.reset(self._zero)

    def reset(self, positions: Sequence[float]) -> None:
        """Activate all controllers; the default one has the joints and no command yet."""
        self._inactive: dict[str, str] = {}
        self._trajectory: JointTrajectory | None = None
        self._commanded_ns: int | None = None
        self.stopped = ""
        self._setpoint = self._at_rest(self._default, positions)

    def _at_rest(self, mode: str, positions: Sequence[float]) -> Setpoint:
        if mode == "effort":
            return Setpoint("effort", self._zero)
        return Setpoint("velocity", self._zero) if mode == "velocity" else Setpoint("position", tuple(map(float, positions)))

    def activate(self, mode: str, positions: Sequence[float]) -> str:
        """Give the joints to the controller of a mode, whatever happened to it before; it has no command yet. Returns why not, or ""."""
        if mode not in self._modes:
            return f"this robot has no controller for {mode!r}; there is {', '.join(self._modes)}"
        self.reset(positions)
        self._setpoint = self._at_rest(mode, positions)
        return ""

    def deactivate(self, reason: str, positions: Sequence[float]) -> None:
        """Take the joints from all controllers: zero velocity or effort, or the measured position, until one is activated."""
        kind = "position" if self._trajectory is not None else self._setpoint.kind
        self._inactive = dict.fromkeys(self._modes, f"no controller is active: {reason}")
        self._trajectory, self._commanded_ns = None, None
        self._setpoint = self._at_rest(kind, positions)

    def command(self, mode: str, values: Sequence[float], now_ns: int) -> str:
        """A message on the topic of the forward controller of `mode`."""
        refusal = self._refusal(mode)
        if refusal:
            return refusal
        if len(values) != len(self._zero):
            reason = f"{len(values)} values for {len(self._zero)} joints: {self._modes[mode].controller} is deactivated"  # type: ignore[index]
            self._inactive[mode] = reason
            if self._setpoint.kind == mode != "position" and self._trajectory is None:
                self._setpoint = Setpoint(self._setpoint.kind, self._zero)
            return reason
        values = tuple(map(float, values))
        if not all(map(isfinite, values)):
            return "a value is not finite: the message is dropped"
        self._setpoint = Setpoint(mode, values)  # type: ignore[arg-type]
        self._trajectory = None
        self._commanded_ns = now_ns
        return ""

    def trajectory(
        self,
        names: Sequence[str],
        points: Sequence[Point],
        start_ns: int | None,
        now_ns: int,
        measured: tuple[Sequence[float], Sequence[float]],
    ) -> str:
        """A message on the topic of the joint trajectory controller; `start_ns` None: now; `measured` positions and velocities."""
        refusal = self._refusal("trajectory")
        if refusal:
            return refusal
        try:
            self._trajectory = accept(names, points, start_ns, self._joints, now_ns, measured)
        except InvalidTrajectory as error:
            return f"{error}: the message is dropped"
        self._commanded_ns = None  # a trajectory ends by itself
        return ""

    def _refusal(self, mode: str) -> str:
        if mode not in self._modes:
            return f"this robot has no controller for {mode!r}; there is {', '.join(self._modes)}"
        return self.stopped or self._inactive.get(mode, "")

    def setpoint(self, now_ns: int, positions: Sequence[float]) -> Setpoint:
        """What the joints should do now; `positions` are the measured ones."""
        if self._trajectory is not None:
            return Setpoint("position", *self._trajectory.sample(now_ns))
        if self._watchdog_ns and self._commanded_ns is not None and now_ns - self._commanded_ns > self._watchdog_ns:
            self.stopped = f"the robot stopped itself: no command for {self._watchdog_ns * 1e-9:g} s"
            self._commanded_ns = None
            self._setpoint = Setpoint("position", tuple(map(float, positions)))
        return self._setpoint
