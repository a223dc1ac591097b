"""The rest of the graph, for tests of one node that commands: joint states, status, services, weights."""

import numpy as np
from robot_learning_interfaces.msg import EpisodeStatus, JointCommand
from robot_learning_interfaces.srv import FinishEpisode, LoadController, PrepareEpisode
from sensor_msgs.msg import JointState

from robot_learning.core.types import JointState as State
from robot_learning.core.types import LinearGaussian
from robot_learning.data import cdr
from robot_learning.models import weights
from robot_learning.models.manifest import manifest
from robot_learning.nodes import messages, qos
from robot_learning.run.robots import load_chain, load_robot
from robot_learning.run.tasks import load_task
from robot_learning.tasks.conditions import draw
from robot_learning.tasks.state import layout, observe, state_dim

FR3, TASK = load_robot("fr3"), load_task("reach")
CHAIN = load_chain(FR3)
CONDITION = draw(TASK, FR3, CHAIN, "train", 1, 0)[0]
DX = state_dim(TASK, 7)
MODE = FR3.modes[FR3.command_mode]


def controller(T=50, dx=DX, du=7):
    rng = np.random.default_rng(0)
    return LinearGaussian(0.1 * rng.normal(size=(T, du, dx)), rng.normal(size=(T, du)), np.tile(np.eye(du), (T, 1, 1)))


def request(kind, name, version, **change):
    fields = {"episode": "e", "robot": "fr3", "task": "reach", "horizon": 40, "controller": kind, "id": name, "version": version}
    return PrepareEpisode.Request(**{"condition": messages.to_condition(CONDITION)} | fields | change)


class Stage:
    """The rest of the graph."""

    def __init__(self, peer, name):
        self.peer, self.name, self.commands = peer, name, []
        self.states = peer.node.create_publisher(JointState, FR3.joint_states_topic, qos.CONTROL_WRITER)
        self.status = peer.node.create_publisher(EpisodeStatus, "/episode_status", qos.LATCHED)
        peer.node.create_subscription(JointCommand, "/joint_command", self.on_command, qos.RECORDER_READER, raw=True)
        peer.matched(self.status)
        self.rng = np.random.default_rng(5)

    def on_command(self, raw):
        self.commands.append(cdr.joint_command(raw, FR3.joints))

    def load(self, value):
        answer = LoadController.Request(controller=messages.to_linear_gaussian(value))
        return self.peer.call(LoadController, "/local_controller/load", answer)

    def prepare(self, *arguments, **change):
        return self.peer.call(PrepareEpisode, f"/{self.name}/prepare", request(*arguments, **change))

    def prepared(self, *arguments, **change):
        """Asks until there is nothing to wait for, as the episode manager does."""
        answers = []
        ready = self.peer.until(lambda: answers.append(self.prepare(*arguments, **change)) or answers[-1].ok, 5.0)
        self.peer.matched(self.states)
        return ready

    def finish(self):
        return messages.counts(self.peer.call(FinishEpisode, f"/{self.name}/finish", FinishEpisode.Request(episode="e")))

    def state(self, stamp):
        state = State(stamp, np.array(FR3.home) + 0.1 * self.rng.normal(size=7), self.rng.normal(size=7), np.zeros(7))
        self.states.publish(cdr.to_joint_state(state, FR3.joints))
        return state

    def answer(self, stamp):
        """The command for a joint state, in lockstep."""
        count, state = len(self.commands), self.state(stamp)
        assert self.peer.until(lambda: len(self.commands) > count), "no command"
        x = observe(CHAIN, TASK, CONDITION, state.position, state.velocity)
        return x, self.commands[-1]


def packed(policy, version, **change):
    content = manifest(policy, "fr3", FR3.command_mode, "reach", TASK.rate_hz, layout(TASK, 7), MODE.action_scale)
    return weights.pack(policy.state(), content | {"policy": "global", "version": version} | change)
