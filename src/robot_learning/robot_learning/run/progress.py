"""What a run shows while it works: a bar with cost, success and the time left on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Callable
from contextlib import suppress
from math import isfinite, nan
from types import TracebackType
from typing import TextIO

from robot_learning.run.records import Iteration, chosen, rate

Write = Callable[[str], None]


def line(record: Iteration, of: int) -> str:
    """One iteration in one line."""
    cost = sum(record.costs.values()) / max(len(record.costs), 1)
    parts = [f"iteration {record.iteration}/{of}", f"cost {cost:.2f}"]
    for controller, split, label in (("local", "train", "local"), ("policy", "train", "policy"), ("policy", "heldout", "held-out")):
        some = chosen(record.outcomes, controller, split)
        if some:
            parts.append(f"{label} {sum(o.success for o in some)}/{len(some)}")
    refused = sum(u.outcome.startswith("rejected") for u in record.updates)
    parts += [f"{refused} rejected"] if refused else []
    return "  ".join([*parts, f"{sum(record.seconds.values()):.1f} s"])


def remarks(record: Iteration) -> list[str]:
    """What an iteration refused, repaired or kept, one line each."""
    return [f"  {u.condition}: {u.outcome}" for u in record.updates if u.outcome.startswith("rejected")] + [f"  {n}" for n in record.notes]


class Progress:
    """Shows iterations as they come; a context manager."""

    def __init__(self, iterations: int, done: int = 0, stream: TextIO | None = None) -> None:
        """`iterations` in all, of which `done` were made before."""
        self._of, self._done = iterations, done
        self._stream = stream or sys.stdout
        self._fancy = _Fancy(iterations, done, self._stream) if self._stream.isatty() else None

    def __enter__(self) -> "Progress":
        if self._fancy:
            self._fancy.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._fancy:
            with suppress(OSError):  # a terminal that was closed is not what ended the work
                self._fancy.stop()

    def phase(self, name: str) -> None:
        """Work on `name` begins."""
        if self._fancy:
            self._fancy.phase(name)

    def iteration(self, record: Iteration) -> None:
        """An iteration is done."""
        text = "\n".join([line(record, self._of), *remarks(record)])
        if self._fancy:
            self._fancy.iteration(record, text)
        else:
            self._stream.write(text + "\n")
            self._stream.flush()


class _Fancy:
    """The bar of a terminal."""

    def __init__(self, iterations: int, done: int, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = [
            TextColumn("[bold]{task.fields[phase]:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("cost {task.fields[cost]}  success {task.fields[success]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        ]
        self._bars = Bars(*columns, console=Console(file=stream), transient=True)
        self._task = self._bars.add_task("", total=iterations, completed=done, phase="", cost="–", success="–")

    def start(self) -> None:
        self._bars.start()

    def stop(self) -> None:
        self._bars.stop()

    def phase(self, name: str) -> None:
        self._bars.update(self._task, phase=name)

    def iteration(self, record: Iteration, text: str) -> None:
        costs = list(record.costs.values())
        kinds = [("policy", "train"), ("local", "train")]
        success = next((r for r in (rate(chosen(record.outcomes, *kind)) for kind in kinds) if isfinite(r)), nan)
        shown = f"{100 * success:.0f} %" if isfinite(success) else "–"
        self._bars.console.print(text, highlight=False)
        self._bars.update(self._task, advance=1, cost=f"{sum(costs) / max(len(costs), 1):.2f}", success=shown)
