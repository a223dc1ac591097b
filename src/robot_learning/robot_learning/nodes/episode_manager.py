"""Runs one episode after the other for whoever asks by the action /run_episode.

An episode is a generator that pauses wherever it waits; every event (an answer, a tick) lets it go on. It is
no coroutine of rclpy: an executor of rclpy asks those again and again without a pause, and burns a core.
"""

import math
import sys
import time
from functools import cache, partial
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.qos import QoSProfile, ReliabilityPolicy
from robot_learning_interfaces.action import RunEpisode
from robot_learning_interfaces.msg import EpisodeStatus, GateStatus, JointCommand
from robot_learning_interfaces.srv import FinishEpisode, PrepareEpisode
from sensor_msgs.msg import JointState

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.data.decode import object_topic
from robot_learning.data.definitions import typestore
from robot_learning.nodes import messages, parameters, qos
from robot_learning.nodes.ears import Ears
from robot_learning.nodes.matching import ACTORS
from robot_learning.nodes.participants import NotReady, Participants, Pause, resolved
from robot_learning.nodes.spin import GraphNode, run, steady_ns
from robot_learning.run.episode_progress import Plan, Progress
from robot_learning.run.robots import load_chain, load_robot
from robot_learning.run.tasks import load_task
from robot_learning.tasks.description import TaskConfig

TICK_NS = 5_000_000  # while an episode runs: messages, deadlines and repeated questions
NEAR_END, END_TICK_NS = 10, 1_000_000  # for the last steps, so that the end is seen at once
FEEDBACK_NS = 100_000_000
STATUS_NS = 1_000_000_000  # of EpisodeStatus within a state: every reader of it has work with each message
CLOSE_NS = 1_000_000_000  # for the end of an episode when this node is stopped
PREFIX = {"safety_gate": "gate."}  # of the counts; of the others: the node's name


