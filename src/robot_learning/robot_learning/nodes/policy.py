"""Runs the global policy, a network or a planner, and takes new versions of it while it runs.

Weights come in parts on /policy_weights. A complete and good version is stored under run_dir and takes over between episodes; a bad
one is counted and logged, and the old policy stays.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from robot_learning_interfaces.msg import PolicyVersion, WeightsPart
from robot_learning_interfaces.srv import PrepareEpisode

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.models import weights
from robot_learning.models.manifest import misfit
from robot_learning.models.policy import Policy as AnyPolicy
from robot_learning.models.policy import restored
from robot_learning.nodes import messages, qos
from robot_learning.nodes.actor import ActorNode
from robot_learning.nodes.spin import run
from robot_learning.run.acting import acting
from robot_learning.run.actor import Act
from robot_learning.run.config import available
from robot_learning.run.resolved import cameras
from robot_learning.run.tasks import load_task
from robot_learning.tasks.description import TaskConfig
from robot_learning.tasks.state import layout

POLICIES = 16  # names that are kept apart


class Loaded(NamedTuple):
    """One version of a policy."""

    version: int
    policy: AnyPolicy
    manifest: weights.Manifest


class Policy(ActorNode):
    """The newest good version of each policy, by name."""

    def __init__(self) -> None:
        super().__init__("policy", "run_dir")
        mode = self.robot.modes[self.mode]
        expected = {"robot": self.robot.name, "mode": self.mode, "action_scale": list(mode.action_scale)}
        self._assemblers = weights.Assemblers(expected, POLICIES)
        self._declared = load_task(self.given.task) if self.given.task else None
        self._cameras = {name: camera["sha256"] for name, camera in cameras(available("cameras")).items()}
        self._loaded: dict[str, Loaded] = {}
        self._waiting: dict[str, Loaded] = {}  # arrived during an episode
        self._announced: dict[str, int] = {}
        self.refused: Counter[str] = Counter()
        self.create_subscription(WeightsPart, "/policy_weights", self._on_part, qos.WEIGHTS)
        self.create_subscription(PolicyVersion, "/policy_version", self._on_version, qos.LATCHED)

    def _on_part(self, message: WeightsPart) -> None:
        try:
            update = self._assemblers.add(messages.weights_part(message))
            if update is not None:
                self._take(update)
        except (weights.Refused, WorkFailed) as error:
            self.refused[error.kind if isinstance(error, weights.Refused) else "storage"] += 1
            self.get_logger().warning(f"weights refused, the policy stays as it is: {error}")

    def _take(self, update: weights.Weights) -> None:
        policy = restored(update)
        found = self._misfit(update.manifest, self._declared) if self._declared is not None else ""
        if found:
            raise weights.Refused("manifest", f"{update.policy}:{update.version}: {found}")
        if self.given.run_dir:
            folder = Path(self.given.run_dir) / "policies"
            folder.mkdir(parents=True, exist_ok=True)
            weights.store(folder / f"{update.policy}.safetensors", update.data)
        self._waiting[update.policy] = Loaded(update.version, policy, update.manifest)
        self._swap()

    def _misfit(self, manifest: weights.Manifest, task: TaskConfig) -> str:
        return misfit(manifest, layout(task, len(self.robot.joints)), task.rate_hz, self._cameras)

    def _swap(self) -> None:
        """New versions take over, unless an episode runs."""
        self._waiting = {name: loaded for name, loaded in self._waiting.items() if name in self._assemblers}
        if not self.acting:
            self._loaded.update(self._waiting)
            self._waiting.clear()
            self._loaded = {name: loaded for name, loaded in self._loaded.items() if name in self._assemblers}

    def _on_version(self, message: PolicyVersion) -> None:
        self._announced[message.policy[:64]] = message.version
        while len(self._announced) > POLICIES:
            self._announced.pop(next(iter(self._announced)))

    def choose(self, request: PrepareEpisode.Request, task: TaskConfig) -> tuple[Act, str]:
        """The loaded policy with the request's name and version."""
        self._swap()
        version, policy, manifest = self._loaded.get(request.id, (0, None, {}))
        if request.controller != "policy" or policy is None or version != request.version:
            there = f"version {version}" if policy else "no version"
            announced = self._announced.get(request.id)
            note = f"; version {announced} is announced" if announced is not None else ""
            raise UsageError(f"{request.controller} {request.id!r} version {request.version} is not loaded ({there}{note})")
        self.fits(f"policy {request.id!r}", task, policy.state_dim, policy.action_dim)
        found = self._misfit(manifest, task)
        if found:
            raise UsageError(f"policy {request.id!r} version {version} in task {task.name}: {found}")
        act = acting(policy, self.robot, self.mode, task, messages.condition(request.condition), self.count)
        return act, f"{request.id}:{version}"

    def counts(self) -> dict[str, int]:
        """Refused weights since the start, by kind."""
        return {f"weights_{kind}": count for kind, count in self.refused.items()}

    def ended(self) -> None:
        """An episode ended."""
        self._swap()


def main() -> None:
    """Console entry."""
    sys.exit(run(Policy))


if __name__ == "__main__":
    main()
