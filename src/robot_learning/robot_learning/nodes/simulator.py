"""The node `simulator`: a PyBullet arm behind the topics and controllers of a ros2_control robot."""

import sys
from functools import partial
from typing import Any

from robot_learning_interfaces.msg import EpisodeStatus
from robot_learning_interfaces.srv import FinishEpisode, PrepareEpisode, SetCommandMode
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from robot_learning.core.errors import UsageError
from robot_learning.data import cdr
from robot_learning.data.decode import object_topic
from robot_learning.nodes.matching import ACTORS, LISTENERS, unread
from robot_learning.nodes.messages import BadMessage, condition, set_counts, trajectory
from robot_learning.nodes.only_robot import OnlyRobot
from robot_learning.nodes.parameters import declare
from robot_learning.nodes.qos import CONTROL_READER, LATCHED
from robot_learning.nodes.simulated_topics import SimulatedTopics
from robot_learning.nodes.spin import GraphNode, run, steady_ns
from robot_learning.robots.bullet_arm import BulletArm
from robot_learning.robots.description import Mode
from robot_learning.run.robots import load_robot, urdf_path
from robot_learning.run.tasks import load_task
from robot_learning.tasks.description import TaskConfig

REALTIME_HZ = 120  # of the joint states in realtime
MAX_LAG_S = 0.1  # in realtime: what the physics does not catch up
SECOND = 1_000_000_000


