"""The safety gate: what stands between anyone who commands and the robot. A pure library; time is an argument.

It knows nothing about policies. A command passes if the gate is armed and the command is finite, has one value per joint, comes in
the armed mode, from one source, and answers a recent joint state. What passes is then kept within the robot's limits
(safety/shaping.py). Nothing that was refused ever influences an output.

lockstep: simulation only. A command must answer the last joint state, and gets exactly one output.
realtime: `output` is called at the gate's own rate. Joint states and commands older than `timeout_s` on the steady clock make the
gate hold, and it holds until it is armed again. Commands answer a stamp; its age is counted in the clock of the joint states, so
that a jump of the wall clock neither stops the robot nor lets an old command pass.
"""

from math import isfinite
from typing import Any

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.types import Array, Command, JointState
from robot_learning.robots.description import Mode, Robot
from robot_learning.safety.limits import joint_limits, joint_model
from robot_learning.safety.shaping import (
    TRAJECTORY_PERIODS,
    EffortShaper,
    PositionShaper,
    Shaper,
    VelocityShaper,
)

MARGIN = 0.1  # rad, from the position limits
FUTURE_NS = 10_000_000  # a stamp may be ahead of the estimated time by so much
HOLD_NS = 500_000_000  # after disarming, the hold is repeated for so long: the robot's topic may be best effort
SOURCE = "safety_gate"


def command_mode(robot: Robot, backend: str, wanted: str = "") -> Mode:
    """The mode in which a robot is commanded: `wanted`, or its default one in simulation; elsewhere trajectories, which end by themselves.

    Forward controllers of ros2_control keep their last command for ever, also when nobody is left to change it.
    """
    allowed = [mode for mode in robot.modes if backend == "sim" or mode == "trajectory"]
    mode = wanted or (robot.command_mode if backend == "sim" else "trajectory")
    for known in allowed:
        if known == mode:
            return known
    raise UsageError(f"mode {mode!r}: {robot.name} with backend {backend} has {', '.join(allowed) or 'no mode that is allowed'}")


