"""Joint states, commands and outputs of an episode, as library values and as serialized messages."""

from functools import cache

import numpy as np

from robot_learning.core.types import Command, JointState
from robot_learning.data.definitions import typestore

JOINTS = tuple(f"fr3_joint{i}" for i in range(1, 8))
PERIOD_NS = 50_000_000
START_NS = 7_000_000_000
JOINT_STATE, JOINT_COMMAND = "sensor_msgs/msg/JointState", "robot_learning_interfaces/msg/JointCommand"
OUTPUT = "std_msgs/msg/Float64MultiArray"


def joint_states(steps, seed=0, start=START_NS):
    rng = np.random.default_rng(seed)
    return [JointState(start + k * PERIOD_NS, *rng.normal(size=(3, 7))) for k in range(steps + 1)]


def commands(steps, seed=1, start=START_NS):
    rng = np.random.default_rng(seed)
    return [Command(start + k * PERIOD_NS, "effort", rng.normal(size=7), "local_controller c:1", k) for k in range(steps)]


@cache
def types():
    return typestore().types


def header(stamp_ns):
    stamp = types()["builtin_interfaces/msg/Time"](stamp_ns // 10**9, stamp_ns % 10**9)
    return types()["std_msgs/msg/Header"](stamp, "")


def serialized(value, order=JOINTS):
    """The message of a joint state or command; its joints stand in the given order."""
    index = [JOINTS.index(name) for name in order]
    if isinstance(value, JointState):
        arrays = [np.asarray(a)[index] for a in (value.position, value.velocity, value.effort)]
        message, name = types()[JOINT_STATE](header(value.stamp_ns), list(order), *arrays), JOINT_STATE
    else:
        values = np.asarray(value.values)[index]
        message = types()[JOINT_COMMAND](header(value.stamp_ns), value.mode, list(order), values, value.source, value.step)
        name = JOINT_COMMAND
    return bytes(typestore().serialize_cdr(message, name))


def output(values):
    layout = types()["std_msgs/msg/MultiArrayLayout"]([], 0)
    return bytes(typestore().serialize_cdr(types()[OUTPUT](layout, np.asarray(values)), OUTPUT))
