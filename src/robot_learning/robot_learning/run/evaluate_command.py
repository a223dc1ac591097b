"""`robot-learning evaluate`: test a run again, as it stands in its checkpoints."""

import json
import os
import sys
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from robot_learning.core.atomic import write_atomic
from robot_learning.core.errors import UsageError
from robot_learning.run import algorithms, checkpoints, folder, summary
from robot_learning.run.best import best_readable
from robot_learning.run.evaluate import Evaluated, evaluate, plans
from robot_learning.run.experiment import Experiment
from robot_learning.run.in_process import InProcess
from robot_learning.run.learners import Learner
from robot_learning.run.records import Final
from robot_learning.run.setting import Setting, prepare
from robot_learning.run.train import restored


def evaluate_run(run: Path, heldout: int | None, out: Path | None) -> int:
    """Test the last and the best iterate of a run in this process; returns 0, or 1 below the experiment's required rates."""
    run = run.absolute()
    if out is not None:
        check_writable(out)
    experiment = folder.read_experiment(run)
    if heldout is not None:
        experiment = replace(experiment, conditions=replace(experiment.conditions, heldout=heldout))
    last = checkpoints.latest(run)
    if last == 0:
        raise UsageError(f"{run / 'checkpoints'}: no checkpoint to evaluate")
    learner = algorithms.learner(experiment, prepare(experiment))
    log = restored(run, last, learner.kind).iterations
    best, notes = best_readable(run, log, experiment.judged, learner.kind)
    setting = prepare(experiment)
    runner = InProcess.of(setting)
    try:
        found = {number: one(run, number, experiment, learner, setting, runner) for number in {last, best}}
    finally:
        runner.close()
    final = Final(last, found[last].outcomes, best, found[best].outcomes, counts=found[last].counts, notes=notes)
    show(final)
    if out is not None:
        write_atomic(out, (json.dumps(summary.finite(asdict(final)), indent=1) + "\n").encode())
    return 0 if summary.learned(experiment, final) else 1


def check_writable(out: Path) -> None:
    """UsageError if no file can be written there; nothing is."""
    if not out.parent.is_dir():
        raise UsageError(f"--json {out}: there is no folder {out.parent}")
    if out.is_dir() or not os.access(out.parent, os.W_OK | os.X_OK):
        raise UsageError(f"--json {out}: a file in a folder that can be written is expected")


def one(run: Path, number: int, experiment: Experiment, learner: Learner, setting: Setting, runner: InProcess) -> Evaluated:
    """The noise-free episodes of one iterate."""
    state = checkpoints.load(run, number, learner.kind).state
    policy = learner.policy(state)
    if policy is not None:
        runner.load(policy, number)
    wanted = plans(setting, learner.controllers(state), experiment.has_policy, general=partial(learner.general, state))
    return evaluate(runner, setting, wanted, run)


def show(final: Final) -> None:
    """A table of the success rates."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", f"last iterate ({final.last_iteration})", f"best on training conditions ({final.best_iteration})"):
        table.add_column(heading)
    last, best = summary.success(final)["last"], summary.success(final)["best"]
    for kind in last:
        table.add_row(kind, last[kind], best[kind])
    Console(file=sys.stdout).print(table)
    for note in final.notes:
        print(note)
