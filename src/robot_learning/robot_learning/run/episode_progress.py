"""How far a running episode is, what it costs so far, and what is wrong with it. Time is an argument; messages are serialized ones."""

import math
from typing import NamedTuple

import numpy as np

from robot_learning.core.errors import WorkFailed
from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Command, JointState, ObjectPose
from robot_learning.data.cdr import header_stamp_ns
from robot_learning.data.decode import commands, joint_states, object_poses
from robot_learning.data.frames import is_final, recording
from robot_learning.robots.description import Robot
from robot_learning.run.episodes import Episode, episode
from robot_learning.tasks.description import Condition, TaskConfig

STALLED_NS = 5_000_000_000  # lockstep
SILENT_NS = 500_000_000  # realtime


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
    """Collects the joint states and commands of one episode."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._raw_states: list[bytes] = []
        self._raw_commands: list[bytes] = []
        self._states: list[JointState] = []  # decoded, as far as anyone asked
        self._commands: list[Command] = []
        self._raw_objects: dict[str, list[bytes]] = {one.name: [] for one in plan.task.objects}
        self._objects: dict[str, list[ObjectPose]] = {name: [] for name in self._raw_objects}
        self._objects_ns = dict.fromkeys(self._raw_objects, -1)  # stamp of the newest pose
        self._state_ns = self._command_ns = 0  # arrival of the last ones, steady clock
        self._last_command_ns = 0
        self.last_stamp_ns = 0  # of the newest joint state

    def start(self, now_ns: int) -> None:
        """From now on the episode runs."""
        self._state_ns = self._command_ns = now_ns

    def on_state(self, raw: bytes, now_ns: int) -> None:
        """A joint state arrived at `now_ns` of the steady clock."""
        self._raw_states.append(raw)
        self._state_ns, self.last_stamp_ns = now_ns, header_stamp_ns(raw)

    def on_command(self, raw: bytes, now_ns: int) -> None:
        """A command arrived."""
        self._raw_commands.append(raw)
        self._command_ns, self._last_command_ns = now_ns, header_stamp_ns(raw)

    def on_object(self, name: str, raw: bytes) -> None:
        """A pose of one of the task's objects arrived."""
        if name in self._raw_objects:  # of another task otherwise
            self._raw_objects[name].append(raw)
            self._objects_ns[name] = header_stamp_ns(raw)

    @property
    def step(self) -> int:
        """Time steps that were commanded."""
        return len(self._raw_commands)

    @property
    def done(self) -> bool:
        """All steps were commanded, and the joint state after the last one is there, in lockstep with the objects' poses."""
        if self._plan.lockstep and any(stamp < self.last_stamp_ns for stamp in self._objects_ns.values()):
            return False
        return self.step >= self._plan.horizon and is_final(self.last_stamp_ns, self._last_command_ns, self._plan.period_ns)

    def fault(self, now_ns: int) -> str:
        """Why the episode cannot go on; empty if it can."""
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
        joints = self._plan.robot.joints
        self._states += joint_states(self._raw_states[len(self._states) :], joints)
        self._commands += commands(self._raw_commands[len(self._commands) :], joints)
        for name, raw in self._raw_objects.items():
            self._objects[name] += object_poses(raw[len(self._objects[name]) :], self._plan.robot.base_link)
        objects = list(self._objects.values())
        frames = recording(self._states, self._commands[:steps], self._plan.period_ns, objects, self._plan.lockstep)
        return episode(self._plan.robot, self._plan.chain, self._plan.task, self._plan.condition, frames, ending, "", {})

    def cost(self) -> float:
        """Summed over the steps whose outcome has been seen; 0 before."""
        steps = self.step
        while steps and not is_final(self.last_stamp_ns, header_stamp_ns(self._raw_commands[steps - 1]), self._plan.period_ns):
            steps -= 1
        try:
            return float(np.sum(self.episode("", steps).cost)) if steps else 0.0
        except WorkFailed:
            return 0.0

    def judged(self, ending: str) -> tuple[str, float, float]:
        """The ending (a gap is a fault), the cost, and the final distance in m (NaN if unknown) of what was run."""
        if not self.step:
            return ending, 0.0, math.nan
        try:
            done = self.episode(ending)
        except WorkFailed as error:
            return (f"fault: {error}" if ending == "time" else ending), self.cost(), math.nan
        return ending, float(np.sum(done.cost)), done.distance
