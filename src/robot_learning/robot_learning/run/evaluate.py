"""How good controllers and policies are: noise-free episodes, judged at their last step. They are not counted as samples."""

from collections.abc import Callable, Sequence
from math import nan
from pathlib import Path
from typing import NamedTuple

import numpy as np

from robot_learning.control.linear_gaussian import at
from robot_learning.core.errors import WorkFailed
from robot_learning.core.types import LinearGaussian
from robot_learning.run.episodes import Episode, EpisodeRequest, EpisodeRunner
from robot_learning.run.records import Outcome, added
from robot_learning.run.setting import Setting
from robot_learning.tasks.description import Condition


class Evaluated(NamedTuple):
    """The outcomes of a set of evaluation episodes, in their order."""

    outcomes: tuple[Outcome, ...]
    counts: dict[str, int]
    episodes: tuple[Episode, ...]
    notes: tuple[str, ...] = ()  # which of them were run again


class Plan(NamedTuple):
    """One evaluation episode: whose, and on which condition."""

    controller: str  # "local" or "policy"
    split: str
    request: EpisodeRequest


def plans(
    setting: Setting,
    controllers: LinearGaussian | None,
    policy: bool,
    cameras: tuple[str, ...] = (),
    general: Callable[[Condition], LinearGaussian | None] = lambda condition: None,
) -> list[Plan]:
    """Local controllers (C, T, …) on their own conditions, the global policy on all; cameras see the policy, or else the controllers.

    general: the controller (T, …) that acts as the global policy in a condition; None: the network.
    """
    found = []
    if controllers is not None:
        seen = () if policy else cameras
        for i, condition in enumerate(setting.train):
            found.append(Plan("local", "train", EpisodeRequest(condition, at(controllers, i), noise=False, cameras=seen)))
    if policy:
        for split, conditions in (("train", setting.train), ("heldout", setting.heldout)):
            found += [Plan("policy", split, EpisodeRequest(c, general(c), noise=False, cameras=cameras)) for c in conditions]
    return found


def evaluate(runner: EpisodeRunner, setting: Setting, wanted: Sequence[Plan], folder: Path) -> Evaluated:
    """Run the planned episodes, those with a fault once more; paths of bags become relative to the run `folder`."""
    requests = [plan.request for plan in wanted]
    episodes, broken = twice(runner, requests, setting.task.horizon)
    outcomes = tuple(outcome(setting, plan, episode, folder) for plan, episode in zip(wanted, episodes, strict=True))
    notes = tuple(f"{requests[i].condition.name}: a test was run again: {ending}" for i, ending in broken.items())
    repeated = {"evaluation.repeated": len(broken)} if broken else {}
    return Evaluated(outcomes, added([*(episode.counts for episode in episodes), repeated]), tuple(episodes), notes)


def outcome(setting: Setting, plan: Plan, episode: Episode, folder: Path) -> Outcome:
    """The verdict on one episode: it has to be complete and end near enough."""
    task = setting.task
    limit = task.success_distance_global if plan.controller == "policy" else task.success_distance
    whole = episode.ending == "time" and len(episode.actions) == task.horizon
    distance = float(episode.distance) if whole else nan
    bag = Path(episode.bag)
    where = str(bag.relative_to(folder)) if episode.bag and bag.is_relative_to(folder) else episode.bag
    name = plan.request.condition.name
    cost, near = float(np.sum(episode.cost)), whole and distance < limit
    return Outcome(plan.controller, plan.split, name, distance, cost, near, episode.ending, where)


def collect(runner: EpisodeRunner, requests: Sequence[EpisodeRequest], horizon: int) -> tuple[list[Episode], list[str]]:
    """Training episodes; one that did not run to its end is tried once more. WorkFailed names one that fails twice."""
    episodes, broken = twice(runner, requests, horizon)
    for i, ending in broken.items():
        if not complete(episodes[i], horizon):
            name = requests[i].condition.name
            raise WorkFailed(f"an episode on {name} ended twice before its time: {ending}; then {episodes[i].ending}")
    return episodes, [f"{requests[i].condition.name}: an episode was run again: {ending}" for i, ending in broken.items()]


def twice(runner: EpisodeRunner, requests: Sequence[EpisodeRequest], horizon: int) -> tuple[list[Episode], dict[int, str]]:
    """The episodes, after one more try of those that did not run to their end; and how these ended first, by their number."""
    episodes = runner.run(requests)
    broken = {i: episode.ending for i, episode in enumerate(episodes) if not complete(episode, horizon)}
    if broken:
        for i, episode in zip(broken, runner.run([requests[i] for i in broken]), strict=True):
            episodes[i] = episode
    return episodes, broken


def complete(episode: Episode, horizon: int) -> bool:
    """Whether an episode ran to its end."""
    return episode.ending == "time" and len(episode.actions) == horizon
