"""`robot-learning train`: make or find the run folder, train in it, and say how it ended."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from robot_learning.core.errors import WorkFailed
from robot_learning.data.bag_writer import unfinished
from robot_learning.run import checkpoints, demonstrations, experiment, folder, graphs, report, resolved, shared_memory, summary
from robot_learning.run.experiment import Experiment
from robot_learning.run.explain import explain
from robot_learning.run.graph import NodeSpec, graph
from robot_learning.run.interrupts import deferred, terminate_like_interrupt
from robot_learning.run.launcher import Launcher, node_command
from robot_learning.run.warden import die_with_parent

WATCH_S = 0.1


class Where(NamedTuple):
    """Where the episodes of a training run."""

    through: str = "ros"  # or "process"
    domain: int | None = None  # of the first graph; None: ROS_DOMAIN_ID, or 0
    graphs: int | None = None  # how many side by side; None: as many as this machine has room for


def begin(where: str, settings: Sequence[str], remaps: Sequence[str], out: Path | None, place: Where) -> Path:
    """A new run folder for an experiment; UsageError or WorkFailed before anything is made if it cannot be trained here."""
    from robot_learning.run.setting import prepare

    chosen = experiment.load(where, settings, remaps)
    prepare(chosen)
    examine(chosen, out or Path("runs"), place)
    run = folder.create(chosen, out, datetime.now())
    folder.claim(run)
    return run


def go_on(run: Path, settings: Sequence[str], remaps: Sequence[str], place: Where) -> Path:
    """The folder of a run that is continued; a refused one stays as it was."""
    from robot_learning.run.algorithms import ALGORITHMS
    from robot_learning.run.train import restored

    run = run.absolute()
    folder.claim(run)
    chosen = folder.resume(run, settings, remaps)
    folder.writable(run)
    number = checkpoints.latest(run)
    if number:
        restored(run, number, ALGORITHMS[chosen.algorithm].kind)
    examine(chosen, run, place)
    folder.change(run, chosen)
    if left := remove_unfinished(run):
        print(f"removed {left} recordings of episodes that did not end")
    return run


def examine(chosen: Experiment, run_folder: Path, place: Where) -> None:
    """UsageError or WorkFailed if the graphs cannot start here."""
    if place.through == "ros":
        specs = nodes_of(chosen, run_folder)
        shared_memory.remove_abandoned()
        graphs.chosen_count(place.graphs, len(specs))
        Launcher(specs, run_folder / "logs", place.domain).examine()  # further graphs take what is free


def run(run_folder: Path, place: Where) -> int:
    """Train in a run folder; returns 0, or 1 if the task was not learned."""
    terminate_like_interrupt()
    fresh = {path.name for path in run_folder.iterdir()} <= {folder.CONFIG, resolved.NAME, demonstrations.FOLDER}
    try:
        record_start(run_folder, place.through)
        if place.through == "process":
            in_this_process(run_folder)
        else:
            through_ros(run_folder, place)
    except KeyboardInterrupt:
        with deferred():
            with suppress(WorkFailed):  # of a full disk
                record_interrupt(run_folder, place.through)
            with suppress(OSError):  # the terminal may be gone
                print(f"interrupted; go on with: robot-learning train --resume {shown(run_folder)}", flush=True)
        raise
    except graphs.Refused:
        if fresh:  # what is in it was made for this run, and nothing ran
            shutil.rmtree(run_folder, ignore_errors=True)
        raise
    except Exception as error:
        record_at_last(run_folder, explain(error))
        raise
    content = summary.load(run_folder)
    for kind, ratio in content["success"]["last"].items():
        print(f"{kind.replace('policy', 'global policy').replace('local', 'local controllers')}: {ratio}")
    print(f"{'learned' if content['learned'] else 'NOT learned'} in {content['wall_s']:.0f} s; report: {shown(run_folder / report.NAME)}")
    return 0 if content["learned"] else 1


def in_this_process(run_folder: Path) -> None:
    """Train with simulated episodes in this process."""
    from robot_learning.run.in_process import InProcess
    from robot_learning.run.setting import prepare
    from robot_learning.run.train import Trainer

    announce(run_folder)
    s = prepare(folder.read_experiment(run_folder))
    runner = InProcess.of(s)
    try:
        Trainer(run_folder, runner, "process").train()
    finally:
        runner.close()


def through_ros(run_folder: Path, place: Where) -> None:
    """Start the graphs and the learner's process, and watch all until the learner ends; whatever ends the work, nothing stays behind."""
    chosen = folder.read_experiment(run_folder)
    launchers = graphs.launchers(nodes_of(chosen, run_folder), run_folder / "logs", place.domain, place.graphs)
    with graphs.running(launchers):
        announce(run_folder)
        process = start_learner(specs_of(chosen, run_folder, launchers[1:])[-1], launchers[0].environment)
        try:
            while process.poll() is None:
                for launcher in launchers:
                    launcher.check()
                time.sleep(WATCH_S)
        except BaseException as error:
            graphs.end(process, launchers)
            if isinstance(error, Exception):
                record_end(run_folder, "failed", explain(error))
            raise
    verdict(run_folder, process.returncode)


