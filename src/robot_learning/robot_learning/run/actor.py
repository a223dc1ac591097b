"""The step from a measured joint state to a command: observe, act, convert. The nodes and the in-process runner share it."""

from collections.abc import Callable

import numpy as np

from robot_learning.control import linear_gaussian, noise
from robot_learning.control.actions import to_command
from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array, Command, JointState, LinearGaussian
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.robots.description import Mode, Robot
from robot_learning.tasks.description import Condition, TaskConfig
from robot_learning.tasks.state import observe, since

NO_PLACES: Array = np.zeros((0, 3))
Count = Callable[[str], None]  # one more of a kind of what happens in an episode
Act = Callable[[int, Array, Array | None], Array]  # (step, state (dx,), noise (du,) or None for the mean) -> action (du,)


class Actor:
    """Answers joint states during one episode."""

    def __init__(
        self, robot: Robot, chain: Chain, task: TaskConfig, condition: Condition, act: Act, source: str, mode: Mode | None = None
    ) -> None:
        """`source` names the commands' origin: node name, and id:version of the controller or policy."""
        self._robot, self._chain, self._task, self._condition = robot, chain, task, condition
        self._act, self._source, self._mode = act, source, mode or robot.command_mode
        self._before: tuple[int, Array] | None = None  # stamp of the last joint state that was answered, and where the objects were

    def answer(self, state: JointState, step: int, noise_t: Array | None, places: Array = NO_PLACES) -> Command:
        """The command for the joint state that was measured at `step`; steps follow each other.

        noise_t (du,) is standard normal, None: the mean action. places (k, 3): where the task's objects are, base frame, m.
        """
        last_ns, before = self._before or (state.stamp_ns - 1, places)
        self._before = state.stamp_ns, places
        objects = since(before, places, state.stamp_ns - last_ns)
        x = observe(self._chain, self._task, self._condition, state.position, state.velocity, objects)
        values = to_command(self._robot, self._mode, self._act(step, x, noise_t), state.position)
        return Command(state.stamp_ns, self._mode, values, self._source, step)


def local(controller: LinearGaussian) -> Act:
    """Acts by a local controller (T, …)."""
    roots = np.linalg.cholesky(controller.covariance)

    def act(step: int, x: Array, noise_t: Array | None) -> Array:
        mean = linear_gaussian.act(controller, step, x)
        return mean if noise_t is None else mean + np.add.reduce(roots[step] * noise_t, axis=-1)

    return act


def network(policy: GaussianPolicy) -> Act:
    """Acts by the global policy, the same at every step."""
    return lambda step, x, noise_t: policy.act(x, noise_t)


def exploration(seed: int, horizon: int, action_dim: int, wanted: bool) -> Array | list[None]:
    """The noise of each step of an episode, indexed by step: (T, du), or None for each."""
    return noise.draw(seed, horizon, action_dim) if wanted else [None] * horizon
