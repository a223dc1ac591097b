"""Episodes that were recorded: from a committed bag to what a learner gets, also if the episode did not end well."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from robot_learning.core.errors import WorkFailed
from robot_learning.core.types import Recording
from robot_learning.data.bag_reader import Bag
from robot_learning.data.cdr import joint_command, joint_state, object_pose
from robot_learning.data.decode import object_topic
from robot_learning.data.frames import beginning, recording
from robot_learning.data.messages import BadMessage
from robot_learning.run.episodes import Episode, episode
from robot_learning.run.setting import Setting
from robot_learning.tasks.description import Condition
from robot_learning.tasks.state import state_dim

T = TypeVar("T")


def read(setting: Setting, condition: Condition, bag: Bag, counts: Mapping[str, int]) -> Episode:
    """The episode in a bag. What cannot be read of one that ran to its end is a fault; of one with a fault the good beginning is left."""
    ending = bag.ending
    if ending == "time":
        try:
            return _episode(setting, condition, bag, ending, counts, _whole(setting, bag))
        except WorkFailed as error:
            ending = f"fault: {error}"
    try:
        return _episode(setting, condition, bag, ending, counts, _beginning(setting, bag))
    except WorkFailed:  # not even one step
        return without_frames(setting, ending, str(bag.path), counts)


def without_frames(setting: Setting, ending: str, bag: str, counts: Mapping[str, int]) -> Episode:
    """An episode of which nothing is known but how it ended: every array has 0 rows, and the distance is NaN."""
    n, objects = len(setting.robot.joints), len(setting.task.objects)
    nothing = np.zeros((0, n))
    frames = Recording(np.zeros(0, np.int64), nothing, nothing, setting.mode, nothing, np.zeros((0, objects, 3)))
    states = np.zeros((0, state_dim(setting.task, n)))
    return Episode(frames, states, nothing, np.zeros(0), float("nan"), ending, bag, counts)


def _episode(s: Setting, condition: Condition, bag: Bag, ending: str, counts: Mapping[str, int], frames: Recording) -> Episode:
    return episode(s.robot, s.chain, s.task, condition, frames, ending, str(bag.path), counts)


def _whole(s: Setting, bag: Bag) -> Recording:
    states, commands = bag.joint_states(s.robot.joint_states_topic, s.robot.joints), bag.commands(s.robot.joints)
    objects = bag.objects([one.name for one in s.task.objects], s.robot.base_link)
    return recording(states, commands, _period_ns(s), objects, _lockstep(bag))


def _beginning(s: Setting, bag: Bag) -> Recording:
    """The steps before the first gap, if malformed messages and commands in another mode are left out."""
    robot = s.robot
    states = _good(bag, robot.joint_states_topic, lambda raw: joint_state(raw, robot.joints))
    commands = _good(bag, "/joint_command", lambda raw: joint_command(raw, robot.joints))
    objects = [_good(bag, object_topic(one.name), lambda raw: object_pose(raw, robot.base_link)) for one in s.task.objects]
    return beginning(states, [command for command in commands if command.mode == s.mode], _period_ns(s), objects, _lockstep(bag))


def _good(bag: Bag, topic: str, value: Callable[[bytes], T]) -> Sequence[T]:
    found = []
    for message in bag.raw(topic):
        try:
            found.append(value(message.data))
        except BadMessage:
            continue
    return found


def _period_ns(s: Setting) -> int:
    return round(1e9 / s.task.rate_hz)


def _lockstep(bag: Bag) -> bool:
    return bag.about.get("clock") != "realtime"
