"""What makes a command unusable whatever the robot's limits are. Each check returns (kind, text) of what is wrong, or None."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from robot_learning.core.types import Array, Command, JointState

START_RAD = 0.8  # a motion begins at most so far from where the robot is
FUTURE_NS = 10_000_000  # a stamp may be ahead of the estimated time by so much

Wrong = tuple[str, str] | None


def wrong_values(command: Command, mode: str, joints: int) -> Wrong:
    """Mode, number of values, finiteness, in this order: before any clipping, which lets NaN pass."""
    if command.mode != mode:
        return "mode", f"mode {command.mode!r}; the gate is in mode {mode}"
    shape = _shape(command.values)
    if shape != (joints,):
        return "length", f"values of shape {shape} for {joints} joints"
    if not finite(np.asarray(command.values, dtype=np.float64)):
        return "non_finite", "a value is not finite"
    return None


def wrong_source(source: str, expected: str) -> Wrong:
    """One source commands; `expected` is empty before the first command."""
    name = name_of(source)
    if expected and name != expected:
        return "source", f"command of {name!r}; {expected} commands"
    return None


def wrong_answer(stamp_ns: int, state_ns: int, answered_ns: int | None) -> Wrong:
    """Lockstep: a command answers the last joint state, once. All are stamps."""
    if stamp_ns != state_ns:
        return "stamp", f"stamp {stamp_ns}; the last joint state has {state_ns}"
    if answered_ns == stamp_ns:
        return "repeated", f"stamp {stamp_ns} is answered already"
    return None


def wrong_age(age_ns: int, timeout_ns: int) -> Wrong:
    """Realtime: how old the joint state is that a command answers."""
    if age_ns > timeout_ns:
        return "stale", f"answers a joint state that is {age_ns / 1e9:.3f} s old"
    if age_ns < -FUTURE_NS:
        return "future", f"answers a joint state {-age_ns / 1e9:.3f} s in the future"
    return None


def too_far(positions: Array, state: JointState, joints: Sequence[str]) -> Wrong:
    """A motion must not begin with positions (n,) far from the robot's: somebody believes that it is elsewhere."""
    error = np.abs(positions - state.position)
    worst = int(np.argmax(error))
    if error[worst] <= START_RAD:
        return None
    return "start", f"{joints[worst]} is {error[worst]:.2f} rad from where the motion begins; at most {START_RAD:g} rad"


def name_of(source: str) -> str:
    """The node's name in "node id:version"."""
    return source.partition(" ")[0]


def finite(values: Array) -> bool:
    """Whether all values (n,) are finite; for few values faster than numpy's."""
    return all(map(isfinite, values.tolist()))


def _shape(values: Any) -> tuple[int, ...] | None:
    """None: no numbers at all."""
    try:
        return np.asarray(values, dtype=np.float64).shape
    except (TypeError, ValueError):
        return None
