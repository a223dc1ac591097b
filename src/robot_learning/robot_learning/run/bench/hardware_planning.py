"""Planned motions between random joint positions above the table and beside the block: how long planning takes, and whether they touch."""

import statistics
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from robot_learning.core.errors import WorkFailed
from robot_learning.core.types import Array
from robot_learning.planning import ik
from robot_learning.planning.ompl_planner import OmplPlanner
from robot_learning.planning.planner import Plan, PlanningFailed, PlanRequest
from robot_learning.planning.resets import ResetPlanner
from robot_learning.run import experiment
from robot_learning.run.bench.dense_check import DenseCheck
from robot_learning.run.bench.figure import Figure, Measurement, Reading
from robot_learning.run.setting import Setting, prepare

PAIRS, QUICK_PAIRS = 100, 10
LIMIT_S = 5.0  # of each plan

MEDIAN = Figure(
    "ompl_plan_median_ms",
    "ms",
    "<= 50",
    "<= 10",
    "a plan by OMPL with its timing, wall time: fr3 with its peg, the block before it, from and to joint positions that are drawn "
    "uniformly from the free ones; median of 100 pairs; those that are not connected by a straight line apart in the detail",
)
COLLISIONS = Figure(
    "ompl_collisions",
    "of 100",
    "<= 0",
    "<= 0",
    "of these, failures to plan and motions that touch anything, by PyBullet alone in steps of at most 1 mm and 0.001 rad; a reset out of "
    "the hole counts with them",
)


def planning(seed: int, quick: bool) -> Mapping[str, Reading]:
    """Times and collisions of plans between random pairs in one condition of the peg's task."""
    setting = prepare(experiment.load("peg_local", [f"conditions.seed={seed}"]))
    planner = OmplPlanner(setting.robot, setting.urdf, setting.task, setting.train[0])
    judge = DenseCheck(setting.robot, setting.urdf, setting.task, setting.train[0], planner.space.allowed)
    rng, plans, times, failures = np.random.default_rng(seed), [], [], []
    try:
        for number in range(QUICK_PAIRS if quick else PAIRS):
            request = PlanRequest(_free(planner, setting, rng), _free(planner, setting, rng), time_limit_s=LIMIT_S, seed=number)
            began = time.perf_counter()
            try:
                plans.append(planner.plan(request))
            except PlanningFailed as error:
                failures.append(str(error))
            times.append(1e3 * (time.perf_counter() - began))
        reset_ms, reset = _reset(setting)
        plans.append(reset)
        touched = [sorted(judge.touched(plan.motion.positions)) for plan in plans]
    finally:
        planner.close()
        judge.close()
    bad = [pairs for pairs in touched if pairs]
    detail = {"pairs": len(times), "failures": failures, "touched": bad}
    return {
        MEDIAN.name: Reading(statistics.median(times), {**_detail(plans[:-1], times), "out_of_the_hole_ms": reset_ms}),
        COLLISIONS.name: Reading(len(failures) + len(bad), detail),
    }


def _reset(setting: Setting) -> tuple[float, Plan]:
    """The plan from the peg at the bottom of its hole to the start of an episode, and how many ms it took."""
    condition, limits = setting.train[0], setting.robot.limits
    lower, upper, above = np.array(limits.position_lower), np.array(limits.position_upper), condition.target.copy()
    above[2, 3] += 0.001  # m: at the very bottom they touch
    inserted = ik.solve(setting.chain, lower, upper, above, condition.initial_positions)
    if inserted is None:
        raise WorkFailed(f"condition {condition.name}: {setting.robot.name} cannot reach its target")
    planner = ResetPlanner(setting.robot, setting.urdf, setting.task, condition)
    try:
        plan = planner.plan(PlanRequest(inserted, condition.initial_positions, time_limit_s=LIMIT_S))
    finally:
        planner.close()
    return 1e3 * plan.planning_s, plan


def _free(planner: OmplPlanner, setting: Setting, rng: np.random.Generator) -> Array:
    limits = setting.robot.limits
    while True:
        positions = rng.uniform(limits.position_lower, limits.position_upper)
        if planner.space.is_free(positions):
            return positions


def _detail(plans: list[Plan], times: list[float]) -> dict[str, Any]:
    around = [1e3 * plan.planning_s for plan in plans if len(plan.path) > 2]
    return {
        "p90_ms": float(np.quantile(times, 0.9)),
        "max_ms": max(times),
        "not_straight": len(around),
        "not_straight_median_ms": statistics.median(around) if around else None,
        "corners_most": max((len(plan.path) for plan in plans), default=0),
        "motion_median_s": statistics.median(plan.motion.times[-1] for plan in plans) if plans else None,
    }


PLANNING = Measurement((MEDIAN, COLLISIONS), planning, 1, 2, 0.2)
