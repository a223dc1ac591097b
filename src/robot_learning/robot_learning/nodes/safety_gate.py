"""The safety gate as a process of its own: the only publisher on the robot's command topics. All laws are in safety/gate.py."""

import sys
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from robot_learning_interfaces.msg import GateHeartbeat, GateStatus, JointCommand
from robot_learning_interfaces.srv import FinishEpisode, PrepareEpisode
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from robot_learning.core.errors import UsageError
from robot_learning.core.types import Command
from robot_learning.data import cdr
from robot_learning.nodes import messages, parameters, qos
from robot_learning.nodes.matching import ACTORS, LISTENERS, SOMEBODY, unread, unwritten
from robot_learning.nodes.spin import GraphNode, run, steady_ns
from robot_learning.nodes.stops import Stops
from robot_learning.run.cells import load_barrier, load_cell
from robot_learning.run.notices import tell
from robot_learning.run.robots import load_robot
from robot_learning.run.silence import Silence
from robot_learning.run.tasks import load_task
from robot_learning.safety.cell import OPEN
from robot_learning.safety.gate import Gate, needs_guard
from robot_learning.safety.shaping import TRAJECTORY_PERIODS

RATE_HZ = 100.0  # of the outputs in realtime
STATUS_S = 0.1
DIAGNOSTICS_NS = 1_000_000_000
CAREFUL = 0.25  # of the velocity limits: where a real robot begins
AHEAD = 1.5  # periods: the joint state that follows the last one is one ahead, up to rounding
TEXT = 300  # characters of a refusal that go out with the status: it may quote whoever sent the command


