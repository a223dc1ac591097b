"""PyBullet's own Panda with its meshes: what our low-poly robots are compared with."""

import os

import numpy as np
import pybullet_data
from numpy.typing import NDArray

from robot_learning.core.types import Array
from robot_learning.robots.camera import CameraConfig
from robot_learning.robots.physics import pybullet
from robot_learning.robots.rendering import render


class Panda:
    """The arm alone in a physics client of its own."""

    def __init__(self, positions: Array) -> None:
        """At joint positions (7,) in rad."""
        self.urdf = os.path.join(pybullet_data.getDataPath(), "franka_panda", "panda.urdf")
        self._client = pybullet.connect(pybullet.DIRECT)
        body = pybullet.loadURDF(self.urdf, useFixedBase=True, physicsClientId=self._client)
        for joint, position in enumerate(positions):
            pybullet.resetJointState(body, joint, float(position), physicsClientId=self._client)

    def render(self, camera: CameraConfig) -> NDArray[np.uint8]:
        """The picture (h, w, 3) of a camera that is fixed to the base."""
        return render(self._client, camera, np.eye(4))

    def close(self) -> None:
        """Free the physics client."""
        pybullet.disconnect(self._client)
