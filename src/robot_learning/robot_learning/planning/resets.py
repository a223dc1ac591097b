"""Back to a start from wherever an episode ended, also out of a hole.

What the hand holds may touch the surroundings at the end of an episode: a peg in its hole is nearer to the walls than any margin. Then
the tool is first drawn back along its own axis until all margins are kept; on that way what is held is not checked against the
surroundings, everything else is. From there on the motion is planned as usual.
"""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array
from robot_learning.planning import ik
from robot_learning.planning.contacts import Margins
from robot_learning.planning.free_space import FreeSpace
from robot_learning.planning.ompl_planner import ENGINE, OmplPlanner
from robot_learning.planning.planner import Plan, PlanningFailed, PlanRequest, check
from robot_learning.planning.timing import timed
from robot_learning.robots.description import Robot
from robot_learning.tasks.description import Condition, TaskConfig

STEP = 0.01  # m, between two points of the way back
FURTHEST = 0.25  # m
ASIDE = 0.0005  # m and rad, by which straight lines in joint space may leave the tool's straight way


class ResetPlanner:
    """A `Planner` that can begin where what the robot holds touches something."""

    def __init__(
        self,
        robot: Robot,
        urdf_path: Path,
        task: TaskConfig | None = None,
        condition: Condition | None = None,
        margins: Margins | None = None,
        rate_hz: float = 50.0,
    ) -> None:
        """As OmplPlanner."""
        self.robot, self._rate_hz = robot, rate_hz
        self._planner = OmplPlanner(robot, urdf_path, task, condition, margins, rate_hz)
        self._space, self._drawn = self._planner.space, FreeSpace(robot, urdf_path, task, condition, margins, held_passes=True)
        self._chain = Chain.from_urdf(urdf_path, robot.base_link, robot.tool_link, robot.joints)

    def plan(self, request: PlanRequest) -> Plan:
        """As OmplPlanner's; the path begins with the tool's way back where one is needed."""
        check(request, self.robot)
        began = time.monotonic()
        start = np.array(request.start, dtype=float)
        touching = self._space.touching(start)
        if touching is None or self._space.held not in touching:
            return self._planner.plan(request)
        back = self._back(start, " with ".join(touching))
        onwards = self._planner.plan(replace(request, start=back[-1]))
        path = np.concatenate([back[:-1], onwards.path])
        motion = timed(path, self.robot.limits, request.velocity_scale, request.acceleration_scale, self._rate_hz)
        return Plan(path, motion, ENGINE, time.monotonic() - began)

    def close(self) -> None:
        """Free both physics clients."""
        self._planner.close()
        self._drawn.close()

    def _back(self, start: Array, touching: str) -> Array:
        """Corners (k, n) of the way along the tool's axis to where all margins are kept."""
        lower, upper = np.array(self.robot.limits.position_lower), np.array(self.robot.limits.position_upper)
        pose = self._chain.pose(start)
        away, points = -pose[:3, 2] * STEP, [start]
        for _ in range(round(FURTHEST / STEP)):
            pose[:3, 3] += away
            reached = ik.solve(self._chain, lower, upper, pose, points[-1])
            if reached is None or not self._drawn.line_is_free(points[-1], reached):
                break
            points.append(reached)
            if self._space.is_free(reached):
                return self._fewest(points)
        raise PlanningFailed("start in collision", f"{touching}, and the tool cannot be drawn back along its axis")

    def _fewest(self, points: list[Array]) -> Array:
        """Some of the points, with straight lines between them that stay on the tool's way and free: each corner is a stop."""
        kept, at = [points[0]], 0
        while at < len(points) - 1:
            ahead = next(k for k in range(len(points) - 1, at, -1) if k == at + 1 or self._straight(points, at, k))
            kept.append(points[ahead])
            at = ahead
        return np.array(kept)

    def _straight(self, points: list[Array], first: int, last: int) -> bool:
        begin, end = self._chain.pose(points[first]), self._chain.pose(points[last])
        way = (end[:3, 3] - begin[:3, 3]) / np.linalg.norm(end[:3, 3] - begin[:3, 3])
        shares = np.linspace(0.0, 1.0, 4 * (last - first) + 1)[:, None]
        poses = self._chain.pose(points[first] + shares * (points[last] - points[first]))
        from_begin = poses[:, :3, 3] - begin[:3, 3]
        aside = from_begin - (from_begin @ way)[:, None] * way
        turned = max(float(np.linalg.norm(ik.rotation_vector(pose[:3, :3] @ begin[:3, :3].T))) for pose in poses)
        near = float(np.max(np.linalg.norm(aside, axis=1))) < ASIDE and turned < ASIDE
        return near and self._drawn.line_is_free(points[first], points[last])
