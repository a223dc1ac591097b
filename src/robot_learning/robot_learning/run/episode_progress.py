"""How far a running episode is, what it costs so far, and what is wrong with it. Time is an argument; messages are serialized ones."""

import math
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

from robot_learning.core.errors import WorkFailed
from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Command, JointState, ObjectPose
from robot_learning.data.cdr import joint_command, joint_state, object_pose
from robot_learning.data.frames import is_final, recording
from robot_learning.data.messages import BadMessage
from robot_learning.robots.description import Robot
from robot_learning.run.episodes import Episode, episode
from robot_learning.tasks.description import Condition, TaskConfig

STALLED_NS = 5_000_000_000  # lockstep
SILENT_NS = 500_000_000  # realtime
TEXT = 300  # characters of what is said of a malformed message: it may quote whoever sent it
T = TypeVar("T")


class Plan(NamedTuple):
    """What is to be run."""

    robot: Robot
    chain: Chain
    task: TaskConfig
    condition: Condition
    horizon: int  # T, steps
    lockstep: bool

    @property
    def period_ns(self) -> int:
        """Between two steps."""
        return round(1e9 / self.task.rate_hz)


class Progress:
    """Collects the joint states and commands of one episode. What is malformed is counted and left out, and the episode is no good one."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._states: list[JointState] = []
        self._commands: list[Command] = []
        self._objects: dict[str, list[ObjectPose]] = {one.name: [] for one in plan.task.objects}
        self._objects_ns = dict.fromkeys(self._objects, -1)  # stamp of the newest pose
        self._first_bad = ""  # what was wrong with the first malformed message
        self.bad: Counter[str] = Counter()  # malformed messages, by what they should have been
        self._state_ns = self._command_ns = 0  # arrival of the last ones, steady clock
        self._last_command_ns = 0
        self.last_stamp_ns = 0  # of the newest joint state

    def start(self, now_ns: int) -> None:
        """From now on the episode runs."""
        self._state_ns = self._command_ns = now_ns

    def on_state(self, raw: bytes, now_ns: int) -> None:
        """A joint state arrived at `now_ns` of the steady clock."""
        state = self._read("joint state", lambda: joint_state(raw, self._plan.robot.joints))
        if state is not None:
            self._states.append(state)
            self._state_ns, self.last_stamp_ns = now_ns, state.stamp_ns

    def on_command(self, raw: bytes, now_ns: int) -> None:
        """A command arrived."""
        command = self._read("command", lambda: known_mode(joint_command(raw, self._plan.robot.joints), self._plan.robot))
        if command is not None:
            self._commands.append(command)
            self._command_ns, self._last_command_ns = now_ns, command.stamp_ns

    def on_object(self, name: str, raw: bytes) -> None:
        """A pose of one of the task's objects arrived."""
        if name not in self._objects:  # of another task
            return
        pose = self._read("pose", lambda: object_pose(raw, self._plan.robot.base_link))
        if pose is not None:
            self._objects[name].append(pose)
            self._objects_ns[name] = pose.stamp_ns

    def _read(self, what: str, read: Callable[[], T]) -> T | None:
        """The value of a message; None: it is malformed."""
        try:
            return read()
        except BadMessage as error:
            self.bad[what.replace(" ", "_")] += 1
            self._first_bad = self._first_bad or f"a {what}: {error}"[:TEXT]
            return None

    @property
    def step(self) -> int:
        """Time steps that were commanded."""
        return len(self._commands)

    @property
    def done(self) -> bool:
        """All steps were commanded, and the joint state after the last one is there, in lockstep with the objects' poses."""
        if self._plan.lockstep and any(stamp < self.last_stamp_ns for stamp in self._objects_ns.values()):
            return False
        return self.step >= self._plan.horizon and is_final(self.last_stamp_ns, self._last_command_ns, self._plan.period_ns)

    def fault(self, now_ns: int) -> str:
        """Why the episode cannot go on; empty if it can."""
        silence = self._silence(now_ns)
        return f"{silence} (malformed: {self._first_bad})" if silence and self._first_bad else silence

    def _silence(self, now_ns: int) -> str:
        if self._plan.lockstep:
            return "lockstep stalled" if now_ns - max(self._state_ns, self._command_ns) > STALLED_NS else ""
        if now_ns - self._state_ns > SILENT_NS:
            return f"no joint state for {SILENT_NS / 1e9:g} s"
        silent = max(SILENT_NS, 5 * self._plan.period_ns)
        return f"no command for {silent / 1e9:g} s" if now_ns - self._command_ns > silent and self.step < self._plan.horizon else ""

    def waiting_for(self) -> str:
        """What a stalled lockstep episode lacks."""
        return f"step {self.step}: " + ("the next joint state" if self._last_command_ns == self.last_stamp_ns else "a command")

    def episode(self, ending: str, steps: int | None = None) -> Episode:
        """The episode so far, or its first `steps`; WorkFailed names a gap."""
        objects = list(self._objects.values())
        frames = recording(self._states, self._commands[:steps], self._plan.period_ns, objects, self._plan.lockstep)
        return episode(self._plan.robot, self._plan.chain, self._plan.task, self._plan.condition, frames, ending, "", {})

    def cost(self) -> float:
        """Summed over the steps whose outcome has been seen; 0 before."""
        steps = self.step
        while steps and not is_final(self.last_stamp_ns, self._commands[steps - 1].stamp_ns, self._plan.period_ns):
            steps -= 1
        try:
            return float(np.sum(self.episode("", steps).cost)) if steps else 0.0
        except WorkFailed:
            return 0.0

    def judged(self, ending: str) -> tuple[str, float, float]:
        """The ending (a gap or a malformed message is a fault), the cost, and the final distance in m (NaN if unknown) of what was run."""
        if ending == "time" and self._first_bad:
            ending = f"fault: {self._first_bad}"
        if not self.step:
            return ending, 0.0, math.nan
        try:
            done = self.episode(ending)
        except WorkFailed as error:
            return (f"fault: {error}" if ending == "time" else ending), self.cost(), math.nan
        return ending, float(np.sum(done.cost)), done.distance


def known_mode(command: Command, robot: Robot) -> Command:
    """The command; BadMessage if the robot has no such mode."""
    if command.mode not in robot.modes:
        raise BadMessage("mode", f"mode {command.mode!r}; {robot.name} has {', '.join(robot.modes)}")
    return command
