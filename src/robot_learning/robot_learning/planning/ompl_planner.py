"""Motions by OMPL's RRT-Connect (Kuffner and LaValle 2000; Şucan, Moll and Kavraki 2012), with this folder's collision checks.

The straight line comes first. What RRT-Connect finds is shortened by OMPL's path simplifier. Both draw from OMPL's generator, which is
seeded for each request: the same request in the same scene gives the same path, unless time runs out.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ompl import base, geometric, util

from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array
from robot_learning.planning import ik
from robot_learning.planning.contacts import Margins
from robot_learning.planning.free_space import FreeSpace
from robot_learning.planning.planner import Plan, PlanningFailed, PlanRequest, check
from robot_learning.planning.timing import timed
from robot_learning.robots.description import Robot
from robot_learning.tasks.description import Condition, TaskConfig

ENGINE = "ompl"


class OmplPlanner:
    """A `Planner` for one robot in the scene of one condition of a task. It is the embedded default."""

    def __init__(
        self,
        robot: Robot,
        urdf_path: Path,
        task: TaskConfig | None = None,
        condition: Condition | None = None,
        margins: Margins | None = None,
        rate_hz: float = 50.0,
    ) -> None:
        """Start and goal keep the margins, the way between them at least half of each; `rate_hz`: of the motions' samples."""
        util.setLogLevel(util.LogLevel.LOG_NONE)
        self.robot = robot
        self._rate_hz = rate_hz
        self._chain = Chain.from_urdf(urdf_path, robot.base_link, robot.tool_link, robot.joints)
        self.space = FreeSpace(robot, urdf_path, task, condition, margins)

    def plan(self, request: PlanRequest) -> Plan:
        """A motion from start to goal that keeps to the path that was checked.

        Raises:
            UsageError: the request makes no sense for this robot.
            PlanningFailed: start or goal in collision, goal out of reach, or no solution in time.
        """
        began = time.monotonic()
        check(request, self.robot)
        start = np.array(request.start, dtype=float)
        touching = self.space.touching(start)
        if touching is not None:
            raise PlanningFailed("start in collision", " with ".join(touching))
        goal = self._goal(request, start)
        path = np.array([start, goal])
        if not self.space.line_is_free(start, goal):
            path = self._search(start, goal, request.seed, began + request.time_limit_s)
        motion = timed(path, self.robot.limits, request.velocity_scale, request.acceleration_scale, self._rate_hz)
        return Plan(path, motion, ENGINE, time.monotonic() - began)

    def close(self) -> None:
        """Free the physics client."""
        self.space.close()

    def _goal(self, request: PlanRequest, start: Array) -> Array:
        """Joint positions that are free: those asked for, or the first of some that put the tool at the pose asked for."""
        if request.goal is not None:
            candidates = iter([np.array(request.goal, dtype=float)])
        else:
            pose = np.asarray(request.goal_pose, dtype=float)
            candidates = ik.solutions(self._chain, self.robot.limits, pose, start, np.random.default_rng(request.seed))
        touching = None
        for goal in candidates:
            touching = self.space.touching(goal)
            if touching is None:
                return goal
        if touching is None:
            raise PlanningFailed("goal out of reach", f"no joint positions of {self.robot.name} put {self.robot.tool_link} there")
        raise PlanningFailed("goal in collision", " with ".join(touching))

    def _search(self, start: Array, goal: Array, seed: int, until: float) -> Array:
        """Corners (k, n) of a free path."""
        n = len(start)
        information = base.SpaceInformation(self._sampled(start, goal))
        information.setStateValidityChecker(lambda state: self.space.is_free(_positions(state, n)))
        information.setMotionValidator(_Lines(information, self.space.line_is_free, n))
        information.setup()
        util.RNG.setSeed(seed + 1)  # 0 would mean a seed by chance
        problem = base.ProblemDefinition(information)
        problem.setStartAndGoalStates(_state(information, start), _state(information, goal))
        planner = geometric.RRTConnect(information)
        planner.setProblemDefinition(problem)
        planner.setup()
        left_s = until - time.monotonic()
        if left_s > 0.0:
            planner.solve(left_s)
        if not problem.hasExactSolution():
            raise PlanningFailed("no solution in time", "start and goal may also lie in parts of the space that are not connected")
        path = problem.getSolutionPath()
        simplifier = geometric.PathSimplifier(information)
        simplifier.reduceVertices(path)
        simplifier.partialShortcutPath(path)
        simplifier.reduceVertices(path)  # each corner is a stop
        corners = np.array([_positions(state, n) for state in path.getStates()])
        corners[0], corners[-1] = start, goal
        return corners

    def _sampled(self, start: Array, goal: Array) -> base.RealVectorStateSpace:
        """The joints' ranges, of those that turn more than once only what is within half a turn of start or goal."""
        limits = self.robot.limits
        lower = np.maximum(limits.position_lower, np.minimum(start, goal) - np.pi)
        upper = np.minimum(limits.position_upper, np.maximum(start, goal) + np.pi)
        space, bounds = base.RealVectorStateSpace(len(start)), base.RealVectorBounds(len(start))
        for i, (low, high) in enumerate(zip(lower.tolist(), upper.tolist(), strict=True)):
            bounds.setLow(i, low)
            bounds.setHigh(i, high)
        space.setBounds(bounds)
        return space


class _Lines(base.MotionValidator):
    """OMPL asks here whether it can go straight from one state to another."""

    def __init__(self, information: base.SpaceInformation, is_free: Callable[[Array, Array], bool], n: int) -> None:
        super().__init__(information)
        self._is_free, self._n = is_free, n

    def checkMotion(self, start: base.State, end: base.State) -> bool:  # noqa: N802 (OMPL's name)
        """Whether the straight line is free."""
        return self._is_free(_positions(start, self._n), _positions(end, self._n))


def _positions(state: base.State, n: int) -> Array:
    return np.array([state[i] for i in range(n)])


def _state(information: base.SpaceInformation, positions: Array) -> base.State:
    state = information.allocState()
    for i, value in enumerate(positions):
        state[i] = float(value)
    return state
