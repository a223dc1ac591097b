"""`robot-learning bench`: measure, show, write; and the documentation made from what was written."""

import sys
import time
from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from robot_learning.core.errors import UsageError
from robot_learning.core.paths import share_dir
from robot_learning.run import provenance
from robot_learning.run.bench import curve_files, docs, results
from robot_learning.run.bench.figure import FIRST_SEED, Benchmark, Measurement
from robot_learning.run.bench.gps import GPS
from robot_learning.run.bench.hardware import HARDWARE
from robot_learning.run.bench.spine import SPINE

BENCHMARKS = {benchmark.name: benchmark for benchmark in (SPINE, GPS, HARDWARE)}


def run_bench(name: str, path: Path, quick: bool, seeds: int | None, only: str | None, seed: int | None) -> int:
    """Measure what is asked for and not yet there; returns 0, or 1 if a figure in the file misses its bar."""
    benchmark = _known(name)
    wanted = _measurements(benchmark, only)
    content = results.read(path, name, quick)
    if not path.parent.is_dir():
        raise UsageError(f"--json {path}: there is no folder {path.parent}")
    console = Console(file=sys.stderr)
    for measurement in wanted:
        for number in _seeds(measurement, quick, seeds, seed):
            content = _measure(benchmark, measurement, number, content, path, seed is not None, console)
    show(content)
    return int(any(figure["met"] is False for figure in content["figures"]))


def _measure(
    benchmark: Benchmark, measurement: Measurement, seed: int, content: dict[str, Any], path: Path, again: bool, console: Console
) -> dict[str, Any]:
    commit, dirty = provenance.commit()
    date = datetime.now().astimezone().isoformat(timespec="seconds")
    origin = {"commit": commit, "dirty": dirty, "date": date, "machine": provenance.machine()}
    names = ", ".join(figure.name for figure in measurement.figures)
    if not again and all(results.there(content, figure.name, seed, origin) for figure in measurement.figures):
        console.print(f"{names}, seed {seed}: measured already at this commit", highlight=False)
        return content
    console.print(f"{names}, seed {seed} …", highlight=False)
    began = time.monotonic()
    readings = measurement.measure(seed, bool(content["quick"]))
    for figure in measurement.figures:
        content = results.merged(content, benchmark, figure, measurement.seeds, seed, readings[figure.name], origin)
    results.write(path, content)
    shown = ", ".join(f"{figure.name} {_number(readings[figure.name].value)}" for figure in measurement.figures)
    console.print(f"  {shown} ({time.monotonic() - began:.0f} s)", highlight=False)
    return content


def _known(name: str) -> Benchmark:
    if name not in BENCHMARKS:
        near = get_close_matches(name, BENCHMARKS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"bench {name!r}: unknown; {hint}there is {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]


def _measurements(benchmark: Benchmark, only: str | None) -> Sequence[Measurement]:
    if only is None:
        return benchmark.measurements
    names = [figure.name for figure in benchmark.figures()]
    if only not in names:
        near = get_close_matches(only, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"--only {only}: no such figure; {hint}there is {', '.join(names)}")
    return [m for m in benchmark.measurements if any(figure.name == only for figure in m.figures)]


def _seeds(measurement: Measurement, quick: bool, seeds: int | None, seed: int | None) -> Sequence[int]:
    if seed is not None:
        return [seed]
    return range(FIRST_SEED, FIRST_SEED + (min(seeds or measurement.seeds, measurement.seeds) if not quick else seeds or 1))


def show(content: dict[str, Any]) -> None:
    """The results as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold", title=f"{content['bench']}{' (quick)' if content['quick'] else ''}")
    for heading in ("figure", "value", "unit", "bar", "aim", "met"):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    for f in content["figures"]:
        met = {True: "[green]yes[/]", False: "[red]no[/]", None: f"– {f.get('reason', '')}"}[f["met"]]
        table.add_row(f["name"], _number(f["value"]), f["unit"], f["bar"], f["aim"], met)
    Console().print(table)


def show_list() -> None:
    """All benchmarks with the times that they take."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("benchmark", "figures", "seeds", "minutes", "--quick"):
        table.add_column(heading, overflow="fold")
    for benchmark in BENCHMARKS.values():
        for i, m in enumerate(benchmark.measurements):
            names = "\n".join(figure.name for figure in m.figures)
            table.add_row(benchmark.name if i == 0 else "", names, str(m.seeds), f"{m.minutes:g}", f"{m.quick_minutes:g}")
        total = sum(m.minutes for m in benchmark.measurements), sum(m.quick_minutes for m in benchmark.measurements)
        table.add_row("", "[bold]all[/]", "", f"{total[0]:g}", f"{total[1]:g}")
    Console().print(table)


def write_docs() -> None:
    """docs/benchmarks.md from benchmarks/results/*.json, and the curves from their numbers."""
    path = share_dir() / "docs" / "benchmarks.md"
    path.write_text(docs.page(share_dir() / "benchmarks" / "results", list(BENCHMARKS.values())), encoding="utf-8")
    for written in (path, *curve_files.draw_all(share_dir())):
        print(written)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
