"""A small stand-in for moveit_py, with the names and signatures of MoveIt 2.12: it plans straight lines; its config says how."""

import os
import time
from pathlib import Path
from types import SimpleNamespace as Some


class MoveItPy:
    def __init__(
        self,
        node_name="moveit_py",
        name_space="",
        launch_params_filepaths=None,
        config_dict=None,
        provide_planning_service=True,
        remappings=None,
    ):
        self.config = config_dict
        if self.config["how"] == "no start":
            raise RuntimeError("no robot_description")

    def get_robot_model(self):
        return "model"

    def get_planning_component(self, planning_component_name):
        assert planning_component_name == self.config["group"]
        return PlanningComponent(planning_component_name, self)

    def execute(self, robot_trajectory, controllers):
        raise AssertionError("nothing may be executed")

    def shutdown(self):
        Path(self.config["ended"]).touch()


class PlanRequestParameters:
    def __init__(self, moveit_cpp, ns):
        assert ns in moveit_cpp.config
        self.planner_id, self.planning_pipeline = "", "ompl"
        self.planning_time, self.planning_attempts = 1.0, 5
        self.max_velocity_scaling_factor = self.max_acceleration_scaling_factor = 1.0


class PlanningComponent:
    def __init__(self, joint_model_group_name, moveit_py_instance):
        self.config, self.start, self.goal = moveit_py_instance.config, None, None

    def set_start_state(self, configuration_name=None, robot_state=None):
        assert configuration_name is None
        self.start = robot_state
        return True

    def set_goal_state(
        self, configuration_name=None, robot_state=None, pose_stamped_msg=None, pose_link=None, motion_plan_constraints=None
    ):
        given = [one for one in (configuration_name, robot_state, pose_stamped_msg, motion_plan_constraints) if one is not None]
        if len(given) != 1:
            raise ValueError("Must specify one argument")
        self.goal = robot_state
        return True

    def plan(
        self,
        single_plan_parameters=None,
        multi_plan_parameters=None,
        planning_scene=None,
        solution_selection_function=None,
        stopping_criterion_callback=None,
    ):
        how = self.config["how"]
        if how == "dies":
            os._exit(3)
        if how == "slow":
            time.sleep(60)
        if how == "raises":
            raise RuntimeError("pipeline")
        return Response(how, self.start.joint_positions, self.goal.joint_positions, single_plan_parameters)


class Response:
    def __init__(self, how, start, goal, parameters):
        self.how, self.start_state, self.planning_time = how, start, 0.1
        self.error_code = Some(val=1 if how != "fails" else -2)
        names = sorted(start)
        points, duration = [], 0.1 if how == "fast" else 20.0 / parameters.max_velocity_scaling_factor
        for k in range(101):
            t = k / 100.0
            s, ds, dds = 10 * t**3 - 15 * t**4 + 6 * t**5, 30 * t**2 - 60 * t**3 + 30 * t**4, 60 * t - 180 * t**2 + 120 * t**3
            d = [goal[n] - start[n] for n in names]
            if how == "elsewhere":
                d = [0.9 * one for one in d]
            seconds = t * duration
            points.append(
                Some(
                    positions=[start[n] + s * one for n, one in zip(names, d, strict=True)],
                    velocities=[ds * one / duration for one in d],
                    accelerations=[dds * one / duration**2 for one in d],
                    time_from_start=Some(sec=int(seconds), nanosec=int(1e9 * (seconds % 1.0))),
                )
            )
        message = Some(joint_trajectory=Some(joint_names=names, points=points))
        self.trajectory = Some(get_robot_trajectory_msg=lambda: message)

    def __bool__(self):
        return self.how != "fails"
