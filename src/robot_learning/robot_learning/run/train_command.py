"""`robot-learning train`: make or find the run folder, train in it, and say how it ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.run import checkpoints, experiment, folder, report, summary
from robot_learning.run.graph import NodeSpec, graph
from robot_learning.run.interrupts import deferred, terminate_like_interrupt
from robot_learning.run.launcher import Launcher, node_command
from robot_learning.run.warden import die_with_parent

WATCH_S = 0.1
LEARNER_STOP_S = 2.5  # to write summary and report after Ctrl-C


def begin(where: str, settings: Sequence[str], remaps: Sequence[str], out: Path | None) -> Path:
    """A new run folder for an experiment; UsageError before anything is made if something is wrong with it."""
    from robot_learning.run.setting import prepare

    chosen = experiment.load(where, settings, remaps)
    prepare(chosen)
    return folder.create(chosen, out, datetime.now())


def go_on(run: Path, settings: Sequence[str], remaps: Sequence[str]) -> Path:
    """The folder of a run that is continued, checked."""
    from robot_learning.run.learners import ALGORITHMS

    run = run.absolute()
    chosen = folder.resume(run, settings, remaps)
    folder.writable(run)
    number = checkpoints.latest(run)
    if number:
        checkpoints.load(run, number, ALGORITHMS[chosen.algorithm].kind)
    return run


def run(run_folder: Path, through: str, domain: int | None) -> int:
    """Train in a run folder; returns 0, or 1 if the task was not learned."""
    terminate_like_interrupt()
    print(f"run folder: {shown(run_folder)}", flush=True)
    try:
        if through == "process":
            in_this_process(run_folder)
        else:
            through_ros(run_folder, domain)
    except KeyboardInterrupt:
        with deferred():
            print(f"interrupted; go on with: robot-learning train --resume {shown(run_folder)}", flush=True)
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

    s = prepare(folder.read_experiment(run_folder))
    runner = InProcess(s.robot, s.chain, s.urdf, s.task, s.mode)
    try:
        Trainer(run_folder, runner, "process").train()
    finally:
        runner.close()


def through_ros(run_folder: Path, domain: int | None) -> None:
    """Start the graph and the learner's process, and watch both until the learner ends; whatever ends the work, nothing stays behind."""
    chosen = folder.read_experiment(run_folder)
    specs = graph("learn", chosen.robot, chosen.task, "lockstep", "sim", str(run_folder))
    learner = graph("learn", chosen.robot, chosen.task, "lockstep", "sim", str(run_folder), ("learner",))[-1]
    with Launcher(specs, run_folder / "logs", domain) as launcher:
        process = start_learner(learner, launcher.environment, run_folder)
        try:
            while process.poll() is None:
                launcher.check()
                time.sleep(WATCH_S)
        except BaseException as error:
            end_learner(process)
            if isinstance(error, UsageError | WorkFailed):
                record_failure(run_folder, str(error))
            raise
    verdict(process.returncode)


def start_learner(spec: NodeSpec, environment: dict[str, str], run_folder: Path) -> "subprocess.Popen[bytes]":
    """The learner shows its progress on this terminal, but Ctrl-C reaches it only through us."""
    config = ["-p", f"config_file:={run_folder / folder.CONFIG}"]
    command = [*node_command(spec), *config]
    return subprocess.Popen(command, env=os.environ | environment, start_new_session=True, preexec_fn=die_with_parent)  # noqa: PLW1509


def end_learner(process: "subprocess.Popen[bytes]") -> None:
    """SIGINT, time to write its summary, then SIGKILL."""
    with deferred():
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(LEARNER_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def record_failure(run_folder: Path, why: str) -> None:
    """Say in summary and report what stopped the run."""
    if (run_folder / summary.NAME).exists():
        summary.write(run_folder, {**summary.load(run_folder), "state": "failed", "ending": why})
        report.write(run_folder)


def verdict(code: int) -> None:
    """The learner said why on this terminal already; here only the exit code is handed on."""
    if code == 130 or code == -signal.SIGINT:
        raise KeyboardInterrupt
    if code:
        if code < 0:
            raise WorkFailed(f"the learner was killed by {signal.Signals(-code).name}")
        sys.exit(code)


def shown(path: Path) -> str:
    """A path as short as it can be."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
