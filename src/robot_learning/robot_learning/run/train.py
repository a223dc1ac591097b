"""The training loop: collect episodes, learn from them, evaluate, save. The same for episodes in process and through the ROS graph."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robot_learning.run import algorithms, checkpoints, film, report, summary
from robot_learning.run.acting import packed
from robot_learning.run.best import best_readable
from robot_learning.run.checkpoints import Checkpoint
from robot_learning.run.episodes import Episode, EpisodeRequest, EpisodeRunner
from robot_learning.run.evaluate import Plan, collect, evaluate, plans
from robot_learning.run.experiment import Experiment
from robot_learning.run.explain import explain
from robot_learning.run.folder import read_experiment
from robot_learning.run.interrupts import deferred
from robot_learning.run.learners import Learner
from robot_learning.run.progress import Progress
from robot_learning.run.records import Final, Iteration, added
from robot_learning.run.setting import Setting, prepare

POLICY = "policy.safetensors"


class Trainer:
    """One run: its folder, its experiment, and the loop."""

    def __init__(self, run: Path, runner: EpisodeRunner, through: str) -> None:
        """A run `folder` made by run/folder.py; it goes on after the last checkpoint there. `through`: "process" or "ros"."""
        self.run_folder, self.runner, self.through = run, runner, through
        self.experiment: Experiment = read_experiment(run)
        self.setting: Setting = prepare(self.experiment)
        self.learner: Learner = algorithms.learner(self.experiment, self.setting)
        self.started = summary.started(run) or datetime.now().astimezone().isoformat(timespec="seconds")
        self.log: list[Iteration] = []
        self.final: Final | None = None

    def train(self) -> dict[str, Any]:
        """The whole run; returns its summary. Whatever ends it early, summary and report tell what there is."""
        try:
            self._loop()
            self._finish("finished", "")
        except KeyboardInterrupt:
            self._finish("interrupted", f"interrupted after {len(self.log)} of {self.experiment.iterations} iterations")
            raise
        except Exception as error:
            with suppress(Exception):  # what went wrong first is what is told
                self._finish("failed", explain(error))
            raise
        return summary.load(self.run_folder)

    def _loop(self) -> None:
        last = self._resumed()
        state, self.log = last.state, list(last.iterations)
        for note in self._best()[1] if self.log else ():  # before hours of training
            print(note, flush=True)
        wanted = self.experiment.iterations
        self._write("running", "")
        self._load(state, last.iteration)
        with Progress(wanted, last.iteration) as show:
            for iteration in range(last.iteration + 1, wanted + 1):
                seconds: dict[str, float] = {}
                requests = self.learner.requests(state, iteration)
                with phase("episodes", seconds, show.phase):
                    episodes, repeated = collect(self.runner, requests, self.setting.task.horizon)
                with phase("learning", seconds, show.phase):
                    state, learned = self.learner.update(state, episodes, iteration)
                with phase("evaluation", seconds, show.phase):
                    self._load(state, iteration)
                    judged = evaluate(self.runner, self.setting, self._plans(state, iteration), self.run_folder)
                counts = added([episode.counts for episode in episodes] + [judged.counts])
                samples, notes = iteration * self.experiment.rollouts, (*repeated, *learned.notes, *judged.notes)
                paid = costs(requests, episodes)
                record = Iteration(iteration, samples, paid, learned.updates, learned.policy, judged.outcomes, seconds, counts, notes)
                self._save(iteration, state, record)
                show.iteration(record)
            show.phase("final tests")
            self._judge(state)

    def _resumed(self) -> Checkpoint:
        number = checkpoints.latest(self.run_folder)
        if number == 0:
            return Checkpoint(0, self.learner.start(), ())
        return restored(self.run_folder, number, self.learner.kind)

    def _load(self, state: Any, version: int) -> None:
        policy = self.learner.policy(state)
        if policy is not None:
            self.runner.load(policy, version)

    def _plans(self, state: Any, iteration: int) -> list[Plan]:
        if iteration % self.experiment.evaluation.every and iteration != self.experiment.iterations:
            return []
        return self._episodes(state)

    def _episodes(self, state: Any, cameras: tuple[str, ...] = ()) -> list[Plan]:
        general = partial(self.learner.general, state)
        return plans(self.setting, self.learner.controllers(state), self.experiment.has_policy, cameras, general)

    def _save(self, iteration: int, state: Any, record: Iteration) -> None:
        with deferred():
            checkpoints.save(self.run_folder, iteration, state, [*self.log, record], self._files(state, iteration))
            self.log.append(record)
            self._write("running", "")

    def _files(self, state: Any, iteration: int) -> dict[str, bytes]:
        policy = self.learner.policy(state)
        return {POLICY: packed(policy, self.setting, self.experiment.name, iteration)} if policy is not None else {}

    def _judge(self, state: Any) -> None:
        """The evaluation after the last iteration: the last iterate with cameras, and the best one on the training conditions."""
        began = time.monotonic()
        cameras = self.experiment.evaluation.cameras
        number = self.experiment.iterations
        wanted = self._episodes(state, cameras)
        last = evaluate(self.runner, self.setting, wanted, self.run_folder)
        best_number, notes = self._best()
        best = last
        if best_number != number:
            chosen_state = checkpoints.load(self.run_folder, best_number, self.learner.kind).state
            self._load(chosen_state, number + 1)
            best = evaluate(self.runner, self.setting, self._episodes(chosen_state), self.run_folder)
        counts = added([last.counts] + ([best.counts] if best is not last else []))
        with deferred():
            film.make(self.run_folder, self.setting, wanted, last.episodes, self.experiment.evaluation)
            self.final = Final(number, last.outcomes, best_number, best.outcomes, time.monotonic() - began, counts, notes)

    def _best(self) -> tuple[int, tuple[str, ...]]:
        """The best iteration that can be used, and notes on better ones."""
        return best_readable(self.run_folder, self.log, self.experiment.judged, self.learner.kind)

    def _finish(self, state: str, ending: str) -> None:
        with deferred():
            self._write(state, ending)

    def _write(self, state: str, ending: str) -> None:
        content = summary.summarize(self.experiment, self.through, state, ending, self.log, self.final, self.started)
        summary.write(self.run_folder, content)
        report.write(self.run_folder)


def restored(run: Path, number: int, kind: type[Any]) -> Checkpoint:
    """The last checkpoint of a run, whose log has to hold all iterations; UsageError names the file, and what helps."""
    try:
        found = checkpoints.load(run, number, kind)
        if [record.iteration for record in found.iterations] != list(range(1, number + 1)):
            path = run / "checkpoints" / f"{number:03d}" / checkpoints.INDEX
            raise checkpoints.Damaged(f"{path}: iterations: {len(found.iterations)} found; the iterations 1 to {number} are expected")
    except checkpoints.Damaged as error:
        earlier = [other for other in checkpoints.numbers(run) if other < number]
        folder = run / "checkpoints" / f"{number:03d}"
        help_ = f"remove {folder} to go on from iteration {earlier[-1]}" if earlier else "there is no earlier one: start a new run"
        raise checkpoints.Damaged(f"{error}; {help_}") from None
    return found


@contextmanager
def phase(name: str, seconds: dict[str, float], show: Callable[[str], None]) -> Iterator[None]:
    """Shows that a phase began and adds its wall time to `seconds`."""
    show(name)
    began = time.monotonic()
    yield
    seconds[name] = seconds.get(name, 0.0) + time.monotonic() - began


def costs(requests: Sequence[EpisodeRequest], episodes: Sequence[Episode]) -> dict[str, float]:
    """The mean cost of an episode by condition."""
    found: dict[str, list[float]] = {}
    for request, episode in zip(requests, episodes, strict=True):
        found.setdefault(request.condition.name, []).append(float(np.sum(episode.cost)))
    return {name: sum(values) / len(values) for name, values in found.items()}
