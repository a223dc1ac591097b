"""Results of benchmarks as JSON: written after every seed, merged with what is there, each reading with its commit."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robot_learning.core.atomic import write_atomic
from robot_learning.core.errors import UsageError
from robot_learning.run.bench.figure import Benchmark, Figure, Reading
from robot_learning.run.summary import finite

Origin = Mapping[str, Any]  # commit, dirty, date, machine


def read(path: Path, benchmark: str, quick: bool) -> dict[str, Any]:
    """The results that are there; an empty set if there is no file. UsageError if they are of another kind."""
    if not path.exists():
        return {"bench": benchmark, "quick": quick, "figures": []}
    try:
        content = json.loads(path.read_bytes())
        figures = {figure["name"]: figure["detail"]["per_seed"] for figure in content["figures"]}
    except OSError as error:
        raise UsageError(f"--json {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"--json {path}: not a result file of `robot-learning bench`; name another file") from None
    if content.get("bench") != benchmark or bool(content.get("quick")) != quick:
        kind = f"{content.get('bench')}{' --quick' if content.get('quick') else ''}"
        raise UsageError(f"--json {path}: holds results of {kind}; name another file for {benchmark}{' --quick' if quick else ''}")
    if not all(isinstance(rows, list) for rows in figures.values()):
        raise UsageError(f"--json {path}: figures.detail.per_seed: lists are expected")
    found: dict[str, Any] = content
    return found


def there(content: Mapping[str, Any], name: str, seed: int, origin: Origin) -> bool:
    """Whether a figure's seed was measured with this very code."""
    rows: list[Any] = next((figure["detail"]["per_seed"] for figure in content["figures"] if figure["name"] == name), [])
    return any(row["seed"] == seed and row["commit"] == origin["commit"] and not row["dirty"] and not origin["dirty"] for row in rows)


def merged(
    content: Mapping[str, Any], benchmark: Benchmark, figure: Figure, wanted: int, seed: int, reading: Reading, origin: Origin
) -> dict[str, Any]:
    """`content` with one more reading in the place of an older one of that seed; figures stand in the benchmark's order."""
    rows: list[Any] = next((f["detail"]["per_seed"] for f in content["figures"] if f["name"] == figure.name), [])
    stamp = {key: origin[key] for key in ("commit", "dirty", "date")}
    row = {"seed": seed, "value": reading.value, **({"reason": reading.reason} if reading.reason else {}), **stamp, **reading.detail}
    rows = sorted([r for r in rows if r["seed"] != seed] + [row], key=lambda r: r["seed"])
    entry = _entry(figure, rows, 1 if content["quick"] else wanted, stamp)
    order = [f.name for f in benchmark.figures()]
    others = [f for f in content["figures"] if f["name"] != figure.name]
    figures = sorted([*others, entry], key=lambda f: order.index(f["name"]) if f["name"] in order else len(order))
    return {"bench": benchmark.name, **origin, "quick": content["quick"], "figures": figures}


def _entry(figure: Figure, rows: list[dict[str, Any]], wanted: int, stamp: Mapping[str, Any]) -> dict[str, Any]:
    values = [row["value"] for row in rows if row["value"] is not None]
    value = figure.overall(values) if len(values) == len(rows) else None
    reason = next((row["reason"] for row in rows if row["value"] is None), "")
    if value is not None and len(rows) < wanted:
        reason = f"{len(rows)} of {wanted} seeds"
    met = figure.met(value) if value is not None and not (reason and figure.met(value)) else None
    entry = {"name": figure.name, "value": value, "unit": figure.unit, "bar": figure.bar, "aim": figure.aim, "met": met}
    detail = {"per_seed": rows, "best": _best(figure, values), "last": values[-1] if values else None}
    return {**entry, **({"reason": reason} if reason else {}), **stamp, "detail": detail}


def _best(figure: Figure, values: list[float]) -> float | None:
    if not values:
        return None
    return max(values) if figure.more_is_better else min(values)


def write(path: Path, content: Mapping[str, Any]) -> None:
    """The results in a file, whole or not at all."""
    write_atomic(path, (json.dumps(finite(dict(content)), indent=1, allow_nan=False) + "\n").encode())
