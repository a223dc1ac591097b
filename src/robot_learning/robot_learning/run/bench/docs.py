"""docs/benchmarks.md, made from the committed results."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from robot_learning.run.bench.figure import Benchmark, Figure

HEAD = """\
# Benchmarks

This page is made by `robot-learning bench --docs` from the files in [benchmarks/results](../benchmarks/results); a test keeps it so.
A value is the worst reading over all seeds (they count from 100), of the last iterate where something is trained; with a name that
ends in `_low` it is the lower end of the 95 % bootstrap interval of the seeds' mean. Ratios are measured in one run, interleaved.
Absolute times belong to the machine that is named. "–" in *met* stands beside the reason.

Everything can be measured again, figure by figure and seed by seed; results merge into the file:

```sh
robot-learning bench --list
```

The learning curves on the pages of the algorithms come from [benchmarks/curves.json](../benchmarks/curves.json), which
`robot-learning bench --curves` makes anew, training by training; `--docs` only draws them.
"""


def page(folder: Path, benchmarks: Sequence[Benchmark]) -> str:
    """The whole page; a benchmark without results says so."""
    return HEAD + "".join(_section(benchmark, folder / f"{benchmark.name}.json") for benchmark in benchmarks)


def _section(benchmark: Benchmark, path: Path) -> str:
    lines = [f"\n## {benchmark.name}: {benchmark.what}\n"]
    if not path.exists():
        return "\n".join([*lines, "Not measured yet.\n", _commands(benchmark)])
    content = json.loads(path.read_bytes())
    machine = content["machine"]
    where = f"{machine['cores']} cores, Python {machine['python']}, torch {machine['torch']}, ROS {machine['ros']}"
    lines.append(f"Measured on {content['date'][:10]}: {where}.\n")
    lines += ["| figure | value | unit | bar | aim | met | commit |", "|---|---:|---|---|---|---|---|"]
    found = {figure["name"]: figure for figure in content["figures"]}
    lines += [_row(found.get(figure.name), figure.name, figure.unit, figure.bar, figure.aim) for figure in benchmark.figures()]
    lines += ["", "What they mean:\n", *(_meaning(figure, found.get(figure.name)) for figure in benchmark.figures()), ""]
    return "\n".join([*lines, _commands(benchmark)])


def _row(entry: dict[str, Any] | None, name: str, unit: str, bar: str, aim: str) -> str:
    if entry is None:
        return f"| {name} | – | {unit} | {bar} | {aim} | – not measured | |"
    value = "–" if entry["value"] is None else f"{entry['value']:.4g}"
    met = {True: "yes", False: "**no**", None: f"– {entry.get('reason', '')}"}[entry["met"]]
    commit = f"{entry['commit'][:8]}{' + changes' if entry['dirty'] else ''}"
    return f"| {name} | {value} | {unit} | {bar} | {aim} | {met} | {commit} |"


def _meaning(figure: Figure, entry: dict[str, Any] | None) -> str:
    rows = entry["detail"]["per_seed"] if entry is not None and figure.beside else []
    beside = ", ".join(f"{row[figure.beside]:.3g}" for row in rows if figure.beside in row)
    return f"- `{figure.name}`: {figure.what}{f' (seed by seed {beside})' if beside else ''}"


def _commands(benchmark: Benchmark) -> str:
    file = f"benchmarks/results/{benchmark.name}.json"
    lines = [f"robot-learning bench {benchmark.name} --json {file} --only {m.figures[0].name}" for m in benchmark.measurements]
    return "\n".join(["```sh", *lines, "```", ""])
