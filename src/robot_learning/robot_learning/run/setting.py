"""The things that an experiment names: robot, kinematics, task and conditions."""

from pathlib import Path
from typing import NamedTuple

from robot_learning.control.initial import hold
from robot_learning.control.linear_gaussian import stack
from robot_learning.core.errors import UsageError
from robot_learning.core.kinematics import Chain
from robot_learning.core.types import LinearGaussian
from robot_learning.robots.description import Mode, Robot
from robot_learning.run.cells import load_barrier, load_cell
from robot_learning.run.experiment import Experiment
from robot_learning.run.robots import load_chain, load_robot, urdf_path
from robot_learning.run.tasks import load_task
from robot_learning.safety.barrier import Barrier
from robot_learning.tasks.conditions import draw
from robot_learning.tasks.cost_terms import with_robot
from robot_learning.tasks.description import Condition, TaskConfig
from robot_learning.tasks.state import state_dim


class Setting(NamedTuple):
    """What an experiment is about."""

    robot: Robot
    chain: Chain
    urdf: Path
    task: TaskConfig
    mode: Mode
    train: list[Condition]
    heldout: list[Condition]
    barrier: Barrier | None  # what the robot must not come near to


def prepare(experiment: Experiment) -> Setting:
    """Load the robot and the task, and draw the conditions; UsageError is one line."""
    robot, task = load_robot(experiment.robot), load_task(experiment.task)
    if experiment.algorithm == "ilqr" and task.objects:
        raise UsageError(f"experiment {experiment.name}: task: {task.name} has objects; ilqr knows the dynamics of the arm alone")
    chain, count = load_chain(robot), experiment.conditions
    mode = experiment.mode or robot.command_mode
    if mode not in robot.modes:
        raise UsageError(f"experiment {experiment.name}: mode: {robot.name} has no {mode!r}; there is {', '.join(robot.modes)}")
    train = draw(task, robot, chain, "train", count.train, count.seed)
    heldout = draw(task, robot, chain, "heldout", count.heldout, count.seed)
    barrier = load_barrier(robot, load_cell(experiment.cell)) if experiment.cell else None
    return Setting(robot, chain, urdf_path(robot), with_robot(task, robot, mode), mode, train, heldout, barrier)


def first_controllers(setting: Setting) -> LinearGaussian:
    """The controllers (C, T, …) that the first rollouts of the training conditions come from."""
    dx = state_dim(setting.task, len(setting.robot.joints))
    return stack([hold(setting.robot, setting.mode, c.initial_positions, dx, setting.task.horizon) for c in setting.train])
