"""What a learner asks for and gets, wherever its episodes run: in process or through the ROS graph."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from robot_learning.control.actions import to_action
from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array, LinearGaussian, Recording, Rollouts
from robot_learning.models.policy import Policy
from robot_learning.robots.description import Mode, Robot
from robot_learning.tasks.cost import cost
from robot_learning.tasks.cost_terms import with_robot
from robot_learning.tasks.description import Condition, TaskConfig
from robot_learning.tasks.state import moving, observe
from robot_learning.tasks.success import distance


class EpisodeRequest(NamedTuple):
    """One episode to run."""

    condition: Condition
    controller: LinearGaussian | None  # None: the global policy that was loaded last
    seed: int = 0  # of the exploration noise
    noise: bool = True  # False: the mean action
    cameras: tuple[str, ...] = ()  # names in config/cameras to render and record
    record: bool = True  # keep a bag; in process there is none


class Episode(NamedTuple):
    """One episode that ran."""

    recording: Recording
    states: Array  # (T + 1, dx)
    actions: Array  # (T, du), dimensionless, as asked for (before the gate)
    cost: Array  # (T + 1,), per step
    distance: float  # m, of the first object, or the first tool point, to its place, at the last step
    ending: str  # "time", "cancelled" or "fault: <reason>"
    bag: str  # path of the committed bag; empty if none
    counts: Mapping[str, int]  # such as "gate.changed"


class EpisodeRunner(Protocol):
    """Runs episodes."""

    def load(self, policy: Policy, version: int) -> None:
        """From now on the global policy is `policy`."""
        ...

    def run(self, requests: Sequence[EpisodeRequest]) -> list[Episode]:
        """The episodes, in the order of the requests."""
        ...


def episode(
    robot: Robot,
    chain: Chain,
    task: TaskConfig,
    condition: Condition,
    recording: Recording,
    ending: str,
    bag: str,
    counts: Mapping[str, int],
) -> Episode:
    """The episode behind a recording, from a live run or from a bag: the same bits for both."""
    objects = moving(recording.stamps_ns, recording.objects) if task.objects else None
    states = observe(chain, task, condition, recording.positions, recording.velocities, objects)
    mode: Mode = recording.mode  # type: ignore[assignment]
    actions = to_action(robot, mode, recording.commands, recording.positions[:-1])
    costs = cost(with_robot(task, robot, mode), states, actions)
    return Episode(recording, states, actions, costs, float(distance(task, states[-1])), ending, bag, counts)


def rollouts(episodes: Sequence[Episode], conditions: int) -> Rollouts:
    """Episodes, condition by condition and equally many of each, as one batch: states (C, N, T + 1, dx), actions (C, N, T, du)."""
    states, actions = np.stack([e.states for e in episodes]), np.stack([e.actions for e in episodes])
    return Rollouts(states.reshape(conditions, -1, *states.shape[1:]), actions.reshape(conditions, -1, *actions.shape[1:]))
