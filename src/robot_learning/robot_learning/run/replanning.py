"""Acting by model-predictive control: iLQR plans anew at every step, on a model that was learned (control/mpc.py)."""

from dataclasses import replace

import numpy as np

from robot_learning.control import mpc
from robot_learning.control.initial import hold
from robot_learning.control.linear_gaussian import stack
from robot_learning.control.mpc import Model, MpcConfig
from robot_learning.core.types import Array, QuadraticCost
from robot_learning.run.actor import Act
from robot_learning.run.setting import Setting
from robot_learning.tasks import cost as task_cost
from robot_learning.tasks.description import Condition
from robot_learning.tasks.state import state_dim

HORIZON = 15  # steps that are planned ahead
ITERATIONS = 3  # of iLQR at each step
VELOCITY = 0.03  # s²/rad², weight of joint velocities
LIMIT = 100.0  # 1/rad², weight of positions beyond the margin
MARGIN = 0.1  # rad, from the limits of position


class PlanningCost:
    """The task's cost, and two terms that keep plans where the model holds.

    A task may leave an arm free to move without moving the tool. Controllers that are optimized over whole episodes do not use that
    freedom, a short plan has no reason not to, and drifts to where the model has seen nothing: so velocities cost a little. And the
    model knows nothing of limits, at which the safety gate holds the arm: ½ LIMIT e² for each joint that is e within MARGIN of one.
    """

    def __init__(self, setting: Setting) -> None:
        weights = setting.task.cost
        self._task = replace(setting.task, cost=replace(weights, velocity=max(weights.velocity, VELOCITY)))
        self._lower = np.array(setting.robot.limits.position_lower) + MARGIN
        self._upper = np.array(setting.robot.limits.position_upper) - MARGIN

    def cost(self, states: Array, actions: Array) -> Array:
        """The cost (…, T + 1) of each step; states (…, T + 1, dx), actions (…, T, du)."""
        total: Array = task_cost.cost(self._task, states, actions) + 0.5 * LIMIT * np.sum(self._beyond(states) ** 2, axis=-1)
        return total

    def expand(self, states: Array, actions: Array) -> QuadraticCost:
        """Its quadratic around each step, in absolute coordinates."""
        H, g, c = task_cost.expand(self._task, states, actions)
        beyond, joints = self._beyond(states), range(len(self._lower))
        bound = states[..., joints] - beyond
        active = LIMIT * (beyond != 0)
        H[..., joints, joints] += active
        g[..., joints] -= active * bound
        return QuadraticCost(H, g, c + 0.5 * np.sum(active * bound**2, axis=-1))

    def _beyond(self, states: Array) -> Array:
        q = states[..., : len(self._lower)]
        beyond: Array = np.maximum(q - self._upper, 0.0) + np.minimum(q - self._lower, 0.0)
        return beyond


def replanning(model: Model, setting: Setting, condition: Condition, horizon: int = HORIZON, config: MpcConfig | None = None) -> Act:
    """Acts by planning `horizon` steps ahead, at first from the controller that holds the start.

    It remembers its plan: one for each episode.
    """
    costs = PlanningCost(setting)
    problem = mpc.on_model(model, costs.cost, costs.expand)
    dx = state_dim(setting.task, len(setting.robot.joints))
    first = hold(setting.robot, setting.mode, condition.initial_positions, dx, horizon)
    plan, config = mpc.start(stack([first])), config or MpcConfig(iterations=ITERATIONS)

    def act(step: int, x: Array, noise_t: Array | None) -> Array:
        nonlocal plan
        decision = mpc.replan(problem, x[None], plan, config)
        plan = mpc.shifted(decision.plan)
        action: Array = decision.action[0]
        if noise_t is None:
            return action
        return action + np.add.reduce(np.linalg.cholesky(decision.plan.controller.covariance[0, 0]) * noise_t, axis=-1)

    return act
