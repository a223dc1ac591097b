"""Checkpoints of a run: <run>/checkpoints/<NNN>/ appears whole or not at all, holds no pickle, and says when it was damaged."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as parse
from safetensors.numpy import save as serialize

from robot_learning.algorithms.checkpoint import pack, unpack
from robot_learning.core.atomic import commit_directory, require_space, work_failed
from robot_learning.core.errors import UsageError
from robot_learning.run import resolved
from robot_learning.run.records import Iteration
from robot_learning.run.summary import finite

FORMAT = 2
INDEX, STATE = "checkpoint.json", "learner.safetensors"


class Damaged(UsageError):
    """A checkpoint that is not as it was written; others may be."""


class Checkpoint(NamedTuple):
    """What a run continues from."""

    iteration: int
    state: Any  # of the learner
    iterations: tuple[Iteration, ...]  # the log so far


def save(run: Path, iteration: int, state: Any, iterations: Sequence[Iteration], files: dict[str, bytes]) -> None:
    """Write the checkpoint of an iteration with further `files`; WorkFailed if the disk does not take it."""
    folder = run / "checkpoints"
    partial, final = folder / f".{iteration:03d}.partial", folder / f"{iteration:03d}"
    content = {STATE: serialize({name: array.copy() for name, array in pack(state).items()}), **files}
    index = {
        "format": FORMAT,
        "iteration": iteration,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in content.items()},
        "iterations": finite([asdict(i) for i in iterations]),
        "resolved": resolved.digest(run),
        "cameras": resolved.camera_hashes(run),
    }
    index["digest"] = _digest(index)
    content[INDEX] = (json.dumps(index, indent=1, allow_nan=False) + "\n").encode()
    require_space(run, sum(map(len, content.values())))
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, data in content.items():
            (partial / name).write_bytes(data)
        commit_directory(partial, final)
    except OSError as error:
        raise work_failed(partial, error) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def latest(run: Path) -> int:
    """The number of the last checkpoint of a run; 0 if there is none."""
    return max(numbers(run), default=0)


def numbers(run: Path) -> list[int]:
    """The iterations that have a checkpoint."""
    found = [path for path in (run / "checkpoints").glob("[0-9]*") if path.is_dir()]
    return sorted(int(path.name) for path in found if path.name.isascii() and path.name.isdigit())


def load(run: Path, iteration: int, kind: type[Any]) -> Checkpoint:
    """The checkpoint of an iteration, with a learner's state of class `kind`; UsageError (Damaged) names what is wrong."""
    folder = run / "checkpoints" / f"{iteration:03d}"
    index = _index(folder / INDEX, iteration)
    if index["resolved"] != resolved.digest(run):
        raise UsageError(f"{folder / INDEX}: resolved: made with other values than those in {run / resolved.NAME}; put that file back")
    data = _read(folder / STATE)
    if hashlib.sha256(data).hexdigest() != index["sha256"].get(STATE):
        raise Damaged(f"{folder / STATE}: damaged: its SHA-256 is not the one in {INDEX}")
    try:
        state = unpack(kind, parse(data))
        iterations = TypeAdapter(tuple[Iteration, ...]).validate_python(_numbers(index["iterations"]))
    except (SafetensorError, KeyError, ValueError, ValidationError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{folder}: not a checkpoint of this algorithm and version: {reason}") from None
    return Checkpoint(iteration, state, iterations)


def file(run: Path, iteration: int, name: str) -> bytes:
    """A further file of a checkpoint, checked against its hash; Damaged if it is missing or not what it was."""
    folder = run / "checkpoints" / f"{iteration:03d}"
    data = _read(folder / name)
    if hashlib.sha256(data).hexdigest() != _index(folder / INDEX, iteration)["sha256"].get(name):
        raise Damaged(f"{folder / name}: damaged: its SHA-256 is not the one in {INDEX}")
    return data


def _index(path: Path, iteration: int) -> dict[str, Any]:
    try:
        index = json.loads(_read(path))
        if index["format"] != FORMAT:
            raise ValueError(f"format: {index['format']!r}; {FORMAT} is expected")
        if index.pop("digest") != _digest(index):
            raise ValueError("its content is not what its digest says")
        if index["iteration"] != iteration:
            raise ValueError(f"iteration: {index['iteration']}; {iteration} is expected in this folder")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{path}: damaged: {' '.join(str(error).split())}") from None
    found: dict[str, Any] = index
    return found


def _digest(index: dict[str, Any]) -> str:
    """SHA-256 of the index without the digest itself."""
    return hashlib.sha256(json.dumps(index, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Damaged(f"{path}: {error.strerror or error}") from None


def _numbers(value: Any) -> Any:
    """JSON's null as NaN, where a log has numbers that JSON cannot hold."""
    if isinstance(value, dict):
        return {key: _numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_numbers(inner) for inner in value]
    return float("nan") if value is None else value
