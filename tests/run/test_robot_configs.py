"""Every robot loads, and every way in which its configuration can be wrong is named."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_learning.core.errors import UsageError
from robot_learning.core.paths import share_dir
from robot_learning.robots.description import Robot
from robot_learning.run import robots
from robot_learning.run.config import available, read
from robot_learning.run.robots import checked, load_chain, load_robot, urdf_path

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def fr3() -> Robot:
    return load_robot("fr3")


def test_the_four_robots_are_there() -> None:
    assert {"fr3", "fer", "ur5", "ur5e"} <= set(available("robots"))


@pytest.mark.parametrize("name", available("robots"))
def test_robot_fits_together(name: str) -> None:
    robot = load_robot(name)
    assert robot.name == name
    assert load_chain(robot).joints == robot.joints
    assert set(robot.modes) == {"effort", "velocity", "position", "trajectory"}
    for mode, config in robot.modes.items():
        ending = "joint_trajectory" if mode == "trajectory" else "commands"
        assert config.topic == f"/{config.controller}/{ending}"


@pytest.mark.parametrize("name", ["fr3", "fer", "ur5", "ur5e"])
def test_tool_points_down_at_home_and_is_within_reach(name: str) -> None:
    robot = load_robot(name)
    pose = load_chain(robot).pose(np.array(robot.home))
    np.testing.assert_allclose(pose[:3, 2], [0, 0, -1], atol=1e-12)
    assert 0.25 < np.linalg.norm(pose[:2, 3]) < 0.6
    assert 0.3 < pose[2, 3] < 0.6


@pytest.mark.parametrize(("name", "meant"), [("ur5ee", "ur5e"), ("UR5E", "ur5e"), ("FR3", "fr3"), ("u", "ur5")])
def test_unknown_robot_names_the_near_one(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean '{meant}'"):
        load_robot(name)


def test_a_key_that_is_misspelt_in_a_robot_is_not_called_missing(tmp_path: Path) -> None:
    path = tmp_path / "fr3.yaml"
    path.write_text((share_dir() / "config" / "robots" / "fr3.yaml").read_text().replace("joint_damping:", "joint_dampin:"))
    with pytest.raises(UsageError, match="fr3.yaml: plant.joint_dampin: unknown key; did you mean 'joint_damping'"):
        read(Robot, path)


def limits(robot: Robot, **changes: Any) -> Robot:
    return replace(robot, limits=replace(robot.limits, **changes))


def mode(robot: Robot, **changes: Any) -> Robot:
    return replace(robot, modes={**robot.modes, "effort": replace(robot.modes["effort"], **changes)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: replace(r, joints=("fr3_joint1", "elbow", *r.joints[2:])), "joints: fr3.urdf has no joint 'elbow'; there is fr3_joint1"),
        (lambda r: replace(r, joints=r.joints[::-1]), "from fr3_link0 to fr3_hand_tcp the joints are fr3_joint1"),
        (lambda r: replace(r, joints=(r.joints[0],) * 7), "joints: one or more different names"),
        (lambda r: replace(r, tool_link="tool0"), "tool_link: fr3.urdf has no link 'tool0'; there is fr3_link0"),
        (lambda r: replace(r, base_link="world"), "base_link: fr3.urdf has no link 'world'"),
        (lambda r: replace(r, base_link="fr3_link8", tool_link="fr3_link0"), "does not hang on"),
        (lambda r: replace(r, urdf="ur10.urdf"), r"urdf: no 'ur10.urdf' in .*; there is fer.urdf, fr3.urdf"),
        (lambda r: replace(r, urdf="../../etc/passwd"), "urdf: no '../../etc/passwd'"),
        (lambda r: replace(r, urdf="ur5.urdf"), "joints: ur5.urdf has no joint 'fr3_joint1'"),
        (lambda r: replace(r, home=r.home[:6]), "home: 6 numbers for 7 joints"),
        (lambda r: replace(r, home=(0.0,) * 7), r"home: fr3_joint4: 0.0 is outside limits -3.0421 to -0.1518"),
        (lambda r: replace(r, home=(float("nan"),) * 7), "home: nan: finite numbers"),
        (lambda r: replace(r, command_mode="velocity", modes={"effort": r.modes["effort"]}), "command_mode: 'velocity' is not among modes"),
        (lambda r: replace(r, update_rate_hz=0.0), "update_rate_hz: 0.0: finite numbers above 0"),
        (lambda r: limits(r, jerk=(1.0,)), "limits.jerk: 1 numbers for 7 joints"),
        (lambda r: limits(r, effort=(-87.0,) * 7), "limits.effort: -87.0: finite numbers above 0"),
        (lambda r: limits(r, effort=(87.0,) * 7), "limits.effort: fr3_joint5: 87.0; fr3.urdf allows at most 12.0"),
        (lambda r: limits(r, velocity=(3.0,) * 7), "limits.velocity: fr3_joint1: 3.0; fr3.urdf allows at most 2.62"),
        (lambda r: limits(r, position_lower=(-3.1,) * 7), "limits: fr3_joint1: position -3.1 to 2.7437; fr3.urdf allows -2.7437"),
        (lambda r: limits(r, position_lower=r.limits.position_upper), "limits: fr3_joint1: position 2.7437 to 2.7437"),
        (lambda r: mode(r, action_scale=(1.0, 2.0)), "modes.effort.action_scale: 2 numbers for 7 joints"),
        (lambda r: mode(r, action_scale=(0.0,) * 7), "modes.effort.action_scale: 0.0: finite numbers above 0"),
        (lambda r: mode(r, variance=0.0), "modes.effort.variance: 0.0: finite numbers above 0"),
        (lambda r: replace(r, plant=replace(r.plant, joint_damping=(1.0,))), "plant.joint_damping: 1 numbers for 7 joints"),
        (
            lambda r: replace(r, plant=replace(r.plant, joint_damping=(-1.0,) * 7)),
            "plant.joint_damping: -1.0: finite numbers of 0 or above",
        ),
        (lambda r: replace(r, plant=replace(r.plant, rotor_inertia=NAN)), "plant.rotor_inertia: nan: finite numbers of 0 or above"),
        (lambda r: replace(r, plant=replace(r.plant, watchdog_s=INF)), "plant.watchdog_s: inf: finite numbers of 0 or above"),
        (lambda r: replace(r, update_rate_hz=INF), "update_rate_hz: inf: finite numbers above 0"),
        (lambda r: replace(r, update_rate_hz=NAN), "update_rate_hz: nan: finite numbers above 0"),
        (lambda r: mode(r, variance=INF), "modes.effort.variance: inf: finite numbers above 0"),
        (lambda r: mode(r, stiffness=(NAN,) * 7), "modes.effort.stiffness: nan: finite numbers"),
        (lambda r: replace(r, joint_states_topic="/joint states"), "joint_states_topic: '/joint states': a name of ROS such as"),
        (lambda r: mode(r, topic="/effort-controller/commands"), "modes.effort.topic: '/effort-controller/commands': a name of ROS"),
        (lambda r: mode(r, topic="commands"), "modes.effort.topic: 'commands': a name of ROS"),
        (lambda r: mode(r, topic=""), "modes.effort.topic: '': a name of ROS"),
        (lambda r: mode(r, controller="a/b"), "modes.effort.controller: 'a/b': a name of ROS"),
        (lambda r: replace(r, gripper=replace(r.gripper, open_m=NAN)), "gripper.open_m, closed_m: nan: finite numbers"),
        (lambda r: replace(r, gripper=replace(r.gripper, joints=("claw",))), "gripper.joints: fr3.urdf has no joint 'claw'"),
    ],
)
def test_wrong_configuration_is_named(fr3: Robot, change: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        checked(change(fr3), "fr3.yaml")
    assert str(caught.value).startswith("fr3.yaml: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("length", "message"),
    [(1000, "not XML"), (-1, "link 'fr3_link0': visual: mesh 'meshes/franka/link0_white.obj': no such file")],
)
def test_broken_urdf_is_named(fr3: Robot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, message: str) -> None:
    (tmp_path / "urdf").mkdir()
    (tmp_path / "urdf" / "fr3.urdf").write_text((share_dir() / "urdf" / "fr3.urdf").read_text()[:length])
    monkeypatch.setattr(robots, "share_dir", lambda: tmp_path)
    with pytest.raises(UsageError, match=rf"fr3.yaml: urdf: .*fr3.urdf: {message}"):
        checked(fr3, "fr3.yaml")


def test_urdf_path_is_a_file(fr3: Robot) -> None:
    assert urdf_path(fr3).is_file()