class Gate:
    """See the module. `counts` has "passed", "changed", "refused" and every kind of refusal and intervention by name."""

    def __init__(
        self,
        robot: Robot,
        clock: str = "lockstep",
        rate_hz: float = 20.0,
        timeout_s: float = 0.1,
        backend: str = "sim",
        mode: str | None = None,
    ) -> None:
        """`rate_hz`: of the outputs; in lockstep that of the task. `mode`: that of `command_mode` if None."""
        if clock == "lockstep" and backend != "sim":
            raise UsageError(f"safety_gate: clock lockstep is for backend sim only, not {backend}")
        self.mode = command_mode(robot, backend, mode or "")
        self.counts: dict[str, int] = {"passed": 0, "changed": 0, "refused": 0}
        self.armed = False
        self.reason = "not armed"  # why commands do not pass; empty when they do
        self.stopped = ""  # the latched reason of a stop
        self._lockstep = clock == "lockstep"
        self._robot, self._simulated = robot, backend == "sim"
        self._n = len(robot.joints)
        self._timeout_ns = round(timeout_s * 1e9)
        self._set_rate(rate_hz)
        self._state: JointState | None = None
        self._state_ns = 0  # arrival on the steady clock
        self._before: dict[str, int] = {}
        self._command: Command | None = None  # the last accepted one since arming
        self._command_ns = 0  # its arrival on the steady clock
        self._fresh = False  # it has not been put out yet
        self._period_ns = 0  # between the last two
        self._source = ""
        self._moving = False  # outputs are in force, also while holding
        self._hold_until_ns: int | None = None

    def _set_rate(self, rate_hz: float) -> None:
        self._rate_hz, self._dt = rate_hz, 1.0 / rate_hz
        self._shaper = _shaper(self._robot, self.mode, self._dt, self._simulated)

    @property
    def period_s(self) -> float:
        """Between two outputs."""
        return self._dt

    @property
    def holding(self) -> bool:
        """Unarmed, but outputs still bring the robot to rest or keep it there."""
        return self._moving and not self.armed

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
        self._command, self._period_ns, self._hold_until_ns = None, 0, None
        self._before = dict(self.counts)
        return ""

    def disarm(self, reason: str, now_ns: int | None = None) -> None:
        """Commands no longer pass. In realtime the robot is held: for HOLD_NS from `now_ns` on, or without end if that is None."""
        self.armed, self.reason = False, reason
        self._command, self._fresh = None, False
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
        if not (_finite(state.position) and _finite(state.velocity)):
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
        if self._command is not None:
            self._period_ns = min(max(now_ns - self._command_ns, 0), self._timeout_ns)
        elif self._state is not None:
            self._shaper.reset(self._state, self._moving)
        self._source = command.source.partition(" ")[0]
        values = np.array(command.values, dtype=np.float64)
        self._command, self._command_ns, self._fresh = command._replace(values=values), now_ns, True
        return ""

    def refuse(self, kind: str, text: str) -> str:
        """Counts a command that is not usable, and returns the text."""
        self.count("refused")
        self.count(kind)
        return text

    def _refusal(self, command: Command, now_ns: int) -> tuple[str, str] | None:
        """The kind and the text of what is wrong, in the order in which it is looked at."""
        if not self.armed:
            return "unarmed", self.reason or "not armed"
        if self._state is None:
            return "no_state", "no joint state yet"
        if command.mode != self.mode:
            return "mode", f"mode {command.mode!r}; the gate is in mode {self.mode}"
        shape = _shape(command.values)
        if shape != (self._n,):
            return "length", f"values of shape {shape} for {self._n} joints"
        if not _finite(np.asarray(command.values, dtype=np.float64)):  # before any clipping, which lets NaN pass
            return "non_finite", "a value is not finite"
        source = command.source.partition(" ")[0]
        if self._source and source != self._source:
            return "source", f"command of {source!r}; {self._source} commands"
        wrong = self._wrong_stamp(command.stamp_ns, self._state, now_ns)
        return (wrong[0], f"command of {source!r}: {wrong[1]}") if wrong else None

    def _wrong_stamp(self, stamp_ns: int, state: JointState, now_ns: int) -> tuple[str, str] | None:
        if self._lockstep:
            if stamp_ns != state.stamp_ns:
                return "stamp", f"stamp {stamp_ns}; the last joint state has {state.stamp_ns}"
            if self._command is not None and self._command.stamp_ns == stamp_ns:
                return "repeated", f"stamp {stamp_ns} is answered already"
            return None
        age_ns = state.stamp_ns + (now_ns - self._state_ns) - stamp_ns
        if age_ns > self._timeout_ns:
            return "stale", f"answers a joint state that is {age_ns / 1e9:.3f} s old"
        if age_ns < -FUTURE_NS:
            return "future", f"answers a joint state {-age_ns / 1e9:.3f} s in the future"
        return None

    def output(self, now_ns: int) -> Command | None:
        """What the robot is to do now, with the stamp of the joint state that it answers; None: nothing.

        In trajectory mode the values are the end of a straight motion that takes TRAJECTORY_PERIODS outputs.
        """
        state = self._state
        if state is None or (self._lockstep and not self._fresh):
            return None
        if self.armed and not self._lockstep:
            self._watch(now_ns)
        if self._command is not None and self.armed:
            return self._shaped(self._command, state, now_ns)
        return self._held(state, now_ns) if self._moving else None

    def _watch(self, now_ns: int) -> None:
        """Staleness, on the steady clock."""
        if self._command is None:
            return
        late = "joint_state" if not self._state_is_fresh(now_ns) else ""
        late = late or ("command" if now_ns - self._command_ns > self._timeout_ns else "")
        if late:
            self.count(f"{late}_timeout")
            self.disarm(f"no {late.replace('_', ' ')} for {self._timeout_ns / 1e9:g} s; arm again")

    def _shaped(self, command: Command, state: JointState, now_ns: int) -> Command:
        time_left = self._dt if self._lockstep else (self._command_ns + self._period_ns - now_ns) * 1e-9
        values, kinds = self._shaper.step(command.values, state, True, time_left)
        if kinds:
            for kind in kinds:
                self.count(kind)
        if self._fresh:
            self.count("changed" if kinds else "passed")
        self._fresh, self._moving = False, True
        return Command(state.stamp_ns, self.mode, values, SOURCE, command.step)

    def _held(self, state: JointState, now_ns: int) -> Command | None:
        if self._hold_until_ns is not None and now_ns > self._hold_until_ns:
            self._moving = False
            return None
        values, _ = self._shaper.step(None, state, self._state_is_fresh(now_ns), self._dt)
        return Command(state.stamp_ns, self.mode, values, SOURCE)

    def _state_is_fresh(self, now_ns: int) -> bool:
        return self._state is not None and now_ns - self._state_ns <= self._timeout_ns


def _shaper(robot: Robot, mode: Mode, dt: float, simulated: bool) -> Shaper:
    limits = joint_limits(robot.limits, MARGIN)
    if mode == "effort":
        return EffortShaper(limits, joint_model(robot.plant, len(robot.joints), simulated), robot.modes["effort"], dt)
    if mode == "velocity":
        return VelocityShaper(limits, dt)
    return PositionShaper(limits, dt, TRAJECTORY_PERIODS if mode == "trajectory" else 1.0)


def _finite(values: Array) -> bool:
    return all(map(isfinite, values.tolist()))


def _shape(values: Any) -> tuple[int, ...] | None:
    """None: no numbers at all."""
    try:
        return np.asarray(values, dtype=np.float64).shape
    except (TypeError, ValueError):
        return None