class EpisodeManager(GraphNode):
    """Reset, record, arm, T steps, hold, commit."""

    def __init__(self) -> None:
        super().__init__("episode_manager")
        self._given = parameters.declare(self, "robot", optional=("task", "clock", "backend"))
        self._robot, self._lockstep = load_robot(self._given.robot), self._given.clock == "lockstep"
        self._chain = load_chain(self._robot)
        if self._given.task:
            load_task(self._given.task)  # so that a wrong name is noticed at once
        self._goal: Any = None
        self._sequence: Pause[None] | None = None
        self._advancing = False
        self._progress: Progress | None = None
        self._gate: GateStatus | None = None  # the newest one since the episode was armed
        self._refused = 0  # the gate's count when it was armed
        self._number, self._name, self._closing = 0, "", False
        self._domain = self.context.get_domain_id()  # in the names, so that graphs side by side can share a folder
        typestore()
        self._status = self.create_publisher(EpisodeStatus, "/episode_status", qos.LATCHED)
        reader = qos.RECORDER_READER
        self._reader = reader if self._lockstep else QoSProfile(depth=reader.depth, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._ears = Ears(self)
        self._ears.listen(JointState, self._robot.joint_states_topic, self._reader)
        self._objects: dict[str, str] = {}  # name by topic, of all that were ever listened to
        self._ears.listen(JointCommand, "/joint_command", reader)
        self.create_subscription(GateStatus, "/safety_gate/status", self._on_gate, qos.LATCHED)
        nodes = [*(["simulator"] if self._given.backend == "sim" else []), *ACTORS.values(), "safety_gate", "recorder"]
        self._nodes = Participants(self, nodes, self._advance)
        self._server = ActionServer(
            self,
            RunEpisode,
            "/run_episode",
            lambda goal: RunEpisode.Result(),
            goal_callback=lambda goal: GoalResponse.REJECT if self._goal is not None else GoalResponse.ACCEPT,
            handle_accepted_callback=self.guarded(self._begin),
            cancel_callback=lambda goal: CancelResponse.ACCEPT,
            result_timeout=60,
        )
        self._say("idle")

    def _begin(self, goal: Any) -> None:
        self._number += 1
        self._goal, self._name = goal, f"{time.strftime('%Y%m%d-%H%M%S')}-{self._domain}-{self._number:04d}"
        self._sequence, self.period_ns = self._run(goal.request), TICK_NS
        self._advance()

    def _advance(self, _: Any = None) -> None:
        """Lets the episode go on as far as it can."""
        if self._sequence is None or self._advancing:
            return
        self._advancing = True
        try:
            next(self._sequence)
        except StopIteration:
            self._sequence, self.period_ns = None, 0
        except Exception as error:
            self.failure = self.failure or error
        finally:
            self._advancing = False

    def tick(self, now_ns: int) -> None:
        """Deadlines."""
        self._advance()

    def _listen(self) -> None:
        """Takes in the joint states and commands that have come."""
        now, progress = steady_ns(), self._progress
        for heard in self._ears.take():
            if progress is None:
                continue
            if heard.topic in self._objects:
                progress.on_object(self._objects[heard.topic], heard.raw)
            else:
                (progress.on_command if heard.topic == "/joint_command" else progress.on_state)(heard.raw, now)

    def _on_gate(self, message: GateStatus) -> None:
        if self._gate is None and message.armed:
            self._refused = message.refused
        if self._gate is not None or message.armed:
            self._gate = message

    def _run(self, request: Any) -> Pause[None]:
        """One episode, from the goal to its result."""
        ending, begun = "", list[str]()
        self._progress = self._gate = None
        try:
            self._say("preparing", horizon=request.horizon)
            yield from self._prepare(request, begun)
            yield from self._steps()
            ending = "time"
        except Cancelled:
            ending = "cancelled"
        except (NotReady, UsageError, WorkFailed, messages.BadMessage) as error:
            ending = f"fault: {error}"
        self._say("holding", ending)
        finish = FinishEpisode.Request(episode=self._name, ending=ending)
        finish.last_stamp = messages.to_time(self._progress.last_stamp_ns if self._progress else 0)
        judge = cache(partial(self._judge, ending))
        answers, faults = yield from self._nodes.finish([name for name in begun if name != "recorder"], finish, judge)
        ending, cost, distance = judge()
        finish.ending = ending = f"fault: {faults[0]}" if faults and ending == "time" else ending
        self._say("committing", ending)
        # the recorder comes last, so that the bag has what the others said at the end
        committed, faults = yield from self._nodes.finish([name for name in begun if name == "recorder"], finish)
        ending = f"fault: {faults[0]}" if faults and ending == "time" else ending
        counts = {_count_name(node, kind): n for node, a in (answers | committed).items() for kind, n in messages.counts(a).items()}
        counts |= {f"episode_manager.bad_{kind}": n for kind, n in self._progress.bad.items()} if self._progress else {}
        self._end(ending, cost, distance, "".join(answer.bag for answer in committed.values()), counts)

    def _judge(self, ending: str) -> tuple[str, float, float]:
        """Ending, cost and final distance, while the others answer."""
        self.period_ns = TICK_NS
        return self._progress.judged(ending) if self._progress else (ending, 0.0, math.nan)

    def _prepare(self, request: Any, begun: list[str]) -> Pause[None]:
        """Reset, record and arm. Whoever was asked is in `begun`."""
        controller = ACTORS.get(request.controller)
        if controller is None:
            raise UsageError(f"controller {request.controller!r}; allowed are {', '.join(ACTORS)}")
        task, condition = load_task(request.task), messages.condition(request.condition)
        self._listen_to(task)
        self._plan = Plan(self._robot, self._chain, task, condition, request.horizon or task.horizon, self._lockstep)
        prepare = PrepareEpisode.Request(episode=self._name, robot=self._robot.name, horizon=self._plan.horizon)
        for field in ("task", "condition", "controller", "id", "version", "seed", "noise", "cameras", "record", "fsync"):
            setattr(prepare, field, getattr(request, field))
        prepare.metadata = resolved(self._robot.name, task.name)
        simulator = ["simulator"] if self._given.backend == "sim" else []
        others = [*(["recorder"] if request.record else []), controller]
        # in lockstep nothing moves before "running", and they need not wait for each other
        groups = [[*simulator, *others, "safety_gate"]] if self._lockstep else [simulator, others, ["safety_gate"]]
        for group in groups:
            begun += group
            yield from self._nodes.prepare(group, prepare, self._check_cancel)
            if self._progress is None:
                self._listen()  # what came before does not belong to the episode
                self._progress = Progress(self._plan)

    def _listen_to(self, task: TaskConfig) -> None:
        for one in task.objects:
            topic = object_topic(one.name)
            if topic not in self._objects:
                self._objects[topic] = one.name
                self._ears.listen(PoseStamped, topic, self._reader)

    def _steps(self) -> Pause[None]:
        """From the first step to the joint state after the last one."""
        progress = self._progress
        assert progress is not None
        progress.start(steady_ns())
        self._say("running")
        next_ns, status_ns = steady_ns() + FEEDBACK_NS, steady_ns() + STATUS_NS
        while not progress.done:
            self._check_cancel()
            now = steady_ns()
            fault = progress.fault(now) or self._gate_fault()
            if fault:
                self.get_logger().warning(f"{self._name}: {fault} (waiting for {progress.waiting_for()})")
                raise WorkFailed(fault)
            if now >= next_ns:
                next_ns, cost = now + FEEDBACK_NS, progress.cost()
                self._goal.publish_feedback(RunEpisode.Feedback(step=progress.step, cost=cost))
                if now >= status_ns:
                    status_ns = now + STATUS_NS
                    self._say("running", cost=cost)
            self.period_ns = TICK_NS if self._plan.horizon - progress.step > NEAR_END else END_TICK_NS
            yield
            self._listen()

    def _gate_fault(self) -> str:
        """Why the gate lets nothing pass; in lockstep it will not do so again after it refused one command."""
        gate = self._gate
        if gate is None or (gate.armed and not gate.reason and not (self._lockstep and gate.refused > self._refused)):
            return ""
        return f"safety_gate: {gate.reason or 'a command was refused'}"

    def _check_cancel(self) -> None:
        if self._goal.is_cancel_requested or self._closing:
            raise Cancelled

    def _end(self, ending: str, cost: float, distance: float, bag: str, counts: dict[str, int]) -> None:
        self.get_logger().info(f"{self._name}: {ending}, cost {cost:.3f}")
        result = RunEpisode.Result(episode=self._name, ending=ending, cost=cost, distance=distance, bag=bag)
        messages.set_counts(result, counts)
        goal, step = self._goal, self._progress.step if self._progress else 0

        def answer(goal: Any) -> RunEpisode.Result:
            (goal.succeed if ending == "time" else goal.canceled if goal.is_cancel_requested else goal.abort)()
            return result

        goal.execute(answer)
        self._name, self._goal = "", None
        self._say("idle", ending, step=step, cost=cost)
        self._progress = None

    def _say(self, state: str, ending: str = "", step: int | None = None, horizon: int | None = None, cost: float = 0.0) -> None:
        """Publishes where the manager stands."""
        message = EpisodeStatus(state=state, ending=ending, episode=self._name if self._goal is not None else "", cost=cost)
        message.step = step if step is not None else self._progress.step if self._progress else 0
        message.horizon = horizon if horizon is not None else self._plan.horizon if self._progress else 0
        message.header.stamp = self.get_clock().now().to_msg()
        self._status.publish(message)

    def close(self) -> None:
        """The robot holds, and the open bag is closed, before this node ends."""
        self._closing, end_ns = True, steady_ns() + CLOSE_NS
        while self._sequence is not None and steady_ns() < end_ns and self.executor is not None:
            self._advance()
            self.executor.spin_once(timeout_sec=TICK_NS * 1e-9)
        self._ears.close()


class Cancelled(Exception):
    """Somebody cancelled the episode."""


def _count_name(node: str, kind: str) -> str:
    prefix = PREFIX.get(node, f"{node}.")
    return kind if kind.startswith(prefix) else prefix + kind


def main() -> None:
    """Console entry."""
    sys.exit(run(EpisodeManager))


if __name__ == "__main__":
    main()
