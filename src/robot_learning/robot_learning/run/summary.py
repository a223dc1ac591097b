"""summary.json: the numbers that the report shows, the resolved configuration and where they come from."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

from robot_learning.core.atomic import write_atomic
from robot_learning.core.errors import UsageError
from robot_learning.run import provenance, resolved
from robot_learning.run.experiment import Experiment, as_mapping
from robot_learning.run.json_files import read_json
from robot_learning.run.records import Final, Iteration, added, chosen, rate, rejected
from robot_learning.run.summary_content import first_wrong
from robot_learning.run.tasks import load_task

FORMAT = 1
NAME = "summary.json"


def summarize(
    experiment: Experiment,
    through: str,
    state: str,
    ending: str,
    iterations: Sequence[Iteration],
    final: Final | None,
    started: str,
) -> dict[str, Any]:
    """Everything about a run as one JSON value; `state` is "running", "finished", "interrupted" or "failed"."""
    phases = added_seconds(iterations, final)
    return {
        "format": FORMAT,
        "experiment": experiment.name,
        "robot": experiment.robot,
        "task": experiment.task,
        "algorithm": experiment.algorithm,
        "through": through,
        "state": state,
        "ending": ending,
        "learned": learned(experiment, final),
        "seed": experiment.seed,
        "condition_seed": experiment.conditions.seed,
        "started": started,
        "samples_per_condition": iterations[-1].samples if iterations else 0,
        "seconds": phases,
        "wall_s": sum(phases.values()),
        "success": success(final),
        "thresholds": thresholds(experiment),
        "gate": {name: n for name, n in counts(iterations, final).items() if name.startswith("gate.")},
        "counts": counts(iterations, final),
        "rejected": rejected(iterations),
        "notes": notes(iterations, final),
        "iterations": [asdict(i) for i in iterations],
        "final": None if final is None else asdict(final),
        "config": as_mapping(experiment),
        **origin(),
    }


def origin() -> dict[str, Any]:
    """The code, the libraries and the machine that a run is made with."""
    commit, dirty = provenance.commit()
    return {"commit": commit, "dirty": dirty, "versions": provenance.versions(), "machine": provenance.machine()}


def notes(iterations: Sequence[Iteration], final: Final | None) -> list[dict[str, Any]]:
    """What was refused or repaired, with the iteration in which it was."""
    found = [{"iteration": i.iteration, "note": note} for i in iterations for note in i.notes]
    return found if final is None else [*found, *({"iteration": final.last_iteration, "note": note} for note in final.notes)]


def learned(experiment: Experiment, final: Final | None) -> bool | None:
    """Whether the last iterate reaches the required success rates; None before the final evaluation."""
    if final is None:
        return None
    wanted = {"train": experiment.required.train, "heldout": experiment.required.heldout}
    rates = {split: rate(chosen(final.last, experiment.judged, split)) for split in wanted}
    return all(not isfinite(rates[split]) or rates[split] >= wanted[split] for split in wanted)


def success(final: Final | None) -> dict[str, dict[str, str]]:
    """Ratios such as "7 of 8", by iterate ("last", "best") and kind ("policy train", …)."""
    if final is None:
        return {}
    return {"last": _ratios(final.last), "best": _ratios(final.best)}


def _ratios(outcomes: Sequence[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for controller in ("local", "policy"):
        for split in ("train", "heldout"):
            some = chosen(outcomes, controller, split)
            if some:
                found[f"{controller} {split}"] = f"{sum(o.success for o in some)} of {len(some)}"
    return found


def thresholds(experiment: Experiment) -> dict[str, float]:
    """Within which final distance, in m, an episode is a success, by kind of controller."""
    task = load_task(experiment.task)
    return {"local": task.success_distance, **({"policy": task.success_distance_global} if experiment.has_policy else {})}


def added_seconds(iterations: Sequence[Iteration], final: Final | None) -> dict[str, float]:
    """Wall time by phase over all iterations and the final evaluation."""
    total: dict[str, float] = {}
    for iteration in iterations:
        for phase, seconds in iteration.seconds.items():
            total[phase] = total.get(phase, 0.0) + seconds
    if final is not None:
        total["final evaluation"] = final.seconds
    return total


def counts(iterations: Sequence[Iteration], final: Final | None) -> dict[str, int]:
    """All counts of the run's episodes, evaluation included."""
    return added([i.counts for i in iterations] + ([final.counts] if final is not None else []))


def write(run: Path, content: dict[str, Any]) -> None:
    """summary.json in the run folder, whole or not at all, with the values of robot, task and cameras that the run was made with."""
    if (run / resolved.NAME).is_file():
        files = {file: values for file, values in resolved.load(run).items() if file != "experiment"}
        content = {**content, "config": {**content["config"], "resolved": files}}
    write_atomic(run / NAME, (json.dumps(finite(content), indent=1, allow_nan=False) + "\n").encode())


def load(run: Path) -> dict[str, Any]:
    """The summary of a run; UsageError if there is none that can be read."""
    path = run / NAME
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UsageError(f"{path}: format: {FORMAT} is expected")
    wrong = first_wrong(content)
    if wrong:
        raise UsageError(f"{path}: {wrong}")
    return content


def started(run: Path) -> str:
    """When a run was begun first; empty if it has no summary yet. UsageError if that is damaged."""
    return str(load(run)["started"]) if (run / NAME).exists() else ""


def restate(run: Path, state: str, ending: str) -> None:
    """Another state and ending in the summary of a run."""
    write(run, {**load(run), "state": state, "ending": ending})


def finite(value: Any) -> Any:
    """`value` with null in the place of numbers that JSON cannot hold."""
    if isinstance(value, dict):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value
