"""What the nodes that command have in common: prepare, observe, answer, finish. Which action to take is left to them.

lockstep: every joint state between prepare and finish is answered once, until the horizon is reached; in a task with objects as soon
as their poses of the same stamp are there, too.
realtime: from EpisodeStatus "running" on, the latest joint state is answered at the task's rate; no joint state is answered twice, and
none without recent poses of the objects.
"""

from functools import partial
from typing import Any

from robot_learning_interfaces.msg import EpisodeStatus, JointCommand
from robot_learning_interfaces.srv import FinishEpisode, PrepareEpisode
from sensor_msgs.msg import JointState

from robot_learning.core.errors import UsageError
from robot_learning.core.types import JointState as State
from robot_learning.data import cdr
from robot_learning.nodes import messages, parameters, qos
from robot_learning.nodes.matching import LISTENERS, SOMEBODY, unread, unwritten
from robot_learning.nodes.object_poses import ObjectPoses
from robot_learning.nodes.spin import GraphNode, steady_ns
from robot_learning.run.actor import Act, Actor, exploration
from robot_learning.run.robots import load_chain, load_robot
from robot_learning.run.tasks import load_task
from robot_learning.safety.gate import command_mode
from robot_learning.tasks.description import TaskConfig
from robot_learning.tasks.state import state_dim

STALE_NS = 100_000_000  # on the steady clock; an older joint state is not answered


