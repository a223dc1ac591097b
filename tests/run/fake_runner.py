"""An arm of seven double integrators in the place of a simulator: fast, and the same for the same requests."""

from collections.abc import Callable, Sequence

import numpy as np

from robot_learning.control import noise
from robot_learning.control.linear_gaussian import act
from robot_learning.core.types import Recording
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.run.episodes import Episode, EpisodeRequest, episode
from robot_learning.run.setting import Setting
from robot_learning.tasks.state import observe

INERTIA = 30.0


class FakeRunner:
    """Runs episodes of `setting`; `before` is called with the number of each one and may raise or name an ending."""

    def __init__(self, setting: Setting, before: Callable[[int], str | None] = lambda number: None) -> None:
        self.setting, self.before = setting, before
        self.policy: GaussianPolicy | None = None
        self.versions: list[int] = []
        self.ran = 0

    def load(self, policy: GaussianPolicy, version: int) -> None:
        self.policy = policy
        self.versions.append(version)

    def run(self, requests: Sequence[EpisodeRequest]) -> list[Episode]:
        return [self._episode(request) for request in requests]

    def _episode(self, request: EpisodeRequest) -> Episode:
        s = self.setting
        ending = self.before(self.ran) or "time"
        self.ran += 1
        n, horizon, dt = len(s.robot.joints), s.task.horizon, 1.0 / s.task.rate_hz
        draws = noise.draw(request.seed, horizon, n) if request.noise else [None] * horizon
        q, dq = request.condition.initial_positions.copy(), np.zeros(n)
        positions, velocities, commands = [q], [dq], []
        for t in range(horizon):
            x = observe(s.chain, s.task, request.condition, q, dq)
            u = act(request.controller, t, x, draws[t]) if request.controller is not None else self.policy.act(x, draws[t])
            values = u * np.array(s.robot.modes[s.mode].action_scale)
            dq = 0.8 * dq + dt * values / INERTIA
            q = q + dt * dq
            positions.append(q)
            velocities.append(dq)
            commands.append(values)
        stamps = np.arange(horizon + 1) * round(1e9 * dt)
        recording = Recording(stamps, np.stack(positions), np.stack(velocities), s.mode, np.stack(commands))
        return episode(s.robot, s.chain, s.task, request.condition, recording, ending, "", {"gate.passed": horizon, "gate.changed": 1})
