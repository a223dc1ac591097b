"""The safety gate: what stands between anyone who commands and the robot. A pure library; time is an argument.

It knows nothing about policies. A command passes if the gate is armed and the command is finite, has one value per joint, comes in
the armed mode, from one source, and answers a recent joint state. What passes is then kept within the robot's limits
(safety/shaping.py). Nothing that was refused ever influences an output.

lockstep: simulation only. A command must answer the last joint state, and gets exactly one output.
realtime: `output` is called at the gate's own rate. Joint states and commands older than `timeout_s` on the steady clock make the
gate hold, and it holds until it is armed again. Commands answer a stamp; its age is counted in the clock of the joint states, so
that a jump of the wall clock neither stops the robot nor lets an old command pass.
"""

from collections.abc import Sequence

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.joint_trajectory import InvalidTrajectory, JointTrajectory, Point, accept
from robot_learning.core.types import Command, JointState
from robot_learning.robots.description import Mode, Robot
from robot_learning.safety import checks
from robot_learning.safety.barrier import Barrier
from robot_learning.safety.checks import Wrong
from robot_learning.safety.limits import joint_limits, joint_model
from robot_learning.safety.shaping import (
    TRAJECTORY_PERIODS,
    EffortShaper,
    PositionShaper,
    Shaper,
    VelocityShaper,
)
from robot_learning.safety.wanted import Followed, Renewed, Wanted, renewed

MARGIN = 0.1  # rad, from the position limits
HOLD_NS = 500_000_000  # after disarming, the hold is repeated for so long: the robot's topic may be best effort
SOURCE = "safety_gate"


def command_mode(robot: Robot, backend: str, wanted: str = "") -> Mode:
    """The mode in which a robot is commanded: `wanted`, or by default the robot's in simulation.

    Elsewhere the default is trajectories, which end by themselves.
    """
    mode = wanted or (robot.command_mode if backend == "sim" else "trajectory")
    for known in robot.modes:
        if known == mode:
            return known
    raise UsageError(f"mode {mode!r}: {robot.name} has {', '.join(robot.modes)}")


def needs_guard(mode: Mode, backend: str) -> bool:
    """Whether the gate may only be armed while the guard watches it.

    Forward controllers of ros2_control keep their last command for ever, also when nobody is left to change it.
    """
    return backend != "sim" and mode != "trajectory"


