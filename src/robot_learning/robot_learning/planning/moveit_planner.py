"""Motions by MoveIt 2, where it is installed: it plans in a process of its own, and only plans.

Its motions come with MoveIt's own timing. They are checked here against the robot's limits, and go through the safety gate like all.
The scene is MoveIt's: what its planning scene does not know, it does not avoid.
"""

import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array
from robot_learning.planning import ik
from robot_learning.planning.moveit_worker import Answer, MoveItSetup, Wanted, serve
from robot_learning.planning.planner import Motion, Plan, PlanningFailed, PlanRequest, check
from robot_learning.robots.description import Robot

ENGINE = "moveit"
START_S = 60.0  # MoveIt may take for its start, wall time
GRACE_S = 5.0  # beyond a request's time limit: smoothing and timing come after planning
ABOVE = 1.0 + 1e-3  # times a limit is still within it: MoveIt's timing meets limits up to rounding
NEAR = 1e-3  # rad and rad/s, of start, goal and rest


class MoveItPlanner:
    """A `Planner` by moveit_py. `close` ends its process."""

    def __init__(self, robot: Robot, chain: Chain, config: dict[str, Any], group: str, start_s: float = START_S) -> None:
        """Start MoveIt with its `config` (config_dict of MoveItPy) for a joint `group` of the SRDF.

        Raises:
            PlanningFailed: MoveIt is not installed (the line says which package is), or it does not start.
        """
        self.robot, self._chain = robot, chain
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._pipe: Connection = ours
        self._process = context.Process(target=serve, args=(theirs, MoveItSetup(config, group, robot.joints)), daemon=True)
        self._process.start()
        theirs.close()
        try:
            self._answer(start_s, "to start")
        except PlanningFailed:
            self.close()
            raise

    def plan(self, request: PlanRequest) -> Plan:
        """A motion from start to goal in MoveIt's planning scene.

        Raises:
            UsageError: the request makes no sense for this robot.
            PlanningFailed: goal out of reach, no solution, or an answer that is not within the robot's limits.
        """
        began = time.monotonic()
        check(request, self.robot)
        start, goal = np.array(request.start, dtype=float), self._goal(request)
        wanted = Wanted(start, goal, request.velocity_scale, request.acceleration_scale, request.time_limit_s)
        try:
            self._pipe.send(wanted)
        except OSError:
            raise PlanningFailed("engine", "MoveIt's process has ended") from None
        answer = self._answer(request.time_limit_s + GRACE_S, "to plan")
        motion = self._motion(answer, request, start, goal)
        return Plan(motion.positions, motion, ENGINE, time.monotonic() - began)

    def close(self) -> None:
        """End MoveIt's process; it has 2 s to end by itself."""
        self._pipe.close()
        for end in (lambda: None, self._process.terminate, self._process.kill):
            end()
            self._process.join(2.0)
            if not self._process.is_alive():
                return

    def _goal(self, request: PlanRequest) -> Array:
        if request.goal is not None:
            return np.array(request.goal, dtype=float)
        pose, start = np.asarray(request.goal_pose, dtype=float), np.asarray(request.start, dtype=float)
        found = next(ik.solutions(self._chain, self.robot.limits, pose, start, np.random.default_rng(request.seed)), None)
        if found is None:
            raise PlanningFailed("goal out of reach", f"no joint positions of {self.robot.name} put {self.robot.tool_link} there")
        return found

    def _answer(self, timeout_s: float, what: str) -> Answer:
        try:
            if not self._pipe.poll(timeout_s):
                raise PlanningFailed("no solution in time", f"MoveIt took longer than {timeout_s:g} s {what}")
            answer: Answer = self._pipe.recv()
        except (EOFError, OSError):
            raise PlanningFailed("engine", f"MoveIt's process ended while it was {what}") from None
        if answer.missing:
            raise PlanningFailed(
                "engine",
                f"MoveIt is not installed (no module {answer.missing}): install the package ros-<distro>-moveit-py and source that ROS, "
                "or plan with the engine ompl",
            )
        if answer.why:
            raise PlanningFailed("no solution in time" if what == "to plan" else "engine", answer.why)
        return answer

    def _motion(self, answer: Answer, request: PlanRequest, start: Array, goal: Array) -> Motion:
        """What MoveIt answered, if it is what was asked for."""
        limits = self.robot.limits
        motion = Motion(*(np.asarray(part, dtype=float) for part in answer[:4]))
        _expect(all(np.all(np.isfinite(part)) for part in motion), "it has numbers that are not finite")
        timely = len(motion.times) > 0 and motion.times[0] == 0.0 and np.all(np.diff(motion.times) > 0.0)
        _expect(bool(timely), "its times do not increase from 0")
        _expect(bool(np.max(np.abs(motion.positions[[0, -1]] - [start, goal])) < NEAR), "it is not from the start to the goal")
        _expect(bool(np.max(np.abs(motion.velocities[[0, -1]])) < NEAR), "it does not begin and end at rest")
        lower, upper = np.array(limits.position_lower) - NEAR, np.array(limits.position_upper) + NEAR
        _expect(bool(np.all((motion.positions >= lower) & (motion.positions <= upper))), "it leaves the joints' ranges")
        for values, limit, scale, name in (
            (motion.velocities, limits.velocity, request.velocity_scale, "velocity"),
            (motion.accelerations, limits.acceleration, request.acceleration_scale, "acceleration"),
        ):
            _expect(bool(np.all(np.abs(values) <= ABOVE * scale * np.array(limit))), f"it exceeds the scaled limits of {name}")
        return motion


def _expect(right: bool, wrong: str) -> None:
    if not right:
        raise PlanningFailed("engine", f"MoveIt's motion cannot be used: {wrong}")
