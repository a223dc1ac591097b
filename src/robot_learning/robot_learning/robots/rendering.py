"""Pictures of cameras in PyBullet."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.types import Array
from robot_learning.robots.camera import CameraConfig, optical_pose
from robot_learning.robots.physics import pybullet

NEAR, FAR = 0.02, 25.0  # m, between which PyBullet draws
LIGHT = (0.6, -0.9, 1.6)  # from where the light comes, base frame
SKY, HAZE, FLOOR = np.array([165.0, 190.0, 212.0]), np.array([226.0, 231.0, 235.0]), np.array([122.0, 131.0, 140.0])


def render(client: int, camera: CameraConfig, parent_pose: Array) -> NDArray[np.uint8]:
    """(h, w, 3) rgb picture of a PyBullet client's world."""
    pose = parent_pose @ optical_pose(camera)
    _, _, rgba, depth, _ = pybullet.getCameraImage(
        camera.width,
        camera.height,
        viewMatrix=_view(pose),
        projectionMatrix=_projection(camera),
        lightDirection=LIGHT,
        shadow=0,
        flags=pybullet.ER_NO_SEGMENTATION_MASK,
        renderer=pybullet.ER_TINY_RENDERER,
        physicsClientId=client,
    )
    picture = np.asarray(rgba, dtype=np.uint8).reshape(camera.height, camera.width, 4)[..., :3]
    empty = np.asarray(depth).reshape(camera.height, camera.width, 1) >= 1.0
    return np.where(empty, _background(camera, pose[:3, :3].tobytes()), picture)


@lru_cache(maxsize=8)
def _background(camera: CameraConfig, rotation: bytes) -> NDArray[np.uint8]:
    """Sky and floor, both far away, from the direction of each pixel; drawing a large floor would cost half of the time."""
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u, dtype=float)], axis=-1)
    up = rays @ np.frombuffer(rotation).reshape(3, 3)[2]
    height = (up / np.linalg.norm(rays, axis=-1))[..., None]
    color = np.where(height > 0.0, HAZE + np.clip(3.0 * height, 0.0, 1.0) * (SKY - HAZE), FLOOR + np.exp(12.0 * height) * (HAZE - FLOOR))
    return color.astype(np.uint8)


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
