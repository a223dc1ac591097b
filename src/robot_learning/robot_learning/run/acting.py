"""How the global policy acts, whatever its kind."""

from robot_learning.models.planner import Planner
from robot_learning.models.policy import Policy
from robot_learning.robots.description import Mode, Robot
from robot_learning.run.actor import Act, Count, network
from robot_learning.run.replanning import replanning
from robot_learning.tasks.description import Condition, TaskConfig


def acting(policy: Policy, robot: Robot, mode: Mode, task: TaskConfig, condition: Condition, count: Count) -> Act:
    """The actions of one episode in `condition`; `count` hears of what went otherwise than planned."""
    return replanning(policy, robot, mode, task, condition, count) if isinstance(policy, Planner) else network(policy)
