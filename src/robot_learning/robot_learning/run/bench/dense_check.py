"""What judges planned motions: the arm and its scene in PyBullet as they are, looked at step by step, without margins or bounds."""

import tempfile
from collections.abc import Set
from pathlib import Path

import numpy as np

from robot_learning.core.types import Array
from robot_learning.robots.description import Robot
from robot_learning.robots.held_tools import held, prepared_urdf
from robot_learning.robots.physics import pybullet
from robot_learning.robots.scene import Scene, block_of
from robot_learning.tasks.description import Condition, TaskConfig

STEP = 0.001  # rad, of any joint between two looks
PLACE = 0.001  # m, of any point of the arm between two looks
REACH = 1.3  # m, from any joint's axis to the furthest point of an arm with what it holds


class DenseCheck:
    """An arm in the scene of one condition, and pairs of its links that may touch; what touches at home may, too."""

    def __init__(self, robot: Robot, urdf_path: Path, task: TaskConfig, condition: Condition, allowed: Set[frozenset[str]]) -> None:
        """The base and the first link are not looked at against the table that they stand on."""
        self._client = client = pybullet.connect(pybullet.DIRECT)
        block = block_of(task, condition)
        with tempfile.NamedTemporaryFile("w", suffix=".urdf") as file:
            file.write(prepared_urdf(urdf_path, robot, held(task, block)))
            file.flush()
            self._body = pybullet.loadURDF(file.name, useFixedBase=1, flags=pybullet.URDF_USE_SELF_COLLISION, physicsClientId=client)
        infos = [pybullet.getJointInfo(self._body, i, physicsClientId=client) for i in range(pybullet.getNumJoints(self._body, client))]
        self._names = {-1: pybullet.getBodyInfo(self._body, physicsClientId=client)[0].decode()}
        self._names |= {info[0]: info[12].decode() for info in infos}
        index = {info[1].decode(): info[0] for info in infos}
        self._joints = [index[name] for name in robot.joints]
        self._standing = {self._names[link] for link in range(-1, self._joints[0] + 1)}
        self._allowed = set(allowed)
        self._allowed |= {frozenset(pair) for pair in self._pairs(np.array(robot.home))}
        self._scene = Scene(client, task, block)
        self._scene.place(condition.target)
        self._scene.place_objects(condition)

    def touched(self, positions: Array) -> set[tuple[str, str]]:
        """The pairs that touch on the way through joint positions (m, n) in rad, straight from each to the next."""
        found: set[tuple[str, str]] = set()
        for a, b in zip(positions[:-1], positions[1:], strict=True):
            steps = int(np.ceil(max(np.max(np.abs(b - a)) / STEP, np.sum(np.abs(b - a)) * REACH / PLACE, 1.0)))
            for share in np.arange(steps + 1) / steps:
                found |= self._pairs(a + share * (b - a))
        return found

    def close(self) -> None:
        """Free the physics client."""
        pybullet.disconnect(self._client)

    def _pairs(self, positions: Array) -> set[tuple[str, str]]:
        client = self._client
        pybullet.resetJointStatesMultiDof(self._body, self._joints, positions.reshape(-1, 1).tolist(), physicsClientId=client)
        pybullet.performCollisionDetection(physicsClientId=client)
        found = set()
        for point in pybullet.getContactPoints(bodyA=self._body, physicsClientId=client):
            first = self._names[point[3]]
            second = self._names[point[4]] if point[2] == self._body else self._scene.names[point[2]]
            on_its_stand = first in self._standing and second == "table"
            if point[8] < 0.0 and not on_its_stand and frozenset((first, second)) not in self._allowed:
                found.add((first, second))
        return found
