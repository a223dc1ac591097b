"""Whether a robot touches itself or what surrounds it, by PyBullet, in a client of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array
from robot_learning.core.urdf import Urdf, read_urdf
from robot_learning.planning.clearance import Box
from robot_learning.planning.links import allowed_pairs, link_frames
from robot_learning.robots.description import Robot
from robot_learning.robots.held_tools import held, prepared_urdf
from robot_learning.robots.physics import pybullet
from robot_learning.robots.scene import Scene, block_of
from robot_learning.safety.capsules import read_capsules
from robot_learning.tasks.description import Condition, TaskConfig

AGAINST_SCENE, AGAINST_ITSELF = 1, 2  # collision groups of the robot's two bodies


class Margins(NamedTuple):
    """What the robot keeps away from, where it is checked; half of each is kept in between."""

    surroundings: float = 0.01  # m
    itself: float = 0.003  # m; some links pass each other this closely by design


class Contacts:
    """A robot with what it holds, in the scene of a task's condition.

    Two bodies stand for the robot: one that is grown by the one margin meets the surroundings, one that is grown by half of the other
    meets itself. The pairs of links that may touch are those of links.py and those that overlap in the robot's home already. What does
    not move is not checked against the surroundings, nor is the first link against the table, on which it only turns about its axis.
    """

    def __init__(
        self,
        robot: Robot,
        urdf_path: Path,
        task: TaskConfig | None,
        condition: Condition | None,
        margins: Margins,
        held_passes: bool = False,
    ) -> None:
        """Without a condition there is only the table, and the robot holds what the task wants.

        `held_passes`: what it holds is not checked against the surroundings, since it is where it may touch them.
        """
        client = self._client = pybullet.connect(pybullet.DIRECT)
        block = block_of(task, condition) if condition is not None else None
        rod = held(task, block or (task.block if task is not None else None))
        self.held = None if rod is None else rod.link
        self.text = prepared_urdf(urdf_path, robot, rod)
        with as_file(self.text) as path:
            self.urdf: Urdf = read_urdf(path)
            self.chain = Chain.from_urdf(path, robot.base_link, robot.tool_link, robot.joints)
            self.capsules = read_capsules(path, robot)
        self.allowed = allowed_pairs(self.urdf, self.chain)
        self.allowed |= self._overlapping(robot)
        pybullet.resetSimulation(physicsClientId=client)
        self.scene = Scene(client, task if condition is not None else None, block)
        if condition is not None:
            self.scene.place(condition.target)
            self.scene.place_objects(condition)
        self._bodies = [self._load(self.text, robot, margins.surroundings, 0)]
        self._bodies.append(self._load(self.text, robot, margins.itself / 2.0, pybullet.URDF_USE_SELF_COLLISION))
        self.passed = {(self._names[self._joints[0]], self.scene.names[self.scene.table])}
        if held_passes and self.held is not None:
            self.passed |= {(self.held, name) for name in self.scene.names.values()}
        self._filter()

    def touching(self, positions: Array) -> tuple[str, str] | None:
        """Two things that touch at joint positions (n,) in rad, a link first; None if nothing does."""
        client, values = self._client, positions.reshape(-1, 1).tolist()
        for body in self._bodies:
            pybullet.resetJointStatesMultiDof(body, self._joints, values, physicsClientId=client)
        pybullet.performCollisionDetection(physicsClientId=client)
        for body in self._bodies:
            for point in pybullet.getContactPoints(bodyA=body, physicsClientId=client):
                if point[8] < 0.0:
                    other = self._names[point[4]] if point[2] == body else self.scene.names[point[2]]
                    return self._names[point[3]], other
        return None

    def boxes(self) -> list[Box]:
        """The surroundings as boxes that enclose what can be touched."""
        return [box for body, name in self.scene.names.items() if (box := self._box(body, name)) is not None]

    def close(self) -> None:
        """Free the physics client."""
        if self._client >= 0:
            pybullet.disconnect(physicsClientId=self._client)
            self._client = -1

    def _load(self, text: str, robot: Robot, margin: float, flags: int) -> int:
        client = self._client
        with as_file(grown(text, margin)) as path:
            try:
                body = int(pybullet.loadURDF(str(path), useFixedBase=1, flags=flags, physicsClientId=client))
            except pybullet.error as error:
                raise UsageError(f"{robot.urdf}: PyBullet cannot load it ({error})") from None
        infos = [pybullet.getJointInfo(body, i, physicsClientId=client) for i in range(pybullet.getNumJoints(body, client))]
        self._names = {info[0]: info[12].decode() for info in infos}
        self._names[-1] = pybullet.getBodyInfo(body, physicsClientId=client)[0].decode()
        index = {info[1].decode(): info[0] for info in infos}
        self._joints = [index[name] for name in robot.joints]
        return body

    def _overlapping(self, robot: Robot) -> set[frozenset[str]]:
        """Pairs of links whose shapes overlap at home, where nothing should: their shapes are coarser than the links."""
        client, body = self._client, self._load(self.text, robot, 0.0, pybullet.URDF_USE_SELF_COLLISION)
        pybullet.resetJointStatesMultiDof(body, self._joints, [[q] for q in robot.home], physicsClientId=client)
        pybullet.performCollisionDetection(physicsClientId=client)
        points = pybullet.getContactPoints(bodyA=body, bodyB=body, physicsClientId=client)
        return {frozenset((self._names[point[3]], self._names[point[4]])) for point in points if point[8] < 0.0}

    def _filter(self) -> None:
        """Which pairs of bodies and links Bullet looks at."""
        client, (outer, inner) = self._client, self._bodies
        frame = link_frames(self.urdf, self.chain)
        for link, name in self._names.items():
            mask = AGAINST_SCENE if frame[name] > 0 else 0
            for body, what in self.scene.names.items():
                if (name, what) in self.passed:
                    pybullet.setCollisionFilterPair(outer, body, link, -1, 0, physicsClientId=client)
            pybullet.setCollisionFilterGroupMask(outer, link, mask, mask, physicsClientId=client)
            pybullet.setCollisionFilterGroupMask(inner, link, AGAINST_ITSELF, AGAINST_ITSELF, physicsClientId=client)
        for body in self.scene.names:
            pybullet.setCollisionFilterGroupMask(body, -1, AGAINST_SCENE, AGAINST_SCENE, physicsClientId=client)
        for link, other in combinations(sorted(self._names), 2):
            if frozenset((self._names[link], self._names[other])) in self.allowed:
                pybullet.setCollisionFilterPair(inner, inner, link, other, 0, physicsClientId=client)

    def _box(self, body: int, name: str) -> Box | None:
        """What encloses a body of one shape: found upright, turned with it."""
        client = self._client
        if not pybullet.getCollisionShapeData(body, -1, physicsClientId=client):
            return None
        position, quaternion = pybullet.getBasePositionAndOrientation(body, physicsClientId=client)
        pybullet.resetBasePositionAndOrientation(body, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), physicsClientId=client)
        low, high = np.array(pybullet.getAABB(body, physicsClientId=client))
        pybullet.resetBasePositionAndOrientation(body, position, quaternion, physicsClientId=client)
        rotation = np.reshape(pybullet.getMatrixFromQuaternion(quaternion), (3, 3))
        return Box(name, np.array(position) + rotation @ (low + high) / 2.0, rotation, (high - low) / 2.0)


def grown(text: str, margin: float) -> str:
    """A URDF with each collision shape `margin` m larger in every direction."""
    root = ElementTree.fromstring(text)
    for shape in root.iterfind("link/collision/geometry/*"):
        for field, times in (("radius", 1.0), ("length", 2.0), ("size", 2.0)):
            if shape.get(field) is not None:
                shape.set(field, " ".join(repr(float(part) + times * margin) for part in shape.get(field, "").split()))
    return ElementTree.tostring(root, encoding="unicode")


@contextmanager
def as_file(text: str) -> Iterator[Path]:
    """A temporary URDF file."""
    with tempfile.NamedTemporaryFile("w", suffix=".urdf") as file:
        file.write(text)
        file.flush()
        yield Path(file.name)
