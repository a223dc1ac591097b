"""The simulated arm as known dynamics of a task: what trajectory optimization differentiates.

The simulator has a state that can be set: joint positions and velocities, with no command and no contact remembered. So x' = f(x, u)
is a function: put the arm there, command u for one control step, look. What else the task's state holds, the tool's points, is a
function of the joints alone: f sets it by kinematics, as the nodes do, and its derivatives are by the joints and actions only.

The safety gate is not part of f: where it changes a command, and in trajectory mode, where it gives each motion two periods, an episode
differs from the plan. Nor is what the robot's velocity servo and trajectories remember from one control step to the next.
"""

import numpy as np

from robot_learning.control.actions import to_command
from robot_learning.control.finite_differences import linearize
from robot_learning.control.ilqr import Problem
from robot_learning.core.errors import UsageError
from robot_learning.core.types import Array
from robot_learning.robots.bullet_arm import BulletArm
from robot_learning.run.setting import Setting
from robot_learning.tasks import cost as task_cost
from robot_learning.tasks.description import Condition
from robot_learning.tasks.state import observe

WIDTH = 1e-4  # of the differences, relative: wider than the motors' and contacts' solver is rough


class KnownDynamics:
    """One control step of the simulated arm of a setting, in a physics client of its own."""

    def __init__(self, setting: Setting, physics_hz: int = 240) -> None:
        """UsageError for a task with objects: where they are cannot be set together with how they move."""
        if setting.task.objects:
            raise UsageError(f"task {setting.task.name}: objects: known dynamics are of the arm alone; a task without objects is expected")
        self._setting = setting
        self._arm = BulletArm(setting.robot, setting.urdf, setting.task, physics_hz)
        self._substeps = round(physics_hz / setting.task.rate_hz)

    def problem(self, condition: Condition) -> Problem:
        """What to minimise in a condition. It is the arm's only one until the next is asked for."""
        task, joints = self._setting.task, 2 * len(self._setting.robot.joints)
        self._arm.reset(condition)

        def step(states: Array, actions: Array) -> Array:
            return self._step(condition, states[:, :joints], actions)

        def from_joints(states: Array, actions: Array) -> Array:
            return self._step(condition, states, actions)

        def derivatives(states: Array, actions: Array) -> Array:
            by = linearize(from_joints, states[:, :joints], actions, width=WIDTH)
            dx = states.shape[-1]
            F = np.zeros((*states.shape, dx + actions.shape[-1]))
            F[..., :joints], F[..., dx:] = by[..., :joints], by[..., joints:]
            return F

        return Problem(
            step,
            derivatives,
            lambda states, actions: task_cost.cost(task, states, actions),
            lambda states, actions: task_cost.expand(task, states, actions),
        )

    def close(self) -> None:
        """Free the physics client."""
        self._arm.close()

    def _step(self, condition: Condition, joints: Array, actions: Array) -> Array:
        """The next states (N, dx) after actions (N, du) at joint positions and velocities (N, 2n)."""
        s, arm = self._setting, self._arm
        positions, velocities = np.split(joints, 2, axis=-1)
        commands = to_command(s.robot, s.mode, actions, positions)
        following = np.empty_like(joints)
        for row, (q, dq, values) in enumerate(zip(positions.tolist(), velocities.tolist(), commands.tolist(), strict=True)):
            arm.place(q, dq)
            arm.send(s.mode, values, 1.0 / s.task.rate_hz)
            arm.step(self._substeps)
            state = arm.joint_state()
            following[row] = *state.position, *state.velocity
        return observe(s.chain, s.task, condition, *np.split(following, 2, axis=-1))
