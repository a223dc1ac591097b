"""What is asked of a planner and what it answers, whichever engine it is.

A planner only plans. Its motions go to the robot as everybody's do: as a trajectory through the safety gate.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Literal, NamedTuple, Protocol

import numpy as np

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.core.types import Array
from robot_learning.robots.description import Robot

Reason = Literal["start in collision", "goal in collision", "goal out of reach", "no solution in time", "engine"]


class PlanningFailed(WorkFailed):
    """There is no plan; `reason` is one of a few, for those who want to react."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        """One line: the reason and what is known of it."""
        self.reason = reason
        super().__init__(f"planning: {reason}{': ' if detail else ''}{detail}")


@dataclass(frozen=True)
class PlanRequest:
    """From where to where, and how; exactly one of the two goals is given."""

    start: Array  # (n,), rad
    goal: Array | None = None  # (n,), rad
    goal_pose: Array | None = None  # (4, 4), of the tool in the base frame, m
    velocity_scale: float = 0.2  # of the robot's limits, above 0 and at most 1
    acceleration_scale: float = 0.2  # of its limits of acceleration and jerk
    time_limit_s: float = 5.0  # for the engine, wall time
    seed: int = 0


class Motion(NamedTuple):
    """A timed path, from rest to rest; times increase strictly from 0."""

    times: Array  # (m,), s
    positions: Array  # (m, n), rad
    velocities: Array  # (m, n), rad/s
    accelerations: Array  # (m, n), rad/s²


class Plan(NamedTuple):
    """A motion, and the corners of its path: straight lines in joint space between them."""

    path: Array  # (k, n), rad, from the start to the goal
    motion: Motion
    engine: str
    planning_s: float  # wall time, timing included


class Planner(Protocol):
    """An engine for one robot in one scene."""

    def plan(self, request: PlanRequest) -> Plan:
        """A motion from start to goal without collisions; PlanningFailed says why there is none, UsageError what was asked wrongly."""
        ...

    def close(self) -> None:
        """Free what the engine holds."""
        ...


def check(request: PlanRequest, robot: Robot) -> None:
    """UsageError names the first field of a request that makes no sense for this robot."""
    if (request.goal is None) == (request.goal_pose is None):
        raise UsageError("plan: goal, goal_pose: exactly one of them is expected")
    _check_positions(request.start, robot, "start")
    if request.goal is not None:
        _check_positions(request.goal, robot, "goal")
    if request.goal_pose is not None and not _is_pose(np.asarray(request.goal_pose)):
        raise UsageError("plan: goal_pose: a homogeneous matrix (4, 4) of a rotation and a translation in m is expected")
    for field in ("velocity_scale", "acceleration_scale"):
        value = getattr(request, field)
        if not 0.0 < value <= 1.0:
            raise UsageError(f"plan: {field}: {value:g}; above 0 and at most 1 is allowed")
    if not (isfinite(request.time_limit_s) and request.time_limit_s > 0.0):
        raise UsageError(f"plan: time_limit_s: {request.time_limit_s:g}; a finite number above 0 is expected")
    if not 0 <= request.seed < 2**31:
        raise UsageError(f"plan: seed: {request.seed}; 0 to {2**31 - 1} are allowed")


def _check_positions(positions: Array, robot: Robot, field: str) -> None:
    limits = robot.limits
    if np.shape(positions) != (len(robot.joints),):
        raise UsageError(f"plan: {field}: shape {np.shape(positions)} for the {len(robot.joints)} joints of {robot.name}")
    for name, q, low, high in zip(robot.joints, positions, limits.position_lower, limits.position_upper, strict=True):
        if not low <= q <= high:
            raise UsageError(f"plan: {field}: {name}: {float(q):g} rad; {low:g} to {high:g} are allowed")


def _is_pose(pose: Array) -> bool:
    if pose.shape != (4, 4) or not np.all(np.isfinite(pose)):
        return False
    R = pose[:3, :3]
    upright = np.allclose(R @ R.T, np.eye(3), atol=1e-6) and np.linalg.det(R) > 0.0
    return bool(upright and np.allclose(pose[3], [0.0, 0.0, 0.0, 1.0]))
