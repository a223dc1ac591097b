"""Cameras project as their intrinsics say."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from robot_learning.core.errors import UsageError
from robot_learning.core.rotations import from_quaternion
from robot_learning.robots.bullet_arm import BulletArm
from robot_learning.robots.camera import CameraConfig, checked, config_hash, matrices, optical_pose, project
from robot_learning.robots.physics import pybullet
from robot_learning.robots.rendering import render
from robot_learning.run.config import available, build, named_file, read
from robot_learning.run.robots import load_robot, urdf_path
from robot_learning.tasks.description import Condition, TaskConfig

# looks along +x of the base: optical z = x, optical x = -y, optical y = -z
AHEAD = CameraConfig("ahead", "base", (0.0, 0.0, 0.5), (-0.5, 0.5, -0.5, 0.5), 120, 90, 150.0, 140.0, 50.0, 60.0, 20.0)


@pytest.fixture(scope="module")
def world() -> Iterator[int]:
    client = pybullet.connect(pybullet.DIRECT)
    yield client
    pybullet.disconnect(physicsClientId=client)


def test_a_point_projects_by_hand() -> None:
    pixels = project(AHEAD, np.eye(4), np.array([[2.0, 0.0, 0.5], [2.0, -0.4, 0.5], [1.0, 0.0, 0.6]]))
    assert pixels == pytest.approx(np.array([[50.0, 60.0], [80.0, 60.0], [50.0, 46.0]]))


@pytest.mark.parametrize("point", [(1.0, 0.0, 0.5), (1.0, 0.2, 0.6), (0.8, -0.3, 0.4), (1.5, -0.2, 0.8)])
def test_the_renderer_puts_a_ball_where_the_intrinsics_say(world: int, point: tuple[float, float, float]) -> None:
    shape = pybullet.createVisualShape(pybullet.GEOM_SPHERE, radius=0.03, rgbaColor=(1, 0, 0, 1), physicsClientId=world)
    ball = pybullet.createMultiBody(0, -1, shape, point, physicsClientId=world)
    picture = render(world, AHEAD, np.eye(4)).astype(int)
    pybullet.removeBody(ball, physicsClientId=world)
    rows, columns = np.nonzero(picture[..., 0] > 2 * picture[..., 1])
    assert picture.shape == (90, 120, 3)
    assert np.array([columns.mean(), rows.mean()]) == pytest.approx(project(AHEAD, np.eye(4), np.array(point)), abs=0.5)


def test_camera_info_is_the_same_projection() -> None:
    values = matrices(AHEAD)
    local = np.array([0.1, -0.2, 2.0])
    pose = optical_pose(AHEAD)
    pixel = project(AHEAD, np.eye(4), pose[:3, :3] @ local + pose[:3, 3])
    homogeneous = np.reshape(values.P, (3, 4)) @ np.append(local, 1.0)
    assert homogeneous[:2] / homogeneous[2] == pytest.approx(pixel)
    assert np.reshape(values.K, (3, 3)) == pytest.approx(np.reshape(values.P, (3, 4))[:, :3])
    assert np.reshape(values.R, (3, 3)) == pytest.approx(np.eye(3))


def test_the_hash_names_every_number() -> None:
    other = [replace(AHEAD, fx=150.1), replace(AHEAD, position=(0.0, 0.0, 0.51)), replace(AHEAD, width=121), replace(AHEAD, rate_hz=21.0)]
    hashes = {config_hash(camera) for camera in (AHEAD, *other)}
    assert len(hashes) == 5
    assert config_hash(replace(AHEAD)) == config_hash(AHEAD)


@pytest.mark.parametrize("name", available("cameras"))
@pytest.mark.parametrize("robot", ["fr3", "ur5e"])
def test_the_shipped_cameras_see_robot_and_target(name: str, robot: str) -> None:
    camera = checked(read(CameraConfig, named_file("cameras", name)), name)
    assert camera.name == name
    description = load_robot(robot)
    arm = BulletArm(description, urdf_path(description), read(TaskConfig, named_file("tasks", "reach")))
    tool = arm.tool_pose()
    target = tool.copy()
    target[:3, 3] += [0.0, 0.15, -0.15]
    arm.reset(Condition("test", np.array(description.home), target, {}))
    picture = arm.render(camera).astype(int)
    red = (picture[..., 0] > 2 * picture[..., 1]) & (picture[..., 0] > 2 * picture[..., 2])
    column, row = project(camera, np.eye(4), target[:3, 3])
    assert red[round(row), round(column)]
    arm.close()


def test_a_camera_on_the_tool_moves_with_it() -> None:
    robot = load_robot("fr3")
    arm = BulletArm(robot, urdf_path(robot), read(TaskConfig, named_file("tasks", "reach")))
    camera = replace(AHEAD, parent_frame="tool", position=(0.0, 0.1, 0.0), quaternion=(0.0, 0.0, 0.0, 1.0), cx=59.5, cy=44.5)
    for turn in (0.0, 0.3):
        q = np.array(robot.home)
        q[0] += turn
        arm.reset(Condition("test", q, np.eye(4), {}))
        tool = arm.tool_pose()
        target = tool.copy()
        target[:3, 3] += tool[:3, :3] @ [0.0, 0.1, 0.25]
        arm.reset(Condition("test", q, target, {}))
        assert project(camera, tool, target[:3, 3]) == pytest.approx([59.5, 44.5])
        picture = arm.render(camera).astype(int)
        assert picture[44, 59, 0] > 2 * picture[44, 59, 1]
    arm.close()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 0),
        ("fx", 0.0),
        ("fy", float("nan")),
        ("quaternion", (0.0, 0.0, 0.0, 0.0)),
        ("position", (0.0, float("inf"), 0.0)),
        ("rate_hz", -1.0),
    ],
)
def test_senseless_numbers_are_refused_by_field(field: str, value: object) -> None:
    with pytest.raises(UsageError, match=field):
        checked(replace(AHEAD, **{field: value}), "camera.yaml")


def test_an_unknown_key_is_refused_with_the_near_match() -> None:
    content = {name: getattr(AHEAD, name) for name in AHEAD.__dataclass_fields__} | {"widht": 3}
    with pytest.raises(UsageError, match="width"):
        build(CameraConfig, content, "camera.yaml")


def test_the_optical_frame_is_right_handed() -> None:
    assert np.linalg.det(from_quaternion(np.array(AHEAD.quaternion))) == pytest.approx(1.0)