class Gate:
    """See the module. `counts` has "passed", "changed", "refused" and every kind of refusal and intervention by name."""

    def __init__(
        self,
        robot: Robot,
        clock: str = "lockstep",
        rate_hz: float = 20.0,
        backend: str = "sim",
        mode: str | None = None,
        speed: float = 1.0,
        barrier: Barrier | None = None,
        timeout_s: float = 0.1,
    ) -> None:
        """`rate_hz`: of the outputs; in lockstep that of the task. `mode`: that of `command_mode` if None. `speed`: share of the limits.

        `barrier`: what the robot must not come near to.
        """
        if clock == "lockstep" and backend != "sim":
            raise UsageError(f"safety_gate: clock lockstep is for backend sim only, not {backend}")
        self.mode = command_mode(robot, backend, mode or "")
        self.counts: dict[str, int] = {"passed": 0, "changed": 0, "refused": 0}
        self.armed = False
        self.reason = "not armed"  # why commands do not pass; empty when they do
        self.stopped = ""  # the latched reason of a stop
        self._lockstep = clock == "lockstep"
        self._robot, self._simulated, self._speed, self._barrier = robot, backend == "sim", speed, barrier
        self._n = len(robot.joints)
        self._timeout_ns = round(timeout_s * 1e9)
        self._set_rate(rate_hz)
        self._state: JointState | None = None
        self._state_ns = 0  # arrival on the steady clock
        self._before: dict[str, int] = {}
        self._wanted: Wanted | None = None  # the last accepted command or trajectory since arming
        self._fresh = False  # it has not been put out yet
        self._source = ""
        self._moving = False  # outputs are in force, also while holding
        self._hold_until_ns: int | None = None

    def _set_rate(self, rate_hz: float) -> None:
        self._rate_hz, self._dt = rate_hz, 1.0 / rate_hz
        self._shaper = self._new_shaper()

    def _new_shaper(self) -> Shaper:
        robot, dt, barrier = self._robot, self._dt, self._barrier
        limits = joint_limits(robot.limits, MARGIN, self._speed)
        if self.mode == "effort":
            return EffortShaper(limits, joint_model(robot.plant, self._n, self._simulated), robot.modes["effort"], dt, barrier)
        if self.mode == "velocity":
            return VelocityShaper(limits, dt, barrier)
        return PositionShaper(limits, dt, barrier, TRAJECTORY_PERIODS if self.mode == "trajectory" else 1.0)

    @property
    def period_s(self) -> float:
        """Between two outputs."""
        return self._dt

    @property
    def holding(self) -> bool:
        """Unarmed, but outputs still bring the robot to rest or keep it there."""
        return self._moving and not self.armed

    @property
    def moving(self) -> bool:
        """Outputs are in force: if there are no more of them, somebody must stop the robot."""
        return self._moving

    @property
    def stamp_ns(self) -> int:
        """Of the last joint state; -1: none yet."""
        return -1 if self._state is None else self._state.stamp_ns

    def arm(self, now_ns: int, source: str = "", rate_hz: float = 0.0) -> str:
        """From now on commands pass: of `source`, or of whoever commands first. Returns why not, or "".

        `rate_hz`: in lockstep, where outputs come at the task's rate, that of the next task; 0: as before.
        """
        if self.stopped:
            return f"stopped: {self.stopped}"
        if not self._lockstep and not self._state_is_fresh(now_ns):
            return f"no joint state for {self._timeout_ns / 1e9:g} s"
        if rate_hz and self._lockstep and rate_hz != self._rate_hz:
            self._set_rate(rate_hz)
        self.armed, self.reason, self._source = True, "", source
        self._wanted, self._hold_until_ns = None, None
        self._before = dict(self.counts)
        return ""

    def disarm(self, reason: str, now_ns: int | None = None) -> None:
        """Commands no longer pass. In realtime the robot is held: for HOLD_NS from `now_ns` on, or without end if that is None."""
        self.armed, self.reason = False, reason
        self._wanted, self._fresh = None, False
        self._moving = self._moving and not self._lockstep
        self._hold_until_ns = None if now_ns is None else now_ns + HOLD_NS

    def stop(self, reason: str) -> None:
        """Disarms, holds and refuses to be armed until `clear`."""
        if not self.stopped:
            self.count("stop")
        self.stopped = reason
        self.disarm(f"stopped: {reason}")

    def clear(self) -> None:
        """Ends a stop; the gate stays unarmed."""
        self.stopped = ""

    def count(self, kind: str) -> None:
        """One more of a kind."""
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def episode_counts(self) -> dict[str, int]:
        """What was counted since the gate was armed last; kinds that did not happen are left out."""
        changes = {kind: count - self._before.get(kind, 0) for kind, count in self.counts.items()}
        return {kind: change for kind, change in changes.items() if change}

    def observe(self, state: JointState, now_ns: int) -> None:
        """A joint state arrived at `now_ns` on the steady clock. One that is not finite is not used."""
        if not (checks.finite(state.position) and checks.finite(state.velocity)):
            self.count("bad_state")
            return
        if self._state is not None and state.stamp_ns < self._state.stamp_ns and not self._lockstep:
            self.count("clock_jump")
        self._state, self._state_ns = state, now_ns

    def submit(self, command: Command, now_ns: int) -> str:
        """A command arrived at `now_ns` on the steady clock. Returns why it is refused, or "" if it passes."""
        refusal = self._refusal(command, now_ns)
        if refusal:
            return self.refuse(*refusal)
        self._take(renewed(command, now_ns, self._wanted, self._timeout_ns), command.source)
        return ""

    def submit_trajectory(self, names: Sequence[str], points: Sequence[Point], start_ns: int | None, source: str, now_ns: int) -> str:
        """A whole trajectory arrived at `now_ns` on the steady clock, in realtime. Returns why it is refused, or "" if it is followed.

        names: of all joints, in any order. points: times from the start, rad and rad/s. start_ns: on the steady clock; None is now.
        """
        track = self._track(names, points, start_ns, source, now_ns)
        if not isinstance(track, JointTrajectory):
            return self.refuse(*track)
        self._take(Followed(track, self.mode, self._robot.modes[self.mode]), source)
        return ""

    def _track(
        self, names: Sequence[str], points: Sequence[Point], start_ns: int | None, source: str, now_ns: int
    ) -> JointTrajectory | tuple[str, str]:
        state = self._state
        if not self.armed or state is None or self._lockstep:
            why = "trajectories are for realtime" if self._lockstep else "no joint state yet"
            return ("trajectory", why) if self.armed else ("unarmed", self.reason or "not armed")
        if wrong := checks.wrong_source(source, self._source):
            return wrong
        try:
            track = accept(names, points, start_ns, self._robot.joints, now_ns, (state.position.tolist(), state.velocity.tolist()))
        except InvalidTrajectory as error:
            return "trajectory", str(error)
        return checks.too_far(np.array(track.positions[-len(points)]), state, self._robot.joints) or track

    def _take(self, wanted: Wanted, source: str) -> None:
        if self._wanted is None and self._state is not None:
            self._shaper.reset(self._state, self._moving)
        self._wanted, self._fresh, self._source = wanted, True, checks.name_of(source)

    def refuse(self, kind: str, text: str) -> str:
        """Counts a command that is not usable, and returns the text."""
        self.count("refused")
        self.count(kind)
        return text

    def _refusal(self, command: Command, now_ns: int) -> Wrong:
        """The kind and the text of what is wrong, in the order in which it is looked at."""
        state = self._state
        if not self.armed or state is None:
            return ("no_state", "no joint state yet") if self.armed else ("unarmed", self.reason or "not armed")
        wrong = checks.wrong_values(command, self.mode, self._n) or checks.wrong_source(command.source, self._source)
        if wrong:
            return wrong
        if wrong := self._wrong_stamp(command.stamp_ns, state, now_ns):
            return wrong[0], f"command of {checks.name_of(command.source)!r}: {wrong[1]}"
        if self._wanted is None and self.mode in ("position", "trajectory"):
            return checks.too_far(command.values, state, self._robot.joints)
        return None

    def _wrong_stamp(self, stamp_ns: int, state: JointState, now_ns: int) -> Wrong:
        if self._lockstep:
            return checks.wrong_answer(stamp_ns, state.stamp_ns, self._wanted.stamp_ns if isinstance(self._wanted, Renewed) else None)
        return checks.wrong_age(state.stamp_ns + (now_ns - self._state_ns) - stamp_ns, self._timeout_ns)

    def output(self, now_ns: int) -> Command | None:
        """What the robot is to do now, with the stamp of the joint state that it answers; None: nothing.

        In trajectory mode the values are the end of a straight motion that takes TRAJECTORY_PERIODS outputs.
        """
        state = self._state
        if state is None or (self._lockstep and not self._fresh):
            return None
        if self.armed and not self._lockstep:
            self._watch(now_ns)
        if self._wanted is not None and self.armed:
            return self._shaped(self._wanted, state, now_ns)
        return self._held(state, now_ns) if self._moving else None

    def _watch(self, now_ns: int) -> None:
        """Staleness, on the steady clock."""
        if self._wanted is None:
            return
        late = "joint_state" if not self._state_is_fresh(now_ns) else ""
        late = late or ("command" if self._wanted.late(now_ns) else "")
        if late:
            self.count(f"{late}_timeout")
            self.disarm(f"no {late.replace('_', ' ')} for {self._timeout_ns / 1e9:g} s; arm again")

    def _shaped(self, wanted: Wanted, state: JointState, now_ns: int) -> Command:
        target, time_left = wanted.target(state, now_ns)
        values, kinds = self._shaper.step(target, state, True, self._dt if self._lockstep else time_left)
        if kinds:
            for kind in kinds:
                self.count(kind)
        if self._fresh:
            self.count("changed" if kinds else "passed")
        self._fresh, self._moving = False, True
        return Command(state.stamp_ns, self.mode, values, SOURCE, wanted.step)

    def _held(self, state: JointState, now_ns: int) -> Command | None:
        if self._hold_until_ns is not None and now_ns > self._hold_until_ns:
            self._moving = False
            return None
        values, _ = self._shaper.step(None, state, self._state_is_fresh(now_ns), self._dt)
        return Command(state.stamp_ns, self.mode, values, SOURCE)

    def _state_is_fresh(self, now_ns: int) -> bool:
        return self._state is not None and now_ns - self._state_ns <= self._timeout_ns
