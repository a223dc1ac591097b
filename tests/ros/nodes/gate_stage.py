"""A robot that stands still and a policy, in the test's process, around a safety gate that runs as a process of its own."""

import time

import numpy as np
from robot_learning_interfaces.msg import GateStatus, JointCommand
from robot_learning_interfaces.srv import FinishEpisode, PrepareEpisode
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray

from robot_learning.core.types import Command
from robot_learning.core.types import JointState as State
from robot_learning.data import cdr
from robot_learning.nodes import qos
from robot_learning.run.robots import load_robot

FR3 = load_robot("fr3")
TOPIC = FR3.modes["effort"].topic
HOME = np.array(FR3.home)
MS = 1_000_000


class Stage:
    """A robot that stands still and a policy that pushes with 1 N·m, both in the test's process."""

    def __init__(self, peer):
        self.peer, node = peer, peer.node
        self.outputs, self.status = [], []
        self.states = node.create_publisher(JointState, FR3.joint_states_topic, qos.CONTROL_WRITER)
        self.commands = node.create_publisher(JointCommand, "/joint_command", qos.CONTROL_WRITER)
        self.stop = node.create_publisher(Bool, "/safety/stop", qos.LATCHED)
        node.create_subscription(Float64MultiArray, TOPIC, self.on_output, qos.RECORDER_READER)
        node.create_subscription(GateStatus, "/safety_gate/status", self.status.append, qos.LATCHED)
        self.next_state = self.next_command = 0.0
        self.policy_runs = False
        self.values = np.ones(7)
        peer.matched(self.states, self.commands, self.stop)

    def on_output(self, message):
        self.outputs.append((time.monotonic(), np.array(message.data)))

    def idle(self):
        now = time.monotonic()
        if now >= self.next_state:
            self.next_state = now + 0.01
            self.stamp = time.time_ns()
            self.states.publish(cdr.to_joint_state(State(self.stamp, HOME, np.zeros(7), np.zeros(7)), FR3.joints))
        if self.policy_runs and now >= self.next_command:
            self.next_command = now + 0.05
            self.command(self.values)

    def command(self, values, stamp=None, joints=FR3.joints, source="policy p:1"):
        stamp = self.stamp if stamp is None else stamp
        self.commands.publish(cdr.to_joint_command(Command(stamp, "effort", values, source), joints))
        return time.monotonic()

    def run(self, seconds):
        self.peer.until(lambda: False, seconds, self.idle)

    def until(self, done, seconds=20.0):
        assert self.peer.until(done, seconds, self.idle)

    def arm(self):
        request = PrepareEpisode.Request(episode="e", robot="fr3", task="reach", controller="policy")
        return self.peer.call(PrepareEpisode, "/safety_gate/prepare", request, self.idle)

    def move(self):
        """Arms until the policy's pushes arrive: on a busy machine the gate may have found it silent."""
        self.policy_runs, until, said = True, time.monotonic() + 20.0, ""
        while time.monotonic() < until:
            answer = self.arm()
            said = answer.message
            if not answer.ok:
                self.run(0.05)
                continue
            count = len(self.outputs)
            if self.peer.until(lambda c=count: any(np.all(v == self.values) for _, v in self.outputs[c:]), 1.0, self.idle):
                return
        raise AssertionError(f"it does not move: {said or self.reason}")

    def finish(self):
        return self.peer.call(FinishEpisode, "/safety_gate/finish", FinishEpisode.Request(episode="e"), self.idle)

    @property
    def reason(self):
        return self.status[-1].reason if self.status else None