class SafetyGate(GraphNode):
    """Joint states and commands in, limited commands out."""

    def __init__(self) -> None:
        super().__init__("safety_gate")
        given = parameters.declare(self, "robot", optional=("clock", "backend", "mode", "cell", "speed", "stop_heartbeat"))
        robot = load_robot(given.robot)
        self._lockstep, self._joints, self._name = given.clock == "lockstep", robot.joints, robot.name
        self._by_hand = given.backend == "real"  # an operator arms, once for each episode
        self._allowed = not self._by_hand
        speed = parameters.number(self, "speed", given.speed, 1.0 if given.backend == "sim" else CAREFUL, 0.01, 1.0)
        cell = given.cell or ("" if self._lockstep else OPEN)
        barrier = load_barrier(robot, load_cell(cell)) if cell else None
        self._gate = Gate(robot, given.clock, RATE_HZ, given.backend, given.mode, speed, barrier)
        self.period_ns = 0 if self._lockstep else round(1e9 / RATE_HZ)
        self._early: Command | None = None  # lockstep: it came before its joint state
        self._trajectory = self._gate.mode == "trajectory"
        self._topic = robot.modes[self._gate.mode].topic
        kind = JointTrajectory if self._trajectory else Float64MultiArray
        self._robot = self.create_publisher(kind, self._topic, qos.CONTROL_WRITER)
        self._status = self.create_publisher(GateStatus, "/safety_gate/status", qos.LATCHED)
        self._states = self.create_subscription(
            JointState, robot.joint_states_topic, self._on_state, qos.state_reader(given.clock), raw=True
        )
        self._commands = self.create_subscription(JointCommand, "/joint_command", self._on_command, qos.CONTROL_READER, raw=True)
        self._heartbeat = self.create_publisher(GateHeartbeat, "/safety_gate/heartbeat", qos.CONTROL_WRITER)
        self._beats = 0
        self.create_subscription(JointTrajectory, "/joint_trajectory_command", self._on_trajectory, qos.CONTROL_READER)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.CONTROL_WRITER)
        self._diagnosed_ns = 0
        self.create_service(PrepareEpisode, "/safety_gate/prepare", self._on_prepare)
        self.create_service(FinishEpisode, "/safety_gate/finish", self._on_finish)
        self.create_service(Trigger, "/safety_gate/arm", self._on_arm)
        self.create_timer(STATUS_S, self.guarded(self._on_timer), clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._reported: object = None
        heartbeat_s = parameters.number(self, "stop_heartbeat", given.stop_heartbeat, 0.0, 0.0, 3600.0)
        guarded = needs_guard(self._gate.mode, given.backend)
        self._stops = Stops(self, robot, self._topic, guarded, heartbeat_s, self._by_hand, self._apply_stop)
        self._refusal = ""  # why the last refused command since arming was refused
        self._silence = Silence(robot.joint_states_topic, steady_ns()) if given.backend != "sim" else None
        self._report()

    def _on_state(self, raw: bytes) -> None:
        try:
            state = cdr.joint_state(raw, self._joints)
        except messages.BadMessage as error:
            self._gate.count("bad_state")
            self._warn(f"joint state not used: {error}")
            return
        self._gate.observe(state, steady_ns())
        if self._early is not None and self._early.stamp_ns <= state.stamp_ns:
            command, self._early = self._early, None
            self._submit(command)

    def _on_command(self, raw: bytes) -> None:
        try:
            command = cdr.joint_command(raw, self._joints)
        except messages.BadMessage as error:
            self._refused(self._gate.refuse(error.kind, str(error)))
            return
        if self._comes_early(command):
            self._early = command
        else:
            self._submit(command)

    def _on_trajectory(self, message: JointTrajectory) -> None:
        """A whole trajectory; its frame_id says who sends it, a stamp other than 0 when it begins on the clock of this computer."""
        names, points, stamp = messages.trajectory(message)
        now = steady_ns()
        start = now + stamp - self.get_clock().now().nanoseconds if stamp else None
        if refusal := self._gate.submit_trajectory(names, points, start, message.header.frame_id, now):
            self._refused(refusal)

    def _comes_early(self, command: Command) -> bool:
        """Lockstep: whether it may answer a joint state that is still on its way to the gate; only the next one, and from one source."""
        ahead_s = (command.stamp_ns - self._gate.stamp_ns) * 1e-9
        mine = self._early is None or self._early.source == command.source
        return self._lockstep and mine and 0.0 < ahead_s < AHEAD * self._gate.period_s

    def _submit(self, command: Command) -> None:
        refusal = self._gate.submit(command, steady_ns())
        if refusal:
            self._refused(refusal)
        elif self._lockstep:
            self.tick(0)

    def _refused(self, why: str) -> None:
        if self._gate.armed:
            self._refusal = why[:TEXT]
        self._warn(f"command refused: {why}")

    def tick(self, now_ns: int) -> None:
        """One output, if there is one."""
        command = self._gate.output(now_ns)
        if not self._lockstep:
            self._beat()
        if command is None:
            return
        if self._trajectory:
            duration = round(TRAJECTORY_PERIODS * self._gate.period_s * 1e9)
            self._robot.publish(messages.to_trajectory(command.values, self._joints, duration))
        else:
            self._robot.publish(cdr.to_float_array(command.values))

    def _beat(self) -> None:
        message = GateHeartbeat(count=self._beats, moving=self._gate.moving, mode=self._gate.mode)
        message.header.stamp = self.get_clock().now().to_msg()
        self._heartbeat.publish(message)
        self._beats += 1

    def _apply_stop(self) -> None:
        reason = self._stops.latched or (self._stops.missing if self._gate.armed else "")
        if reason == self._gate.stopped:
            return
        if reason:
            self._gate.stop(reason)
            self.get_logger().error(f"stop: {reason}")
        else:
            self._gate.clear()
        self._allowed = not self._by_hand
        self._report()

    def _on_timer(self) -> None:
        while self._stops.notices:
            tell(self._stops.notices.pop(0))
        self._apply_stop()
        if self._reported != self._snapshot():
            self._report()
        if steady_ns() - self._diagnosed_ns >= DIAGNOSTICS_NS:
            self._diagnosed_ns = steady_ns()
            self._diagnose()
        if self._silence is not None and (text := self._silence.look(self._gate.stamp_ns, steady_ns())):
            tell(text)

    def _on_arm(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._allowed = not self._gate.stopped
        response.success, response.message = self._allowed, self._gate.stopped
        return response

    def _on_prepare(self, request: PrepareEpisode.Request, response: PrepareEpisode.Response) -> PrepareEpisode.Response:
        try:
            refusal = self._arm(request)
        except UsageError as error:
            refusal = str(error)
        response.ok, response.message = not refusal, refusal
        self._report()
        return response

    def _arm(self, request: PrepareEpisode.Request) -> str:
        if request.robot != self._name:
            return f"this is {self._name}, not {request.robot}"
        if self._gate.stopped:
            return f"stopped: {self._gate.stopped}"
        if not self._allowed:
            return "a real robot is armed by hand before each episode: call /safety_gate/arm"
        if missing := self._stops.missing:
            return missing
        readers = (SOMEBODY, *LISTENERS[:1] * request.record)
        waiting = unwritten(self._states) or unwritten(self._commands) or unread(self, self._topic, readers)
        if waiting:
            return waiting
        self._early, self._allowed, self._refusal = None, not self._by_hand, ""
        rate_hz = load_task(request.task).rate_hz if request.task else 0.0
        return self._gate.arm(steady_ns(), ACTORS.get(request.controller, ""), rate_hz)

    def _on_finish(self, request: FinishEpisode.Request, response: FinishEpisode.Response) -> FinishEpisode.Response:
        self._gate.disarm("not armed", steady_ns())
        self._refusal = ""
        messages.set_counts(response, self._gate.episode_counts())
        response.ok = True
        self._report()
        return response

    def _warn(self, text: str) -> None:
        self.get_logger().warning(text, throttle_duration_sec=1.0)

    def _snapshot(self) -> object:
        return self._gate.armed, self._reason(), dict(self._gate.counts)

    def _reason(self) -> str:
        """Why it is holding or refusing. In lockstep one refused command is enough: nothing may come after it."""
        reason, refusal = self._gate.reason, self._refusal
        if self._gate.armed:
            return f"a command was refused: {refusal}" if refusal and self._lockstep else ""
        return f"{reason} (last refused command: {refusal})" if refusal and not self._gate.stopped else reason

    def _report(self) -> None:
        self._reported = self._snapshot()
        stamp = self.get_clock().now().nanoseconds
        self._status.publish(messages.to_gate_status(self._gate.armed, self._reason(), self._gate.counts, stamp))

    def _diagnose(self) -> None:
        level = DiagnosticStatus.ERROR if self._gate.stopped else DiagnosticStatus.OK if self._gate.armed else DiagnosticStatus.WARN
        stamp, text = self.get_clock().now().nanoseconds, self._reason() or "commands pass"
        self._diagnostics.publish(messages.to_diagnostics("safety_gate", self._name, level, text, self._gate.counts, stamp))

    def close(self) -> None:
        """Brings the robot to rest: the hold, for as long as it is repeated after disarming."""
        if self._lockstep:
            return
        self._gate.disarm("the gate ends", steady_ns())
        while (now := steady_ns()) and self._gate.holding:
            self.tick(now)
            time.sleep(self.period_ns * 1e-9)


def main() -> None:
    """Console entry."""
    sys.exit(run(SafetyGate))


if __name__ == "__main__":
    main()