def specs_of(chosen: Experiment, run_folder: Path, further: Sequence[Launcher] = ()) -> list[NodeSpec]:
    """The nodes that train an experiment, the learner last; it uses the `further` graphs as well."""
    domains = ",".join(str(launcher.domain) for launcher in further)
    others = {"mode": chosen.mode or "", "cell": chosen.cell or "", "config_file": str(run_folder / folder.CONFIG), "domains": domains}
    return graph("learn", chosen.robot, chosen.task, "lockstep", "sim", str(run_folder), ("learner",), others)


def nodes_of(chosen: Experiment, run_folder: Path) -> list[NodeSpec]:
    """All nodes of a graph but the learner."""
    return specs_of(chosen, run_folder)[:-1]


def start_learner(spec: NodeSpec, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    """The learner shows its progress on this terminal, but Ctrl-C reaches it only through us."""
    return subprocess.Popen(node_command(spec), env=os.environ | environment, start_new_session=True, preexec_fn=die_with_parent)  # noqa: PLW1509


def record_start(run_folder: Path, through: str) -> None:
    """Summary and report of a run that has just begun; of one that goes on they stay."""
    if not summary.started(run_folder):
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        with deferred():
            chosen = folder.read_experiment(run_folder)
            summary.write(run_folder, summary.summarize(chosen, through, "running", "", (), None, now))
            report.write(run_folder)


def record_end(run_folder: Path, state: str, why: str) -> None:
    """Say in summary and report what stopped the run; a disk that does not take that is not the news."""
    with suppress(WorkFailed):
        if summary.started(run_folder):
            summary.restate(run_folder, state, why)
            report.write(run_folder)


def record_interrupt(run_folder: Path, through: str) -> None:
    """Say in summary and report that the run was interrupted, unless the learner could."""
    record_start(run_folder, through)
    content = summary.load(run_folder)
    if content["state"] == "running":
        done = len(content["iterations"])
        record_end(run_folder, "interrupted", f"interrupted after {done} of {folder.read_experiment(run_folder).iterations} iterations")


def record_failure(run_folder: Path, error: Exception) -> None:
    """Say in summary and report what ended the run, unless somebody did; whatever happens meanwhile, `error` is what is told."""
    with suppress(Exception), deferred():
        if summary.load(run_folder)["state"] == "running":
            record_end(run_folder, "failed", explain(error))


def record_at_last(run_folder: Path, why: str) -> None:
    """The same once nothing runs any more: on a full disk, recordings that did not end make room for the summary."""
    with suppress(Exception), deferred():
        if summary.load(run_folder)["state"] == "running":
            record_end(run_folder, "failed", why)
        if summary.load(run_folder)["state"] == "running" and remove_unfinished(run_folder):
            record_end(run_folder, "failed", why)


def remove_unfinished(run_folder: Path) -> int:
    """Remove what recorders that are gone left half-written; returns how many episodes that are."""
    left = unfinished(run_folder / "bags")
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return len(left)


def verdict(run_folder: Path, code: int) -> None:
    """The learner said why on this terminal already; here its exit code is handed on, and a death that it could not tell of."""
    if code in (130, -signal.SIGINT):
        raise KeyboardInterrupt
    if code == 0:
        return
    why = f"the learner was killed by {signal.Signals(-code).name}" if code < 0 else f"the learner ended with exit code {code}"
    record_at_last(run_folder, why)
    if code < 0:
        raise WorkFailed(why)
    sys.exit(code)


def announce(run_folder: Path) -> None:
    """Tell where the run is, once it can begin."""
    print(f"run folder: {shown(run_folder)}", flush=True)


def shown(path: Path) -> str:
    """A path as short as it can be."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