class Simulator(GraphNode):
    """Realtime: physics on the steady clock, stamps of the wall clock. Lockstep: one physics tick per command, time of its own."""

    def __init__(self) -> None:
        """Load the robot and offer its topics."""
        super().__init__("simulator")
        only = OnlyRobot(self)
        parameters = declare(self, "robot", optional=("task", "clock", "cameras"))
        self._robot = load_robot(parameters.robot)
        self._lockstep = parameters.clock == "lockstep"
        self._task = load_task(parameters.task) if parameters.task else None
        self._arm = self._new_arm()
        self._start_ns = 0  # in lockstep: the stamp of the episode's first joint state
        self._episode, self._running, self._steps, self._horizon, self._substeps = "", False, 0, 0, 0
        self._counts = {"simulator.commands": 0, "simulator.refused": 0}
        only.begin(self._robot.joint_states_topic)
        self._topics = SimulatedTopics(self, self._robot, with_clock=self._lockstep)
        self._topics.objects(self._arm.objects())
        self._cameras = [name for name in parameters.cameras.split(",") if name]
        self._topics.cameras(self._cameras)
        for mode, config in self._robot.modes.items():
            kind = JointTrajectory if mode == "trajectory" else Float64MultiArray
            self.create_subscription(kind, config.topic, partial(self._on_command, mode), CONTROL_READER, raw=mode != "trajectory")
        self.create_service(PrepareEpisode, "~/prepare", self._on_prepare)
        self.create_service(FinishEpisode, "~/finish", self._on_finish)
        self.create_service(SetCommandMode, "/set_command_mode", self._on_mode)
        if self._lockstep:
            self.create_subscription(EpisodeStatus, "/episode_status", self._on_status, LATCHED)
        else:
            self.period_ns = SECOND // REALTIME_HZ
            self._origin_ns, self._done, self._ticks = steady_ns(), 0, 0

    def _new_arm(self) -> BulletArm:
        return BulletArm(self._robot, urdf_path(self._robot), self._task, watchdog=not self._lockstep)

    def _on_prepare(self, request: Any, response: Any) -> Any:
        """Reset to the condition; in lockstep the first joint state waits for the episode to run."""
        self._running = False
        try:
            response.message = self._prepare(request)
        except (UsageError, BadMessage) as error:
            self._episode = ""
            response.ok, response.message = False, str(error)
            return response
        response.ok = not response.message
        self._episode = request.episode if response.ok else ""
        return response

    def _unread(self, request: Any, objects: list[str]) -> str:
        """Who in the chain is not known yet to read the joint states or the objects' poses; in realtime the next one will do."""
        actor = [ACTORS[request.controller]] if self._lockstep and request.controller in ACTORS else []
        others = LISTENERS * request.record
        found = unread(self, self._robot.joint_states_topic, (*actor, *["safety_gate"] * len(actor), *others))
        seen = [unread(self, object_topic(name), (*actor, *others)) for name in objects if self._lockstep]
        return next(filter(None, (found, *seen)), "")

    def _prepare(self, request: Any) -> str:
        if request.robot != self._robot.name:
            raise UsageError(f"simulator: the robot here is {self._robot.name!r}, not {request.robot!r}")
        start, last_ns = condition(request.condition), self._stamp_ns()
        task = load_task(request.task)
        self._substeps = self._substeps_of(task)
        self._horizon = request.horizon or task.horizon
        objects = [one.name for one in task.objects]
        self._topics.objects(objects)
        if waiting := self._unread(request, objects):
            return waiting
        if task != self._task:
            self._task = task
            self._arm.close()
            self._arm = self._new_arm()
        self._steps, self._counts = 0, dict.fromkeys(self._counts, 0)
        self._topics.cameras(self._cameras + list(request.cameras))
        self._arm.reset(start)
        self._start_ns = (last_ns // SECOND + 2) * SECOND  # lockstep: every episode begins at a whole second, after a gap
        self._topics.target(start.target, self._stamp_ns())
        return ""

    def _substeps_of(self, task: TaskConfig) -> int:
        substeps = round(self._arm.physics_hz / task.rate_hz)
        if self._lockstep and abs(substeps * task.rate_hz - self._arm.physics_hz) > 1e-9:
            raise UsageError(f"task {task.name}: rate_hz {task.rate_hz:g}: in lockstep it must divide {self._arm.physics_hz}")
        return substeps

    def _on_finish(self, request: Any, response: Any) -> Any:
        response.ok = request.episode == self._episode
        response.message = "" if response.ok else f"simulator: the episode here is {self._episode!r}"
        if response.ok:
            self._running, self._episode = False, ""
            set_counts(response, self._counts)
        return response

    def _on_mode(self, request: Any, response: Any) -> Any:
        response.message = self._arm.set_mode(request.mode, request.reason)
        response.ok = not response.message
        return response

    def _on_status(self, status: Any) -> None:
        """In lockstep the manager's "running" brings the first joint state."""
        if status.state == "running" and status.episode == self._episode != "" and not self._running and self._steps == 0:
            self._running = True
            self._topics.look_for_readers()
            self._topics.state(self._arm, self._stamp_ns())

    def _on_command(self, mode: Mode, message: Any) -> None:
        if self._lockstep and not self._running:
            return
        self._counts["simulator.commands"] += 1
        refusal = self._send_trajectory(message) if mode == "trajectory" else self._send(mode, message)
        if refusal:
            self._counts["simulator.refused"] += 1
            self.get_logger().warning(f"{self._robot.modes[mode].topic}: {refusal}", throttle_duration_sec=1.0)
        elif self._lockstep:
            self._step()

    def _send(self, mode: Mode, raw: bytes) -> str:
        try:
            values = cdr.float_array(raw)
        except BadMessage as error:
            return f"{error}: the message is dropped"
        return self._arm.send(mode, values)

    def _send_trajectory(self, message: Any) -> str:
        names, points, stamp = trajectory(message)
        return self._arm.send_trajectory(names, points, self._arm.time_ns + stamp - self._stamp_ns() if stamp else None)

    def _step(self) -> None:
        """One tick of lockstep; after the horizon time stands still."""
        self._arm.step(self._substeps)
        self._steps += 1
        self._running = self._steps < self._horizon
        self._topics.state(self._arm, self._stamp_ns())

    def tick(self, now_ns: int) -> None:
        """Realtime: the physics up to now."""
        hz = self._arm.physics_hz
        due = (now_ns - self._origin_ns) * hz // SECOND - self._done
        self._done += due
        self._arm.step(min(due, round(MAX_LAG_S * hz)))
        if self._ticks % REALTIME_HZ == 0:
            self._topics.look_for_readers()
        cameras = [name for name, rate in self._topics.rates().items() if self._ticks % max(1, round(REALTIME_HZ / rate)) == 0]
        self._ticks += 1
        self._topics.state(self._arm, self._stamp_ns(), cameras)

    def _stamp_ns(self) -> int:
        return self._start_ns + self._arm.time_ns if self._lockstep else int(self.get_clock().now().nanoseconds)

    def close(self) -> None:
        """Free the physics."""
        self._arm.close()


def main() -> None:
    """Run the node."""
    sys.exit(run(Simulator))


if __name__ == "__main__":
    main()
