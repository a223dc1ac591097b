"""The process in which MoveIt 2 plans for moveit_planner.py: requests come in by a pipe, answers go out.

moveit_py takes part in ROS by itself and shuts it down when it ends, so it must not share a process with anything else that does.
Nothing here executes a trajectory.
"""

import importlib
import signal
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from robot_learning.core.types import Array

NODE, PARAMETERS = "robot_learning_planner", "robot_learning"  # the parameters are robot_learning.plan_request_params.…


class MoveItSetup(NamedTuple):
    """What MoveIt has to know of the robot."""

    config: dict[str, Any]  # config_dict of MoveItPy: robot_description, robot_description_semantic, planning_pipelines, …
    group: str  # of the arm's joints, in the SRDF
    joints: tuple[str, ...]  # in our order


class Wanted(NamedTuple):
    """One request."""

    start: Array  # (n,), rad
    goal: Array  # (n,), rad
    velocity_scale: float
    acceleration_scale: float
    time_limit_s: float


class Answer(NamedTuple):
    """One answer; the first one says that MoveIt is there."""

    times: Array | None = None  # (m,), s
    positions: Array | None = None  # (m, n), rad, in our order
    velocities: Array | None = None
    accelerations: Array | None = None
    missing: str = ""  # the module that cannot be imported
    why: str = ""  # there is no plan


def serve(pipe: Connection, setup: MoveItSetup) -> None:
    """Answer requests until nobody asks any more; a failure of MoveIt's own is the last answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who asks, who then closes the pipe
    moveit: Any = None
    try:
        planning, states = importlib.import_module("moveit.planning"), importlib.import_module("moveit.core.robot_state")
        moveit = planning.MoveItPy(node_name=NODE, config_dict=setup.config)
        pipe.send(Answer())
        while True:
            pipe.send(_planned(moveit, planning, states, setup, pipe.recv()))
    except (EOFError, BrokenPipeError):
        pass
    except ImportError as error:
        pipe.send(Answer(missing=error.name or str(error)))
    except Exception as error:  # of C++ code that may raise anything: the one who waits has to know
        pipe.send(Answer(why=f"{type(error).__name__}: {error}"))
    finally:
        if moveit is not None:
            moveit.shutdown()


def _planned(moveit: Any, planning: Any, states: Any, setup: MoveItSetup, wanted: Wanted) -> Answer:
    component = moveit.get_planning_component(setup.group)
    component.set_start_state(robot_state=_state(moveit, states, setup, wanted.start))
    component.set_goal_state(robot_state=_state(moveit, states, setup, wanted.goal))
    parameters = planning.PlanRequestParameters(moveit, PARAMETERS)
    parameters.planning_time = wanted.time_limit_s
    parameters.max_velocity_scaling_factor = wanted.velocity_scale
    parameters.max_acceleration_scaling_factor = wanted.acceleration_scale
    result = component.plan(single_plan_parameters=parameters)
    if not result:
        return Answer(why=f"MoveIt's error_code {getattr(result.error_code, 'val', result.error_code)}")
    message = result.trajectory.get_robot_trajectory_msg().joint_trajectory
    order = [list(message.joint_names).index(name) for name in setup.joints]
    times = [point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec for point in message.points]
    rows = [
        np.array([getattr(point, field) for point in message.points])[:, order] for field in ("positions", "velocities", "accelerations")
    ]
    return Answer(np.array(times), rows[0], rows[1], rows[2])


def _state(moveit: Any, states: Any, setup: MoveItSetup, positions: Array) -> Any:
    state = states.RobotState(moveit.get_robot_model())
    state.joint_positions = dict(zip(setup.joints, positions.tolist(), strict=True))
    state.update()
    return state
