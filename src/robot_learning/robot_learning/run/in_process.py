"""Runs episodes in this process: the simulated arm, the safety gate and the code that the nodes run, in lockstep."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robot_learning.core.errors import WorkFailed
from robot_learning.core.kinematics import Chain
from robot_learning.core.types import Array, Command, ObjectPose
from robot_learning.data.frames import recording
from robot_learning.models.policy import Policy
from robot_learning.robots.bullet_arm import BulletArm
from robot_learning.robots.description import Mode, Robot
from robot_learning.run.acting import acting
from robot_learning.run.actor import NO_PLACES, Act, Actor, Count, exploration, local
from robot_learning.run.episodes import Episode, EpisodeRequest, episode
from robot_learning.run.setting import Setting
from robot_learning.safety.barrier import Barrier
from robot_learning.safety.gate import Gate
from robot_learning.tasks.description import TaskConfig


class InProcess:
    """An `EpisodeRunner` without ROS. Its episodes are those of the lockstep graph, bit for bit; it records no bags and no cameras."""

    def __init__(
        self,
        robot: Robot,
        chain: Chain,
        urdf: Path,
        task: TaskConfig,
        mode: Mode | None = None,
        physics_hz: int = 240,
        barrier: Barrier | None = None,
    ) -> None:
        """One arm in a physics client of its own; `mode`: the robot's default one if None; `barrier`: as of Gate."""
        self._barrier = barrier
        self._robot, self._chain, self._task = robot, chain, task
        self._mode: Mode = mode or robot.command_mode
        self._arm = BulletArm(robot, urdf, task, physics_hz)
        self._substeps = round(physics_hz / task.rate_hz)
        self._policy: Policy | None = None

    @classmethod
    def of(cls, setting: Setting) -> "InProcess":
        """For the robot and the task of an experiment."""
        return cls(setting.robot, setting.chain, setting.urdf, setting.task, setting.mode, barrier=setting.barrier)

    def load(self, policy: Policy, version: int) -> None:
        """From now on the global policy is `policy`."""
        self._policy = policy

    def run(self, requests: Sequence[EpisodeRequest]) -> list[Episode]:
        """The episodes, in the order of the requests."""
        return [self._episode(request) for request in requests]

    def close(self) -> None:
        """Free the physics client."""
        self._arm.close()

    def _act(self, request: EpisodeRequest, count: Count) -> Act:
        if request.controller is not None:
            return local(request.controller)
        if self._policy is None:
            raise WorkFailed("an episode of the global policy was asked for before one was loaded")
        return acting(self._policy, self._robot, self._mode, self._task, request.condition, count)

    def _episode(self, request: EpisodeRequest) -> Episode:
        robot, task, arm = self._robot, self._task, self._arm
        happened = Counter[str]()
        act = self._act(request, lambda kind: happened.update((f"policy.{kind}",)))
        actor = Actor(robot, self._chain, task, request.condition, act, "in_process", self._mode)
        noise = exploration(request.seed, task.horizon, len(robot.joints), request.noise)
        gate = Gate(robot, "lockstep", task.rate_hz, mode=self._mode, barrier=self._barrier)
        arm.reset(request.condition)
        gate.arm(0)
        states, ending = [arm.joint_state()], "time"
        objects = {name: [pose] for name, pose in arm.objects().items()}
        commands: list[Command] = []
        for step in range(task.horizon):
            gate.observe(states[-1], 0)
            command = actor.answer(states[-1], step, noise[step], _newest(objects))
            refusal = gate.submit(command, 0)
            output = gate.output(0)
            if refusal or output is None:
                ending = f"fault: {refusal or 'the gate put nothing out'}"
                break
            arm.send(output.mode, output.values.tolist(), 1.0 / task.rate_hz)
            arm.step(self._substeps)
            commands.append(command)
            states.append(arm.joint_state())
            for name, pose in arm.objects().items():
                objects[name].append(pose)
        counts = {f"gate.{kind}": count for kind, count in gate.episode_counts().items()} | happened
        if not commands:
            raise WorkFailed(f"{request.condition.name}: the first command was refused: {ending}")
        frames = recording(states, commands, round(1e9 / task.rate_hz), list(objects.values()))
        return episode(robot, self._chain, task, request.condition, frames, ending, "", counts)


def _newest(objects: dict[str, list[ObjectPose]]) -> Array:
    """Where each object is now, (k, 3)."""
    return np.stack([poses[-1].position for poses in objects.values()]) if objects else NO_PLACES