class ActorNode(GraphNode):
    """A node that answers joint states with commands during episodes."""

    def __init__(self, name: str, *optional: str) -> None:
        """`optional`: further parameters of the node, found in `given`."""
        super().__init__(name)
        self.given = parameters.declare(self, "robot", optional=("clock", "backend", "mode", "task", *optional))
        if self.given.task:
            load_task(self.given.task)  # so that a wrong name is noticed at once
        self.robot = load_robot(self.given.robot)
        self._chain = load_chain(self.robot)
        self.mode = command_mode(self.robot, self.given.backend, self.given.mode)
        self._lockstep = self.given.clock == "lockstep"
        self._actor: Actor | None = None
        self._episode = ""
        self._request = PrepareEpisode.Request()
        self._step = 0
        self._state: State | None = None
        self._state_ns = 0
        self._answered = -1  # stamp of the last joint state that was answered
        self._due = False  # realtime: the next joint state is to be answered as soon as it comes
        self._counts: dict[str, int] = {}
        self._commands = self.create_publisher(JointCommand, "/joint_command", qos.CONTROL_WRITER)
        self._states: Any = None
        bad = partial(self.count, "bad_object_pose")
        self._objects = ObjectPoses(self, self.robot.base_link, self.given.clock, self._on_object, bad)
        if not self._lockstep:
            self._listen()
        self.create_subscription(EpisodeStatus, "/episode_status", self._on_status, qos.LATCHED)
        self.create_service(PrepareEpisode, f"/{name}/prepare", self._on_prepare)
        self.create_service(FinishEpisode, f"/{name}/finish", self._on_finish)

    def _listen(self) -> None:
        """Subscribes to the joint states. In lockstep only when an episode is prepared: each of them would wake a node that never acts."""
        if self._states is None:
            profile = qos.state_reader(self.given.clock)
            self._states = self.create_subscription(JointState, self.robot.joint_states_topic, self._on_state, profile, raw=True)

    def choose(self, request: PrepareEpisode.Request, task: TaskConfig) -> tuple[Act, str]:
        """How to act in an episode, and id:version of what acts. UsageError is the answer if that is not loaded."""
        raise NotImplementedError

    def counts(self) -> dict[str, int]:
        """What else to report at the end of an episode."""
        return {}

    def ended(self) -> None:
        """Called when no command follows any more, after an episode or before the next one is prepared."""

    def fits(self, what: str, task: TaskConfig, state: int, action: int) -> None:
        """UsageError unless something with these dimensions can act for this robot in this task."""
        joints = len(self.robot.joints)
        expected = state_dim(task, joints)
        if (state, action) != (expected, joints):
            raise UsageError(f"{what}: {state} states, {action} actions; {self.robot.name} in {task.name} has {expected} and {joints}")

    @property
    def acting(self) -> bool:
        """Whether an episode is prepared or running."""
        return self._actor is not None

    def _on_prepare(self, request: PrepareEpisode.Request, response: PrepareEpisode.Response) -> PrepareEpisode.Response:
        self._end()
        try:
            if request.robot != self.robot.name:
                raise UsageError(f"this is {self.robot.name}, not {request.robot}")
            task = load_task(request.task)
            act, identity = self.choose(request, task)
            condition = messages.condition(request.condition)
            self._noise = exploration(request.seed, request.horizon, len(self.robot.joints), request.noise)
        except (UsageError, messages.BadMessage) as error:
            response.message = f"{self.get_name()}: {error}"
            return response
        self._listen()
        watched = [self._states, *self._objects.listen(task)]
        if self._lockstep:
            self._state = None  # one of the last episode has nothing to do with the poses of this one
        response.message = next(filter(None, map(unwritten, watched)), "") or unread(
            self, "/joint_command", (SOMEBODY, *LISTENERS * request.record)
        )
        if response.message:
            return response
        self._actor = Actor(self.robot, self._chain, task, condition, act, f"{self.get_name()} {identity}", self.mode)
        self._request, self._task, self._step, self._counts = request, task, 0, {"ticks": 0}
        self._answered, self._due = -1, False
        response.ok = True
        return response

    def _on_status(self, message: EpisodeStatus) -> None:
        if self._lockstep or self._actor is None or message.episode != self._request.episode:
            return
        if message.state == "running" and not self.period_ns and self._state is not None:
            self._answered = self._state.stamp_ns  # it may be older than the episode's recording
        self.period_ns = round(1e9 / self._task.rate_hz) if message.state == "running" else 0

    def _on_state(self, raw: bytes) -> None:
        if self._lockstep and self._actor is None:
            return
        try:
            self._state, self._state_ns = cdr.joint_state(raw, self.robot.joints), steady_ns()
        except messages.BadMessage as error:
            self.count("bad_state")
            self.get_logger().warning(f"joint state not used: {error}", throttle_duration_sec=1.0)
            return
        if self._state.stamp_ns != self._answered and (self._lockstep or self._due):
            self._answer(self._state)

    def _on_object(self) -> None:
        """A pose of an object came: in lockstep the joint state of its stamp may be waiting for it."""
        if self._lockstep and self._state is not None and self._state.stamp_ns != self._answered:
            self._answer(self._state)

    def tick(self, now_ns: int) -> None:
        """Realtime: one command for the latest joint state; if that is old or answered already, the next one is answered at once."""
        if self._state is None or self._state.stamp_ns == self._answered or now_ns - self._state_ns > STALE_NS:
            self._due = True
        else:
            self._answer(self._state)

    def _answer(self, state: State) -> None:
        if self._actor is None or self._step >= self._request.horizon:
            return
        places = self._objects.at(state.stamp_ns)
        if places is None:
            if not self._lockstep:
                self.count("object_not_seen")
            return
        command = self._actor.answer(state, self._step, self._noise[self._step], places)
        self._commands.publish(cdr.to_joint_command(command, self.robot.joints))
        self._answered, self._due = state.stamp_ns, False
        self._step += 1
        self.count("ticks")

    def count(self, kind: str) -> None:
        """One more of a kind in this episode."""
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def _on_finish(self, request: FinishEpisode.Request, response: FinishEpisode.Response) -> FinishEpisode.Response:
        self._end()
        if self.late_ticks:
            self._counts["late_ticks"], self.late_ticks = self.late_ticks, 0
        messages.set_counts(response, self._counts | self.counts())
        response.ok = True
        return response

    def _end(self) -> None:
        """No command from now on."""
        self._actor, self.period_ns = None, 0
        self.ended()
