"""The safety gate of a robot whose driver is not there yet says so, and says when the robot speaks."""

import threading

import numpy as np
import pytest
from sensor_msgs.msg import JointState

from robot_learning.core.types import JointState as State
from robot_learning.data import cdr
from robot_learning.nodes import qos
from robot_learning.run.notices import MARK
from robot_learning.run.robots import load_robot

pytestmark = pytest.mark.ros
DOMAIN = 50
FR3 = load_robot("fr3")


@pytest.mark.parametrize("backend", ["real", "mock"])
def test_a_silent_robot_is_named_by_its_topic_until_it_speaks(start, peer, backend):
    process = start("safety_gate", robot="fr3", clock="realtime", backend=backend)
    told, unwatched = [], []

    def listen():
        for line in process.stdout:
            (unwatched if "is not installed" in line else told).append(line)

    reader = threading.Thread(target=listen, daemon=True)
    reader.start()
    assert peer.until(lambda: told)
    assert told[0].startswith(f"{MARK}no usable joint state on {FR3.joint_states_topic} for ")
    states, stamps = peer.node.create_publisher(JointState, FR3.joint_states_topic, qos.CONTROL_WRITER), iter(range(1, 100_000))

    def speak():
        states.publish(cdr.to_joint_state(State(next(stamps), np.array(FR3.home), np.zeros(7), np.zeros(7)), FR3.joints))

    assert peer.until(lambda: len(told) > 1, idle=speak)
    assert told[1] == f"{MARK}joint states arrive on {FR3.joint_states_topic}\n"
    process.terminate()
    assert process.wait(3.0) == 0
    reader.join(3.0)
    assert len(told) == 2
    assert [line.split(":")[1] for line in unwatched] == [" the package franka_msgs is not installed"] * (backend == "real")
