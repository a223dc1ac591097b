"""Pictures of cameras in PyBullet."""

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.types import Array
from robot_learning.robots.camera import CameraConfig, optical_pose
from robot_learning.robots.physics import pybullet

NEAR, FAR = 0.02, 25.0  # m, between which PyBullet draws
LIGHT = (0.6, -0.9, 1.6)  # from where the light comes, base frame
SKY = (np.array([178.0, 198.0, 214.0]), np.array([232.0, 236.0, 238.0]))  # at the upper and the lower edge of a picture


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
