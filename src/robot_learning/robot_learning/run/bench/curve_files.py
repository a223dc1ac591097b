"""`robot-learning bench --curves`: train what the curves of docs/algorithms show, keep the numbers, draw the pictures."""

import json
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from robot_learning.core.atomic import write_atomic
from robot_learning.core.errors import UsageError
from robot_learning.core.paths import share_dir
from robot_learning.run import provenance
from robot_learning.run.bench.curves import CURVES, Curve
from robot_learning.run.bench.figure import FIRST_SEED
from robot_learning.run.svg import Chart, Line, picture

Seeds = dict[str, dict[str, list[tuple[float, float | None]]]]  # seed -> label -> points; None: not finite


def numbers(root: Path) -> Path:
    """Where the numbers are kept."""
    return root / "benchmarks" / "curves.json"


def pictures(root: Path) -> Path:
    """The folder of the pictures."""
    return root / "docs" / "algorithms" / "curves"


def run_curves(only: str | None, seed: int | None) -> None:
    """Train and draw all curves, or one, or one of its seeds; the numbers are kept after each seed."""
    root, console = share_dir(), Console(file=sys.stderr)
    for curve in _wanted(only):
        for number in range(FIRST_SEED, FIRST_SEED + curve.seeds) if seed is None else [seed]:
            console.print(f"{curve.name}, seed {number} …", highlight=False)
            began = time.monotonic()
            found = {label: [(x, y if isfinite(y) else None) for x, y in points] for label, points in curve.measure(number).items()}
            _keep(root, curve, number, found)
            console.print(f"  {time.monotonic() - began:.0f} s", highlight=False)
    for path in draw_all(root):
        print(path)


def draw_all(root: Path) -> list[Path]:
    """Draw every curve that has numbers."""
    content, drawn = _read(root), []
    pictures(root).mkdir(parents=True, exist_ok=True)
    for curve in CURVES:
        if curve.name in content:
            path = pictures(root) / f"{curve.name}.svg"
            write_atomic(path, drawing(curve, content[curve.name]["seeds"]).encode())
            drawn.append(path)
    return drawn


def drawing(curve: Curve, seeds: Seeds) -> str:
    """The picture of a curve."""
    lines = [_line(label, seeds) for label in next(iter(seeds.values()))]
    chart = Chart(curve.title, curve.x_label, curve.y_label, lines, curve.log, curve.marks, curve.y_from, curve.y_to)
    first, last = min(seeds, key=int), max(seeds, key=int)
    shown = f"seeds {first} to {last}: points are medians, bands the whole range" if first != last else f"seed {first}"
    return picture(chart, [f"robot-learning bench --curves --only {curve.name}", shown])


def _line(label: str, seeds: Seeds) -> Line:
    found: dict[float, list[float]] = {}
    for seed in seeds.values():
        for x, y in seed[label]:
            found.setdefault(x, []).append(float("inf") if y is None else y)
    places = sorted(found)
    values = [found[x] for x in places]
    return Line(label, places, [median(v) for v in values], [min(v) for v in values], [max(v) for v in values])


def _keep(root: Path, curve: Curve, seed: int, found: Mapping[str, Any]) -> None:
    content = _read(root)
    commit, dirty = provenance.commit()
    seeds = {**content.get(curve.name, {}).get("seeds", {}), str(seed): found}
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    content[curve.name] = {"commit": commit, "dirty": dirty, "date": now, "seeds": dict(sorted(seeds.items()))}
    write_atomic(numbers(root), (json.dumps(dict(sorted(content.items())), allow_nan=False) + "\n").encode())


def _read(root: Path) -> dict[str, Any]:
    path = numbers(root)
    found: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
    return found


def _wanted(only: str | None) -> list[Curve]:
    names = [curve.name for curve in CURVES]
    if only is not None and only not in names:
        near = get_close_matches(only, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"--only {only}: no such curve; {hint}there is {', '.join(names)}")
    return [curve for curve in CURVES if only in (None, curve.name)]
