"""Which iterate of a run was best, and which it is of those whose checkpoints can still be read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from robot_learning.core.errors import UsageError
from robot_learning.run import checkpoints
from robot_learning.run.records import Iteration, chosen, score


def ranked(log: Sequence[Iteration], controller: str) -> list[int]:
    """Iterations by their successes on the training conditions, the best first; of equals the nearest, then the earliest one.

    controller: "local" or "policy". Iterations that were not tested are left out; if none was, the last stands alone.
    """
    scored = [(score(some), -i.iteration) for i in log if (some := chosen(i.outcomes, controller, "train"))]
    return [-negative for _, negative in sorted(scored, reverse=True)] or [log[-1].iteration]


def best_readable(run: Path, log: Sequence[Iteration], controller: str, kind: type[Any]) -> tuple[int, tuple[str, ...]]:
    """The best iteration with a checkpoint (of a learner's state `kind`) that can be read, and a note on each better one.

    The last iteration counts as readable: whoever asks has its state.
    """
    last, notes = log[-1].iteration, []
    for number in ranked(log, controller):
        if number == last:
            break
        try:
            checkpoints.load(run, number, kind)
        except UsageError as error:
            why = str(error).replace(f"{run}/", "")
            notes.append(f"iteration {number} was better on the training conditions, but cannot be used: {why}")
        else:
            return number, tuple(notes)
    return last, tuple(notes)
