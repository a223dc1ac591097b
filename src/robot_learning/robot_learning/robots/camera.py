"""Cameras (config/cameras/*.yaml): where they are, how they project, and their pictures in PyBullet."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import pybullet
from numpy.typing import NDArray

from robot_learning.core.errors import UsageError
from robot_learning.core.rotations import from_quaternion, transform
from robot_learning.core.types import Array
from robot_learning.robots.description import Robot

NEAR, FAR = 0.02, 25.0  # m, between which PyBullet draws
LIGHT = (0.6, -0.9, 1.6)  # from where the light comes, base frame
SKY = (np.array([178.0, 198.0, 214.0]), np.array([232.0, 236.0, 238.0]))  # at the upper and the lower edge of a picture


@dataclass(frozen=True)
class CameraConfig:
    """A pinhole camera without distortion; pixel (0, 0) is the centre of the upper left one."""

    __pydantic_config__ = {"extra": "forbid"}

    name: str
    parent_frame: str  # "base", "tool" or a link of the robot's URDF
    position: tuple[float, float, float]  # of the optical frame in the parent frame, m
    quaternion: tuple[float, float, float, float]  # x, y, z, w; optical frame: z forward, x right, y down
    width: int
    height: int
    fx: float  # focal lengths and principal point, pixels
    fy: float
    cx: float
    cy: float
    rate_hz: float  # in realtime; in lockstep one picture a tick

    @property
    def optical_frame(self) -> str:
        """The frame_id of its pictures."""
        return f"{self.name}_optical_frame"


class CameraMatrices(NamedTuple):
    """What sensor_msgs/CameraInfo says, row-major."""

    D: tuple[float, ...]  # plumb_bob: none of the five
    K: tuple[float, ...]  # 3 × 3
    R: tuple[float, ...]  # 3 × 3
    P: tuple[float, ...]  # 3 × 4


def checked(camera: CameraConfig, where: str) -> CameraConfig:
    """`camera` if its numbers make sense; UsageError begins with `where`."""
    if not (1 <= camera.width <= 4096 and 1 <= camera.height <= 4096):
        raise UsageError(f"{where}: width, height: {camera.width} × {camera.height}; 1 to 4096 are allowed")
    for field in ("fx", "fy", "rate_hz"):
        if not 0.0 < getattr(camera, field) < 1e5:
            raise UsageError(f"{where}: {field}: {getattr(camera, field)}; a number above 0 is expected")
    if not np.isfinite([*camera.position, *camera.quaternion, camera.cx, camera.cy]).all():
        raise UsageError(f"{where}: position, quaternion, cx, cy: finite numbers are expected")
    length = float(np.linalg.norm(camera.quaternion))
    if abs(length - 1.0) > 1e-3:
        raise UsageError(f"{where}: quaternion: its length is {length:.4f}; 1 is expected")
    return camera


def parent_link(camera: CameraConfig, robot: Robot) -> str:
    """The robot's link that carries the camera."""
    return {"base": robot.base_link, "tool": robot.tool_link}.get(camera.parent_frame, camera.parent_frame)


def optical_pose(camera: CameraConfig) -> Array:
    """(4, 4) pose of the optical frame in the parent frame."""
    return transform(from_quaternion(np.array(camera.quaternion)), np.array(camera.position))


def matrices(camera: CameraConfig) -> CameraMatrices:
    """The camera_info values."""
    fx, fy, cx, cy = camera.fx, camera.fy, camera.cx, camera.cy
    return CameraMatrices(
        D=(0.0,) * 5,
        K=(fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0),
        R=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        P=(fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0),
    )


def project(camera: CameraConfig, parent_pose: Array, points: Array) -> Array:
    """Pixels (…, 2) (right, down) of points (…, 3) in the base frame, m."""
    pose = parent_pose @ optical_pose(camera)
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    scale = np.array([camera.fx, camera.fy]) / local[..., 2:]
    return local[..., :2] * scale + np.array([camera.cx, camera.cy])


def config_hash(camera: CameraConfig) -> str:
    """SHA-256 of all of its numbers, hexadecimal; checkpoints carry it."""
    return hashlib.sha256(json.dumps(asdict(camera), sort_keys=True).encode()).hexdigest()


def render(client: int, camera: CameraConfig, parent_pose: Array) -> NDArray[np.uint8]:
    """(h, w, 3) rgb picture of a PyBullet client's world."""
    _, _, rgba, depth, _ = pybullet.getCameraImage(
        camera.width,
        camera.height,
        viewMatrix=_view(parent_pose @ optical_pose(camera)),
        projectionMatrix=_projection(camera),
        lightDirection=LIGHT,
        shadow=0,
        flags=pybullet.ER_NO_SEGMENTATION_MASK,
        renderer=pybullet.ER_TINY_RENDERER,
        physicsClientId=client,
    )
    picture = np.asarray(rgba, dtype=np.uint8).reshape(camera.height, camera.width, 4)[..., :3]
    empty = np.asarray(depth).reshape(camera.height, camera.width, 1) >= 1.0  # white, as the arm is
    height = np.linspace(0.0, 1.0, camera.height)[:, None, None]
    return np.where(empty, (SKY[0] + height * (SKY[1] - SKY[0])).astype(np.uint8), picture)


def _view(pose: Array) -> list[float]:
    """OpenGL's view matrix, column-major: there y points up and -z forward."""
    rotation = pose[:3, :3] * np.array([1.0, -1.0, -1.0])
    view = np.eye(4)
    view[:3, :3], view[:3, 3] = rotation.T, -rotation.T @ pose[:3, 3]
    return [float(v) for v in view.T.ravel()]


def _projection(camera: CameraConfig) -> list[float]:
    """OpenGL's projection matrix, column-major, for a renderer that samples at the left lower corner of each pixel."""
    w, h = camera.width, camera.height
    return [
        *(2.0 * camera.fx / w, 0.0, 0.0, 0.0),
        *(0.0, 2.0 * camera.fy / h, 0.0, 0.0),
        *(1.0 - 2.0 * camera.cx / w, 2.0 * (camera.cy + 1.0) / h - 1.0, -(FAR + NEAR) / (FAR - NEAR), -1.0),
        *(0.0, 0.0, -2.0 * FAR * NEAR / (FAR - NEAR), 0.0),
    ]
