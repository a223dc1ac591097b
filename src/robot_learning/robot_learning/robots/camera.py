"""Cameras (config/cameras/*.yaml): where they are and how they project; robots/rendering.py makes their pictures."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.rotations import from_quaternion, transform
from robot_learning.core.types import Array
from robot_learning.robots.description import Robot


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
