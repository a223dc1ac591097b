"""Acting by model-predictive control: iLQR plans anew at every step, on a model that was learned (control/mpc.py)."""

from dataclasses import replace

import numpy as np

from robot_learning.control import mpc
from robot_learning.control.initial import hold
from robot_learning.control.linear_gaussian import stack
from robot_learning.control.mpc import MpcConfig
from robot_learning.core.types import Array, QuadraticCost
from robot_learning.models.planner import Planner, PlanningRules
from robot_learning.robots.description import Mode, Robot
from robot_learning.run.actor import Act, Count
from robot_learning.tasks import cost as task_cost
from robot_learning.tasks.cost_terms import with_robot
from robot_learning.tasks.description import Condition, TaskConfig
from robot_learning.tasks.state import state_dim

KEPT_PLAN = "kept_plan"


class PlanningCost:
    """The task's cost, and two terms that keep plans where the model holds.

    A task may leave an arm free to move without moving the tool. Controllers that are optimized over whole episodes do not use that
    freedom, a short plan has no reason not to, and drifts to where the model has seen nothing: so velocities cost a little. And the
    model knows nothing of limits, at which the safety gate holds the arm: ½ limit e² for each joint that is e within the margin of one.
    """

    def __init__(self, robot: Robot, mode: Mode, task: TaskConfig, rules: PlanningRules) -> None:
        weights = task.cost
        self._task = with_robot(replace(task, cost=replace(weights, velocity=max(weights.velocity, rules.velocity))), robot, mode)
        self._limit = rules.limit
        self._lower = np.array(robot.limits.position_lower) + rules.margin
        self._upper = np.array(robot.limits.position_upper) - rules.margin

    def cost(self, states: Array, actions: Array) -> Array:
        """The cost (…, T + 1) of each step; states (…, T + 1, dx), actions (…, T, du)."""
        total: Array = task_cost.cost(self._task, states, actions) + 0.5 * self._limit * np.sum(self._beyond(states) ** 2, axis=-1)
        return total

    def expand(self, states: Array, actions: Array) -> QuadraticCost:
        """Its quadratic around each step, in absolute coordinates."""
        H, g, c = task_cost.expand(self._task, states, actions)
        beyond, joints = self._beyond(states), range(len(self._lower))
        bound = states[..., joints] - beyond
        active = self._limit * (beyond != 0)
        H[..., joints, joints] += active
        g[..., joints] -= active * bound
        return QuadraticCost(H, g, c + 0.5 * np.sum(active * bound**2, axis=-1))

    def _beyond(self, states: Array) -> Array:
        q = states[..., : len(self._lower)]
        beyond: Array = np.maximum(q - self._upper, 0.0) + np.minimum(q - self._lower, 0.0)
        return beyond


def replanning(planner: Planner, robot: Robot, mode: Mode, task: TaskConfig, condition: Condition, count: Count) -> Act:
    """Acts by planning ahead from each measured state, at first from the controller that holds the start.

    It remembers its plan: one for each episode. `count` hears KEPT_PLAN at each step in which no better plan was found.
    """
    rules, costs = planner.rules, PlanningCost(robot, mode, task, planner.rules)
    problem, config = mpc.on_model(planner.net, costs.cost, costs.expand), MpcConfig(rules.iterations)
    first = hold(robot, mode, condition.initial_positions, state_dim(task, len(robot.joints)), rules.horizon)
    plan = mpc.start(stack([first]))

    def act(step: int, x: Array, noise_t: Array | None) -> Array:
        nonlocal plan
        decision = mpc.replan(problem, x[None], plan, config)
        plan = mpc.shifted(decision.plan)
        if decision.outcome[0] != mpc.REPLANNED:
            count(KEPT_PLAN)
        action: Array = decision.action[0]
        if noise_t is None:
            return action
        return action + np.add.reduce(np.linalg.cholesky(decision.plan.controller.covariance[0, 0]) * noise_t, axis=-1)

    return act
