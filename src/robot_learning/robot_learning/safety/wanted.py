"""What the gate was asked for last: a single command, which must be renewed, or a trajectory, which ends by itself."""

from typing import NamedTuple, Protocol

import numpy as np

from robot_learning.core.joint_trajectory import JointTrajectory
from robot_learning.core.types import Array, Command, JointState
from robot_learning.robots.description import ModeConfig

FOLLOWING = 4.0  # 1/s: by velocities, an error of position fades with this rate


class Wanted(Protocol):
    """What the gate needs of both."""

    @property
    def step(self) -> int:
        """Within the episode."""

    def target(self, state: JointState, now_ns: int) -> tuple[Array, float]:
        """The value for each joint (n,) in the mode's unit, and the time in which it should be reached [s]."""

    def late(self, now_ns: int) -> bool:
        """Whether it should have been renewed by now."""


class Renewed(NamedTuple):
    """One command of a stream. Positions are spread over the time until the next one is expected."""

    values: Array  # (n,)
    arrived_ns: int  # on the steady clock
    period_ns: int  # between this one and the one before; 0: the first
    timeout_ns: int
    stamp_ns: int  # of the joint state that it answers
    step: int

    def target(self, state: JointState, now_ns: int) -> tuple[Array, float]:
        """See Wanted."""
        return self.values, (self.arrived_ns + self.period_ns - now_ns) * 1e-9

    def late(self, now_ns: int) -> bool:
        """See Wanted."""
        return now_ns - self.arrived_ns > self.timeout_ns


class Followed:
    """A trajectory, followed in the gate's own mode: directly by positions, otherwise with a correction of the error of position."""

    step = 0

    def __init__(self, track: JointTrajectory, mode: str, config: ModeConfig) -> None:
        """`config`: of the mode. Its first controller's gains serve for efforts."""
        self._track, self._mode = track, mode
        self._stiffness = np.array(config.stiffness) * np.array(config.action_scale)  # N·m/rad in mode effort
        self._damping = np.array(config.damping) * np.array(config.action_scale)  # N·m·s/rad

    def target(self, state: JointState, now_ns: int) -> tuple[Array, float]:
        """See Wanted. After the end the last point is kept."""
        position, velocity = (np.array(values) for values in self._track.sample(now_ns))
        if self._mode == "velocity":
            return velocity + FOLLOWING * (position - state.position), 0.0
        if self._mode == "effort":
            return self._stiffness * (position - state.position) + self._damping * (velocity - state.velocity), 0.0
        return position, 0.0

    def late(self, now_ns: int) -> bool:
        """Never: it ends by itself."""
        return False


def renewed(command: Command, now_ns: int, before: Wanted | None, timeout_ns: int) -> Renewed:
    """A command that arrived at `now_ns` after `before`."""
    period_ns = min(max(now_ns - before.arrived_ns, 0), timeout_ns) if isinstance(before, Renewed) else 0
    values = np.array(command.values, dtype=np.float64)
    return Renewed(values, now_ns, period_ns, timeout_ns, command.stamp_ns, command.step)
