"""What surrounds the arm in PyBullet: table, target marker, the block of the insertion task, and objects that slide on the table."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.rotations import to_quaternion
from robot_learning.core.types import Array, ObjectPose
from robot_learning.robots.physics import pybullet
from robot_learning.tasks.description import Block, Condition, Disc, TaskConfig, start_of

Color = tuple[float, float, float, float]

HULL_MARGIN = 0.001  # m, by which Bullet rounds convex hulls outwards
WALL = 0.035  # m, of the block around its hole
PLINTH = 0.4  # m, of the column that carries the block; its foot disappears in the table
TABLE_CENTER, TABLE_HALF = (0.3, 0.0, -0.02), (0.75, 0.75, 0.02)  # m; its top is the base's plane

BLOCK_LIMITS = (  # m, and the friction's coefficient
    ("depth", 0.005, 0.5),
    ("width", 0.002, 0.2),
    ("clearance", -0.1, 0.1),
    ("chamfer", 0.0, 0.1),
    ("friction", 0.0, 5.0),
    ("peg_length", 0.005, 0.5),
)

TABLE_COLOR: Color = (0.62, 0.53, 0.43, 1.0)
BLOCK_COLOR: Color = (0.20, 0.42, 0.62, 1.0)
PLINTH_COLOR: Color = (0.45, 0.48, 0.52, 1.0)
TARGET_COLOR: Color = (0.90, 0.22, 0.12, 1.0)
OBJECT_COLOR: Color = (0.12, 0.12, 0.14, 1.0)
AFAR = (-5.0, 0.0, 5.0)  # m, where objects are before an episode
MARK = 0.002  # m, height of the flat marker on the table


class Mesh(NamedTuple):
    """Flat-shaded triangles."""

    vertices: Array  # (3 k, 3), m
    normals: Array  # (3 k, 3)


def block_of(task: TaskConfig | None, condition: Condition | None) -> Block | None:
    """The task's block with the condition's own numbers (clearance, chamfer, friction, …) in place of the task's; UsageError."""
    if task is None or task.block is None:
        return None
    own = condition.parameters if condition is not None else {}
    block = replace(task.block, **{name: value for name, value in own.items() if hasattr(task.block, name)})
    for name, low, high in BLOCK_LIMITS:
        if not low <= getattr(block, name) <= high:
            raise UsageError(f"task {task.name}: block.{name}: {getattr(block, name)}; {low:g} to {high:g} are allowed")
    if block.chamfer >= block.depth or block.clearance <= -0.4 * block.width:
        raise UsageError(f"task {task.name}: block: the chamfer must be smaller than the depth, and the hole must not vanish")
    return block


