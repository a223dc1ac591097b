"""One arm in PyBullet, commanded through simulated ros2_control controllers."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.errors import UsageError
from robot_learning.core.joint_trajectory import Point, streamed
from robot_learning.core.types import Array, JointState, ObjectPose
from robot_learning.robots.camera import CameraConfig, parent_link
from robot_learning.robots.description import Robot
from robot_learning.robots.held_tools import held, prepared_urdf
from robot_learning.robots.physics import pybullet
from robot_learning.robots.rendering import render
from robot_learning.robots.ros2_controllers import RobotControllers, Setpoint
from robot_learning.robots.scene import Scene, block_of
from robot_learning.tasks.description import Block, Condition, TaskConfig

SERVO_GAIN = 20.0  # 1/s, of the position servo: velocity per position error
MAX_LAG = 0.05  # rad, that the velocity servo's own position may run ahead of the measured one


class Contact(NamedTuple):
    """The arm touches something."""

    link: str
    other: str  # body of the scene
    force: float  # N, normal


class BulletArm:
    """A torque-, velocity- or position-controlled arm with its own physics.

    The robot's side works at the physics rate. Effort mode is libfranka's: the command excludes gravity, which the robot adds;
    Coriolis and centrifugal torques are not compensated (libfranka leaves them to the user's model). The joints' damping torque
    -d q̇ belongs to the robot as well. No torque beyond the effort limits is ever applied.
    After `reset` with the same condition, the same commands give bit-equal states, whatever happened before.
    """

    def __init__(
        self, robot: Robot, urdf_path: Path, task: TaskConfig | None = None, physics_hz: int = 240, watchdog: bool = False
    ) -> None:
        """Load robot and scene into a physics client of their own; `watchdog` turns the robot's own one on."""
        self.robot = robot
        self.physics_hz = physics_hz
        self.controllers = RobotControllers(robot, robot.plant.watchdog_s if watchdog else 0.0)
        self._urdf_path, self._task = urdf_path, task
        self._damping = [float(d) for d in robot.plant.joint_damping]
        self._limits = [float(limit) for limit in robot.limits.effort]
        self._speeds = [float(limit) for limit in robot.limits.velocity]
        self._zeros = [0.0] * len(robot.joints)
        self._client = pybullet.connect(pybullet.DIRECT)
        self._built: Block | None = None
        self._target: Array = np.eye(4)
        self._load(block_of(task, None))
        self._settle(robot.home)

    def _load(self, block: Block | None) -> None:
        client = self._client
        pybullet.resetSimulation(physicsClientId=client)
        pybullet.setPhysicsEngineParameter(
            fixedTimeStep=1.0 / self.physics_hz, numSubSteps=0, deterministicOverlappingPairs=1, enableFileCaching=0, physicsClientId=client
        )
        pybullet.setGravity(0.0, 0.0, -9.81, physicsClientId=client)
        text = prepared_urdf(self._urdf_path, self.robot, held(self._task, block))
        with tempfile.NamedTemporaryFile("w", suffix=".urdf") as file:
            file.write(text)
            file.flush()
            try:
                # without the file's inertia Bullet makes up its own from the collision shapes
                self._body = pybullet.loadURDF(file.name, useFixedBase=1, flags=pybullet.URDF_USE_INERTIA_FROM_FILE, physicsClientId=client)
            except pybullet.error as error:
                raise UsageError(f"{self._urdf_path}: PyBullet cannot load it ({error})") from None
        self._index_joints()
        self.scene = Scene(client, self._task, block)
        self._built = block
        for link in range(-1, pybullet.getNumJoints(self._body, physicsClientId=client)):
            pybullet.changeDynamics(self._body, link, linearDamping=0.0, angularDamping=0.0, jointDamping=0.0, physicsClientId=client)
        if block is not None:
            pybullet.changeDynamics(self._body, self._links["peg"], lateralFriction=1.0, physicsClientId=client)
        for link in (-1, self._joints[0]):  # they stand in the table's mounting hole; the first joint only turns about its axis
            pybullet.setCollisionFilterPair(self._body, self.scene.table, link, -1, 0, physicsClientId=client)
        self._snapshot = pybullet.saveState(physicsClientId=client)

    def _index_joints(self) -> None:
        client, body = self._client, self._body
        infos = [pybullet.getJointInfo(body, i, physicsClientId=client) for i in range(pybullet.getNumJoints(body, physicsClientId=client))]
        joints = {info[1].decode(): info[0] for info in infos}
        self._links = {info[12].decode(): info[0] for info in infos}
        self._links.setdefault(pybullet.getBodyInfo(body, physicsClientId=client)[0].decode(), -1)
        self._joints = [joints[name] for name in self.robot.joints]
        movable = [info[0] for info in infos if info[2] != pybullet.JOINT_FIXED]
        if movable != self._joints:
            raise UsageError(f"{self._urdf_path}: the moving joints must be those of config/robots/{self.robot.name}.yaml, in its order")
        self._motors_on = True

    def reset(self, condition: Condition) -> None:
        """Start afresh from a condition: arm and objects at rest, target or block in place, controllers active and without a command."""
        self._check_start(condition.initial_positions)
        block = block_of(self._task, condition)
        if block != self._built:
            self._load(block)
        pybullet.restoreState(self._snapshot, physicsClientId=self._client)
        self._target = condition.target
        self.scene.place(self._target)
        self.scene.place_objects(condition)
        self._settle(condition.initial_positions)

    def place(self, positions: Sequence[float] | Array, velocities: Sequence[float] | Array) -> None:
        """Put the arm at joint positions (n,) in rad with velocities (n,) in rad/s, without a command or a memory of contacts.

        Target or block are where the last `reset` put them; objects that can be pushed are not.
        """
        pybullet.restoreState(self._snapshot, physicsClientId=self._client)
        self.scene.place(self._target)
        self._settle(positions, velocities)

    def _check_start(self, positions: Array) -> None:
        limits = self.robot.limits
        if len(positions) != len(self._joints):
            raise UsageError(f"initial_positions: {len(positions)} for the {len(self._joints)} joints of {self.robot.name}")
        for name, q, low, high in zip(self.robot.joints, positions, limits.position_lower, limits.position_upper, strict=True):
            if not low <= q <= high:
                raise UsageError(f"initial_positions: {name}: {float(q):g} rad; {low:g} to {high:g} are allowed")

    def _settle(self, positions: Sequence[float] | Array, velocities: Sequence[float] | Array | None = None) -> None:
        for index, q, dq in zip(self._joints, positions, self._zeros if velocities is None else velocities, strict=True):
            pybullet.resetJointState(self._body, index, float(q), float(dq), physicsClientId=self._client)
        self._steps = 0
        self._torque = list(self._zeros)
        self._hold: list[float] | None = None
        self._motors_off()
        self.controllers.reset(positions)  # type: ignore[arg-type]

    @property
    def time_ns(self) -> int:
        """Physics time since the reset."""
        return self._steps * 1_000_000_000 // self.physics_hz

    def set_mode(self, mode: str, reason: str = "") -> str:
        """Give the joints to the controller of `mode`, or with "none" to no controller; the reason if it is refused, else ""."""
        positions = self._states()[0]
        if mode != "none":
            return self.controllers.activate(mode, positions)
        self.controllers.deactivate(reason, positions)
        return ""

    def send(self, mode: str, values: Sequence[float], period_s: float | None = None) -> str:
        """One command message for the controller of `mode`; the reason if it is refused, else "".

        In "trajectory" mode the values are the target of a streamed one-point trajectory of period `period_s` (default: the task's).
        """
        if mode == "trajectory":
            period = period_s or (1.0 / self._task.rate_hz if self._task is not None else 0.05)
            if len(values) != len(self._joints):
                return f"{len(values)} values for {len(self._joints)} joints: the message is dropped"
            return self.send_trajectory(self.robot.joints, streamed(values, period))
        return self.controllers.command(mode, values, self.time_ns)

    def send_trajectory(self, names: Sequence[str], points: Sequence[Point], start_ns: int | None = None) -> str:
        """One message for the joint trajectory controller; the reason if it is refused, else "". `start_ns` None: now."""
        return self.controllers.trajectory(names, points, start_ns, self.time_ns, self._states())

    def step(self, substeps: int = 1) -> None:
        """Advance the physics by `substeps` of 1/physics_hz each."""
        client, body, joints, zeros = self._client, self._body, self._joints, self._zeros
        damping, limits = self._damping, self._limits
        for _ in range(substeps):
            states = pybullet.getJointStates(body, joints, physicsClientId=client)
            positions = [state[0] for state in states]
            setpoint = self.controllers.setpoint(self._steps * 1_000_000_000 // self.physics_hz, positions)
            if setpoint.kind == "effort":
                if self._motors_on:
                    self._motors_off()
                gravity = pybullet.calculateInverseDynamics(body, positions, zeros, zeros, physicsClientId=client)
                torque = [
                    max(-limit, min(limit, u + g - d * state[1]))
                    for u, g, d, state, limit in zip(setpoint.values, gravity, damping, states, limits, strict=True)
                ]
                pybullet.setJointMotorControlArray(body, joints, pybullet.TORQUE_CONTROL, forces=torque, physicsClientId=client)
                self._torque = torque
            else:
                self._servo(setpoint, positions)
            pybullet.stepSimulation(physicsClientId=client)
            self._steps += 1

    def _servo(self, setpoint: Setpoint, positions: list[float]) -> None:
        """Bullet's velocity motors, limited in torque and speed, towards a position or a velocity.

        A commanded velocity moves a position of its own, so that the arm does not sink at zero velocity.
        """
        target: Sequence[float]
        if setpoint.kind == "position":
            target, ahead = setpoint.values, setpoint.velocities or self._zeros
            self._hold = None
        else:
            ahead = setpoint.values
            hold = positions if self._hold is None else self._hold
            target = self._hold = [
                max(q - MAX_LAG, min(q + MAX_LAG, h + v / self.physics_hz)) for h, q, v in zip(hold, positions, ahead, strict=True)
            ]
        velocities = [
            max(-limit, min(limit, v + SERVO_GAIN * (p - q))) for p, q, v, limit in zip(target, positions, ahead, self._speeds, strict=True)
        ]
        pybullet.setJointMotorControlArray(
            self._body,
            self._joints,
            pybullet.VELOCITY_CONTROL,
            targetVelocities=velocities,
            forces=self._limits,
            physicsClientId=self._client,
        )
        self._motors_on = True

    def _motors_off(self) -> None:
        pybullet.setJointMotorControlArray(
            self._body, self._joints, pybullet.VELOCITY_CONTROL, forces=self._zeros, physicsClientId=self._client
        )
        self._motors_on = False
        self._hold = None

    def _states(self) -> tuple[list[float], list[float]]:
        states = pybullet.getJointStates(self._body, self._joints, physicsClientId=self._client)
        return [state[0] for state in states], [state[1] for state in states]

    def joint_state(self, stamp_ns: int | None = None) -> JointState:
        """Measured joints; effort is the torque applied in the last physics step, gravity included."""
        states = pybullet.getJointStates(self._body, self._joints, physicsClientId=self._client)
        effort = [state[3] for state in states] if self._motors_on else self._torque
        return JointState(
            self.time_ns if stamp_ns is None else stamp_ns,
            np.array([state[0] for state in states]),
            np.array([state[1] for state in states]),
            np.array(effort),
        )

    def objects(self, stamp_ns: int | None = None) -> dict[str, ObjectPose]:
        """Where the task's objects are, by name."""
        return self.scene.objects(self.time_ns if stamp_ns is None else stamp_ns)

    def link_pose(self, name: str) -> Array:
        """(4, 4) pose of a link in the base frame, m."""
        if name not in self._links:
            raise UsageError(f"{self._urdf_path}: no link {name!r}; links are {', '.join(self._links)}")
        pose = np.eye(4)
        if self._links[name] >= 0:
            state = pybullet.getLinkState(self._body, self._links[name], computeForwardKinematics=1, physicsClientId=self._client)
            pose[:3, 3] = state[4]
            pose[:3, :3] = np.reshape(pybullet.getMatrixFromQuaternion(state[5]), (3, 3))
        return pose

    def tool_pose(self) -> Array:
        """(4, 4) pose of the tool link in the base frame, m."""
        return self.link_pose(self.robot.tool_link)

    def render(self, camera: CameraConfig) -> NDArray[np.uint8]:
        """(h, w, 3) rgb picture."""
        return render(self._client, camera, self.link_pose(parent_link(camera, self.robot)))

    def contacts(self) -> list[Contact]:
        """What the arm touches in the scene after the last physics step."""
        names = {index: name for name, index in self._links.items()}
        points = pybullet.getContactPoints(bodyA=self._body, physicsClientId=self._client)
        return [Contact(names[p[3]], self.scene.names[p[2]], p[9]) for p in points if p[2] in self.scene.names and p[9] > 0.0]

    def close(self) -> None:
        """Free the physics client."""
        if self._client >= 0:
            pybullet.disconnect(physicsClientId=self._client)
            self._client = -1
