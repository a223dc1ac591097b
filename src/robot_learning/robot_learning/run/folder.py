"""The folder of one run: runs/<experiment>-<date-time>/{config.yaml, resolved.json, summary.json, report.html, checkpoints/, bags/, …}."""

import errno
import fcntl
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from robot_learning.core.atomic import require_space, work_failed, write_atomic
from robot_learning.core.errors import UsageError
from robot_learning.run import checkpoints, demonstrations, resolved, summary
from robot_learning.run.experiment import Experiment, as_yaml, changed, checked, content, load

CONFIG = "config.yaml"
_claimed: dict[Path, int] = {}  # folders that this process has locked, each with its descriptor


def create(experiment: Experiment, out: Path | None, now: datetime) -> Path:
    """A new run folder with the resolved configuration; by default runs/<experiment>-<date-time>. Returns its absolute path."""
    path = (out or Path("runs", f"{experiment.name}-{now:%Y%m%d-%H%M%S}")).absolute()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"--out {path}: exists already; name a new folder, or go on with --resume {path}")
    made = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]  # deepest first
    try:
        _make(path)
        require_space(path)
        _begin(path, experiment)
    except BaseException:  # nothing half-made stays, and nothing of others goes
        with suppress(OSError):
            for name in (CONFIG, resolved.NAME):
                (path / name).unlink(missing_ok=True)
            shutil.rmtree(path / demonstrations.FOLDER, ignore_errors=True)
            for folder in made:
                folder.rmdir()
        raise
    return path


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise work_failed(path, error) from None
        raise UsageError(f"--out {path}: {error.strerror}; a folder that can be written is expected") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise UsageError(f"--out {path}: not writable; a folder that can be written is expected")


def _begin(path: Path, experiment: Experiment) -> None:
    kept = demonstrations.keep(path, experiment)
    resolved.write(path, kept)
    _write_config(path, kept)  # last: it makes the folder a run


def _write_config(path: Path, experiment: Experiment) -> None:
    write_atomic(path / CONFIG, as_yaml(demonstrations.relative(path, experiment)).encode())


def adopt(experiment_file: str, run: Path) -> Path:
    """A folder that others may have begun to use (bags, logs) as the run folder of an experiment; one with a configuration goes on."""
    if not (run / CONFIG).exists():
        experiment = load(experiment_file)
        try:
            run.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise work_failed(run, error) from None
        _begin(run, experiment)
    return run.absolute()


def resume(run: Path, settings: Sequence[str], remaps: Sequence[str]) -> Experiment:
    """The experiment of a run that goes on; of its settings only `iterations` may change. Writes nothing: see `change`."""
    path = run / CONFIG
    before = read_experiment(run)
    chosen = changed(path, settings, remaps)
    if replace(chosen, iterations=before.iterations) != before:
        more = f"--set iterations={before.iterations + 5}"
        raise UsageError(f"--resume {run}: only iterations may be changed ({more}); for the rest start a new run")
    done = checkpoints.latest(run)
    try:
        learned = summary.load(run)["iterations"] if summary.started(run) else []
    except UsageError as error:
        raise UsageError(f"{error}; without that file the run goes on and makes it anew") from None
    if learned and done == 0:
        raise UsageError(f"{run / 'checkpoints'}: no checkpoint, but {summary.NAME} has {len(learned)} iterations; start a new run")
    if chosen.iterations < done:
        raise UsageError(f"--resume {run}: iterations: {chosen.iterations}, but {done} are done; at least {done} is expected")
    return chosen


def claim(run: Path) -> None:
    """Until this process ends, whatever ends it, nobody else trains in the run folder; UsageError if somebody does."""
    if not run.is_dir() or run in _claimed:
        return
    descriptor = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise UsageError(f"{run}: another process trains in it; stop that one first, or wait for its end") from None
    except OSError:  # a file system without locks, such as some of networks
        os.close(descriptor)
        return
    _claimed[run] = descriptor


def change(run: Path, experiment: Experiment) -> None:
    """Keep the experiment with which a run goes on, once all is checked; WorkFailed if the disk does not take it."""
    path = run / CONFIG
    if checked(content(path), str(path)) != experiment:
        _write_config(run, experiment)


def read_experiment(run: Path) -> Experiment:
    """The experiment of a run; UsageError if `run` is none, or if something that it was made with has changed since."""
    path = run / CONFIG
    if not path.is_file():
        raise UsageError(f"{run}: no {CONFIG} in it; a run folder made by `robot-learning train` is expected")
    experiment = checked(content(path), str(path))
    resolved.check(run, experiment, str(path))
    return experiment


def writable(run: Path) -> None:
    """WorkFailed if the run folder takes no more files, or its disk is nearly full."""
    require_space(run)
    probe = run / ".probe"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise work_failed(run, error) from None
