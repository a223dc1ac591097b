"""How the global policy acts, and how it is stored and sent, whatever its kind."""

from robot_learning.models.manifest import manifest
from robot_learning.models.planner import Planner
from robot_learning.models.policy import Policy
from robot_learning.models.weights import pack
from robot_learning.robots.description import Mode, Robot
from robot_learning.run.actor import Act, Count, network
from robot_learning.run.replanning import replanning
from robot_learning.run.setting import Setting
from robot_learning.tasks.description import Condition, TaskConfig
from robot_learning.tasks.state import layout


def acting(policy: Policy, robot: Robot, mode: Mode, task: TaskConfig, condition: Condition, count: Count) -> Act:
    """The actions of one episode in `condition`; `count` hears of what went otherwise than planned."""
    return replanning(policy, robot, mode, task, condition, count) if isinstance(policy, Planner) else network(policy)


def packed(policy: Policy, setting: Setting, name: str, version: int) -> bytes:
    """The weights of a policy of an experiment, with the manifest by which a user checks them."""
    robot, mode, task = setting.robot, setting.mode, setting.task
    names = layout(task, len(robot.joints))
    content = manifest(policy, robot.name, mode, task.name, task.rate_hz, names, robot.modes[mode].action_scale)
    return pack(policy.state(), {**content, "policy": name, "version": version})