class Scene:
    """The bodies of one PyBullet client beside the arm."""

    def __init__(self, client: int, task: TaskConfig | None, block: Block | None) -> None:
        """Build the table and, for a task, its objects and its marker or its block."""
        self._client = client
        self.names: dict[int, str] = {}
        self.table = self._box("table", TABLE_HALF, TABLE_CENTER, TABLE_COLOR)
        self._block = block
        self._moving: list[tuple[int, Array]] = []  # body, its position in the target's frame
        self._objects: dict[str, tuple[int, Disc]] = {}
        if block is not None:
            self._build_block(block)
        elif task is not None and task.objects:
            self._build_objects(task)
        elif task is not None:
            self._moving.append((self._sphere("target", 0.025, TARGET_COLOR), np.zeros(3)))

    def place(self, target: Array) -> None:
        """Put marker or block where the tool frame has to go, (4, 4) in the base frame."""
        rotation, position = target[:3, :3], target[:3, 3]
        if self._block is not None:  # the hole opens against the tool's z axis
            position = position + rotation @ np.array([0.0, 0.0, self._block.peg_length])
            rotation = rotation * np.array([1.0, -1.0, -1.0])
        quaternion = to_quaternion(rotation).tolist()
        for body, offset in self._moving:
            at = (position + rotation @ offset).tolist()
            pybullet.resetBasePositionAndOrientation(body, at, quaternion, physicsClientId=self._client)

    def place_objects(self, condition: Condition) -> None:
        """Put the objects at rest on the table where a condition has them; UsageError if it does not say where.

        They come from afar, where they touch nothing: otherwise what Bullet remembers of old contacts would show in the last bits.
        """
        if self._objects:
            pybullet.performCollisionDetection(physicsClientId=self._client)
        for name, (body, disc) in self._objects.items():
            at = (*start_of(condition, name), disc.height / 2.0)
            pybullet.resetBasePositionAndOrientation(body, at, (0.0, 0.0, 0.0, 1.0), physicsClientId=self._client)
            pybullet.resetBaseVelocity(body, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), physicsClientId=self._client)

    def objects(self, stamp_ns: int) -> dict[str, ObjectPose]:
        """Where the objects are, by name, in the base frame."""
        found = {}
        for name, (body, _) in self._objects.items():
            position, quaternion = pybullet.getBasePositionAndOrientation(body, physicsClientId=self._client)
            found[name] = ObjectPose(stamp_ns, np.array(position), np.array(quaternion))
        return found

    def _build_objects(self, task: TaskConfig) -> None:
        """Bullet multiplies the coefficients of friction of two bodies; with a table of 1 a disc's own is the one that it says."""
        client = self._client
        pybullet.changeDynamics(self.table, -1, lateralFriction=1.0, physicsClientId=client)
        for disc in task.objects:
            shape = pybullet.createCollisionShape(pybullet.GEOM_CYLINDER, radius=disc.radius, height=disc.height, physicsClientId=client)
            body = self._body(disc.name, shape, self._cylinder(disc.radius, disc.height, OBJECT_COLOR), AFAR, disc.mass)
            pybullet.changeDynamics(body, -1, lateralFriction=disc.friction, linearDamping=0.0, angularDamping=0.0, physicsClientId=client)
            self._objects[disc.name] = body, disc
        mark = self._cylinder(1.5 * task.objects[0].radius, MARK, TARGET_COLOR)
        gap = task.blade.gap if task.blade is not None else 0.0
        self._moving.append((self._body("target", -1, mark), np.array(task.tool_points[0]) + np.array([0.0, 0.0, gap])))

    def _cylinder(self, radius: float, height: float, color: Color) -> int:
        return int(
            pybullet.createVisualShape(
                pybullet.GEOM_CYLINDER,
                radius=radius,
                length=height,
                rgbaColor=color,
                specularColor=(0.0, 0.0, 0.0),
                physicsClientId=self._client,
            )
        )

    def _build_block(self, block: Block) -> None:
        inner = block.width / 2.0 + block.clearance
        outer = inner + block.chamfer + WALL
        for index in range(4):
            shape = pybullet.createCollisionShape(
                pybullet.GEOM_MESH,
                vertices=(wall_corners(inner, outer, block.depth, block.chamfer, HULL_MARGIN) @ _quarter(index).T).tolist(),
                physicsClientId=self._client,
            )
            mesh = wall_mesh(wall_corners(inner, outer, block.depth, block.chamfer, 0.0) @ _quarter(index).T)
            self._moving.append((self._body(f"block wall {index}", shape, self._visual(mesh, BLOCK_COLOR)), np.zeros(3)))
        self._moving.append((self._box("block bottom", (outer, outer, 0.005), (0.0, 0.0, 0.0), BLOCK_COLOR), np.array([0.0, 0.0, -0.005])))
        half = (0.7 * outer, 0.7 * outer, PLINTH / 2.0)
        self._moving.append((self._box("plinth", half, (0.0, 0.0, 0.0), PLINTH_COLOR), np.array([0.0, 0.0, -0.01 - PLINTH / 2.0])))
        for body, _ in self._moving:
            pybullet.changeDynamics(body, -1, lateralFriction=block.friction, physicsClientId=self._client)

    def _visual(self, mesh: Mesh, color: Color) -> int:
        return int(
            pybullet.createVisualShape(
                pybullet.GEOM_MESH,
                vertices=mesh.vertices.tolist(),
                normals=mesh.normals.tolist(),
                indices=list(range(len(mesh.vertices))),
                rgbaColor=color,
                specularColor=(0.0, 0.0, 0.0),
                physicsClientId=self._client,
            )
        )

    def _box(self, name: str, half: tuple[float, float, float], position: tuple[float, float, float], color: Color) -> int:
        shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half, physicsClientId=self._client)
        visual = pybullet.createVisualShape(
            pybullet.GEOM_BOX, halfExtents=half, rgbaColor=color, specularColor=(0.0, 0.0, 0.0), physicsClientId=self._client
        )
        return self._body(name, shape, visual, position)

    def _sphere(self, name: str, radius: float, color: Color) -> int:
        visual = pybullet.createVisualShape(
            pybullet.GEOM_SPHERE, radius=radius, rgbaColor=color, specularColor=(0.0, 0.0, 0.0), physicsClientId=self._client
        )
        return self._body(name, -1, visual)

    def _body(self, name: str, shape: int, visual: int, position: tuple[float, float, float] = (0.0, 0.0, 0.0), mass: float = 0.0) -> int:
        body = int(pybullet.createMultiBody(mass, shape, visual, position, physicsClientId=self._client))
        self.names[body] = name
        return body


def wall_corners(inner: float, outer: float, depth: float, chamfer: float, inset: float) -> Array:
    """The ten corners of the wall on the +x side of a square hole, (10, 3) m, z = 0 at the hole's bottom.

    The wall is mitred at 45° and its upper inner edge chamfered. `inset` moves all faces but the mitres inwards, so that a shape
    which Bullet rounds outwards by that much has its faces in the right place.
    """
    slope = inset * (np.sqrt(2.0) - 1.0)
    bevel = chamfer + slope if chamfer > 0.0 else inset
    near, far, bottom, top = inner + inset, outer - inset, inset, depth - inset
    middle = depth - chamfer - slope if chamfer > 0.0 else top
    rim = inner + bevel
    corners = [(near, bottom), (far, bottom), (far, top), (rim, top), (near, middle)]
    return np.array([(x, side * x, z) for side in (-1.0, 1.0) for x, z in corners])


def wall_mesh(corners: Array) -> Mesh:
    """The faces of `wall_corners` as triangles."""
    faces = [[0, 1, 2, 3, 4], [9, 8, 7, 6, 5]] + [[i, i + 5, (i + 1) % 5 + 5, (i + 1) % 5] for i in range(5)]
    vertices, normals = [], []
    for face in faces:
        for second, third in zip(face[1:-1], face[2:], strict=True):
            triangle = corners[[face[0], second, third]]
            normal = np.cross(triangle[1] - triangle[0], triangle[2] - triangle[0])
            length = float(np.linalg.norm(normal))
            if length > 1e-12:  # without a chamfer one face is empty
                vertices.append(triangle)
                normals.append(np.tile(normal / length, (3, 1)))
    return Mesh(np.concatenate(vertices), np.concatenate(normals))


def _quarter(index: int) -> Array:
    cosine, sine = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[index]
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
