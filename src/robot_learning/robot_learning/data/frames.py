"""One episode as fixed-rate frames. The same lines serve a live run and a bag, so that both give the same bits.

A command carries the stamp of the joint state that it answers. A frame is therefore a command with the joint state of the same
stamp; the last frame is the joint state that the last command led to, one period later. An object is where the newest pose says that
is not later than the joint state: in lockstep the one of the same stamp.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from robot_learning.core.errors import WorkFailed
from robot_learning.core.types import NO_OBJECTS, Array, Command, JointState, ObjectPose, Recording

ROUNDING_NS = 1_000  # a rate such as 30 Hz has no whole number of nanoseconds
MOST_PERIODS = 1.5  # between two frames; more is a gap
OBJECT_AGE_NS = 250_000_000  # of an object's pose, in realtime

Objects = Sequence[Iterable[ObjectPose]]  # the poses of each object of the task


def recording(
    joint_states: Iterable[JointState], commands: Iterable[Command], period_ns: int, objects: Objects = (), lockstep: bool = True
) -> Recording:
    """The frames of one episode, in the order of the steps; repeated messages count once.

    Args:
        joint_states: in any order; more than are needed may be there.
        commands: steps 0 to T - 1, all of one mode.
        period_ns: between two steps.
        objects: in any order; more than are needed may be there.
        lockstep: whether the poses of objects have the very stamps of the joint states.

    Raises:
        WorkFailed: names the first gap: a missing step, a joint state or a pose that is not there, a step that took too long.
    """
    states = _by_stamp(joint_states)
    steps = _by_step(commands)
    for step, command in enumerate(steps):
        if command.stamp_ns not in states:
            raise WorkFailed(f"step {step}: no joint state with the stamp {_seconds(command.stamp_ns)} that its command answers")
        _check_interval(step, command.stamp_ns - steps[step - 1].stamp_ns if step else period_ns, period_ns)
    frames = [states[command.stamp_ns] for command in steps]
    frames.append(_final(states, steps[-1], period_ns))
    stamps = [state.stamp_ns for state in frames]
    return Recording(
        np.array(stamps, dtype=np.int64),
        np.stack([state.position for state in frames]),
        np.stack([state.velocity for state in frames]),
        steps[0].mode,
        np.stack([command.values for command in steps]),
        np.stack([_places(list(poses), stamps, lockstep) for poses in objects], axis=1) if objects else NO_OBJECTS,
    )


def beginning(
    joint_states: Iterable[JointState], commands: Iterable[Command], period_ns: int, objects: Objects = (), lockstep: bool = True
) -> Recording:
    """The frames up to the first gap, of an episode that did not run to its end; WorkFailed if there is not even one step."""
    states, asked, seen = list(joint_states), sorted(commands, key=lambda command: command.step), [list(poses) for poses in objects]
    for steps in range(len(asked), 1, -1):
        try:
            return recording(states, asked[:steps], period_ns, seen, lockstep)
        except WorkFailed:
            continue
    return recording(states, asked[:1], period_ns, seen, lockstep)


def pose_at(poses: Iterable[ObjectPose], stamp_ns: int, lockstep: bool) -> ObjectPose | None:
    """Where an object is for the joint state with this stamp; None if nobody has said so."""
    age = 0 if lockstep else OBJECT_AGE_NS
    known = [pose for pose in poses if 0 <= stamp_ns - pose.stamp_ns <= age]
    return max(known, key=lambda pose: pose.stamp_ns) if known else None


def is_final(stamp_ns: int, last_command_ns: int, period_ns: int) -> bool:
    """Whether a joint state with this stamp shows where the command with the other one led to."""
    return stamp_ns >= last_command_ns + period_ns - ROUNDING_NS


def _places(poses: list[ObjectPose], stamps_ns: list[int], lockstep: bool) -> Array:
    """Positions (T + 1, 3) of one object at the stamps of the frames."""
    if lockstep:  # each stamp has one pose: found at once
        known = {pose.stamp_ns: pose for pose in poses}
        found = [known.get(stamp) for stamp in stamps_ns]
    else:
        found = [pose_at(poses, stamp, lockstep) for stamp in stamps_ns]
    for step, (pose, stamp) in enumerate(zip(found, stamps_ns, strict=True)):
        if pose is None:
            raise WorkFailed(f"step {step}: no pose of an object for the joint state with the stamp {_seconds(stamp)}")
    return np.stack([pose.position for pose in found if pose is not None])


def _by_stamp(joint_states: Iterable[JointState]) -> dict[int, JointState]:
    states: dict[int, JointState] = {}
    for state in joint_states:
        known = states.setdefault(state.stamp_ns, state)
        if known is not state and not (np.array_equal(known.position, state.position) and np.array_equal(known.velocity, state.velocity)):
            raise WorkFailed(f"two different joint states have the stamp {_seconds(state.stamp_ns)}")
    return states


def _by_step(commands: Iterable[Command]) -> list[Command]:
    steps: dict[int, Command] = {}
    for command in commands:
        known = steps.setdefault(command.step, command)
        if known is not command and (known[:2] != command[:2] or not np.array_equal(known.values, command.values)):
            raise WorkFailed(f"step {command.step}: two different commands")
    if not steps:
        raise WorkFailed("no command was recorded")
    missing = next((step for step in range(len(steps)) if step not in steps), None)
    if missing is not None:
        raise WorkFailed(f"step {missing}: no command, but there is one of step {max(steps)}")
    ordered = [steps[step] for step in range(len(steps))]
    for command in ordered:
        if command.mode != ordered[0].mode:
            raise WorkFailed(f"step {command.step}: mode {command.mode}, {ordered[0].mode} before")
    return ordered


def _final(states: dict[int, JointState], last: Command, period_ns: int) -> JointState:
    later = [stamp for stamp in states if is_final(stamp, last.stamp_ns, period_ns)]
    if not later:
        raise WorkFailed(f"no joint state after the last command (step {last.step}, {_seconds(last.stamp_ns)})")
    _check_interval(last.step + 1, min(later) - last.stamp_ns, period_ns)
    return states[min(later)]


def _check_interval(step: int, interval_ns: int, period_ns: int) -> None:
    if not 0 < interval_ns <= MOST_PERIODS * period_ns:
        raise WorkFailed(f"gap before step {step}: {interval_ns / 1e6:g} ms after the step before it; the period is {period_ns / 1e6:g} ms")


def _seconds(stamp_ns: int) -> str:
    return f"{stamp_ns // 1_000_000_000}.{stamp_ns % 1_000_000_000:09d} s"
