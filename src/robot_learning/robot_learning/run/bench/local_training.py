"""A training of local controllers in process that benchmarks follow iteration by iteration and may leave at any time."""

from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

from robot_learning.core.types import Rollouts
from robot_learning.run import algorithms
from robot_learning.run.episodes import rollouts
from robot_learning.run.evaluate import collect, evaluate, plans
from robot_learning.run.experiment import Experiment
from robot_learning.run.in_process import InProcess
from robot_learning.run.learners import Learner
from robot_learning.run.records import Outcome
from robot_learning.run.setting import Setting

NOWHERE = Path()  # in process nothing is recorded


class Step(NamedTuple):
    """One iteration."""

    samples: int  # rollouts of each condition up to here
    rollouts: Rollouts  # of this iteration, (C, N, …)
    outcomes: tuple[Outcome, ...]  # of the noise-free controllers after its update


def steps(chosen: Experiment, setting: Setting, start: Any = None) -> Generator[Step, None, None]:
    """The iterations of an experiment, as `robot-learning train` would run them; nothing is stored.

    start: the state of the algorithm before the first; None: the experiment's own.
    """
    learner: Learner = algorithms.learner(chosen, setting)
    runner = InProcess.of(setting)
    state = learner.start() if start is None else start
    try:
        for iteration in range(1, chosen.iterations + 1):
            episodes, _ = collect(runner, learner.requests(state, iteration), setting.task.horizon)
            state, _ = learner.update(state, episodes, iteration)
            judged = evaluate(runner, setting, plans(setting, learner.controllers(state), False), NOWHERE)
            yield Step(iteration * chosen.rollouts, rollouts(episodes, len(setting.train)), judged.outcomes)
    finally:
        runner.close()
