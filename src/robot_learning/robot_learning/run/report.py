"""report.html: one self-contained page that shows what a run learned, made from summary.json and the film's images alone."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import yaml

from robot_learning.core.atomic import write_atomic
from robot_learning.run import summary
from robot_learning.run.config import DUMPER
from robot_learning.run.report_charts import charts
from robot_learning.run.report_style import STYLE

NAME = "report.html"
SHORT = 250  # characters of a mapping that is shown without folding it
FOLDS = 2  # levels of mappings that fold
Strip = tuple[str, list[tuple[int, bytes]]]
STATES = {True: ("good", "learned"), False: ("bad", "not learned")}
KINDS = {"local": "local controllers", "policy": "global policy"}
GATE = ("gate.passed", "gate.changed", "gate.refused")  # every command is one of them; the other counts say why
SPLITS = {"train": "training", "heldout": "held-out"}


def write(run: Path) -> Path:
    """Make the report of a run folder anew; returns its path."""
    content = summary.load(run)
    path = run / NAME
    write_atomic(path, page(content, film(run)).encode())
    return path


def film(run: Path) -> list[Strip]:
    """(episode, [(milliseconds, PNG file)]) from <run>/film/<episode>/<ms>.png."""
    folders = sorted(p for p in (run / "film").glob("*") if p.is_dir())
    return [(folder.name, [(int(image.stem), image.read_bytes()) for image in sorted(folder.glob("[0-9]*.png"))]) for folder in folders]


def page(s: dict[str, Any], strips: Sequence[Strip]) -> str:
    """The whole page for a summary `s`."""
    title = f"{s['experiment']} on {s['robot']}"
    sections = [
        _head(s, title),
        _successes(s),
        _film(strips),
        _section("Learning curves", f'<div class="charts">{"".join(charts(s))}</div>' if s["iterations"] else ""),
        _conditions(s),
        _times(s),
        _gate(s),
        _refused(s),
        _origin(s),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main>{''.join(sections)}</main></body></html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0) -> str:
    """Cells are HTML; the last `numbers` columns are right-aligned."""
    first = len(head) - numbers

    def cell(tag: str, i: int, text: str) -> str:
        return f'<{tag} class="n">{text}</{tag}>' if i >= first else f"<{tag}>{text}</{tag}>"

    top = "".join(cell("th", i, escape(h)) for i, h in enumerate(head))
    body = "".join("<tr>" + "".join(cell("td", i, c) for i, c in enumerate(row)) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _head(s: dict[str, Any], title: str) -> str:
    kind, word = STATES.get(s["learned"], ("plain", s["state"]))
    facts = [
        ("task", s["task"]),
        ("algorithm", s["algorithm"]),
        ("episodes", "through the ROS graph" if s["through"] == "ros" else "in process"),
        ("iterations", str(len(s["iterations"]))),
        ("training rollouts", f"{s['samples_per_condition']} per condition"),
        ("time", f"{s['wall_s']:.0f} s"),
        ("started", s["started"].replace("T", " ")[:16]),
    ]
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    ending = f"<p>{escape(s['ending'])}</p>" if s["ending"] else ""
    badge = f'<span class="badge {kind}">{escape(word)}</span>'
    return f'<header><h1>{escape(title)} {badge}</h1>{ending}<dl class="facts">{items}</dl></header>'


def _successes(s: dict[str, Any]) -> str:
    if not s["success"]:
        return ""
    last, best = s["success"]["last"], s["success"]["best"]
    final = s["final"]
    rows = []
    for controller, name in KINDS.items():
        for split, label in SPLITS.items():
            key = f"{controller} {split}"
            if key in last:
                rows.append([f"{name}, {label} conditions", last[key], best.get(key, "")])
    head = ["", f"last iterate ({final['last_iteration']})", f"best on training conditions ({final['best_iteration']})"]
    note = "<p>Noise-free episodes, measured at the last step. They are not counted as samples.</p>"
    return _section("Success", note + _table(head, rows, 2))


def _film(strips: Sequence[Strip]) -> str:
    rows = []
    for name, images in strips:
        shown = "".join(_picture(ms, image) for ms, image in images)
        controller, _, condition = name.partition("-")
        label = f"{KINDS.get(controller, controller)}, {condition}"
        rows.append(f'<figure><figcaption>{escape(label)}</figcaption><div class="strip">{shown}</div></figure>')
    note = "<p>From the start to the end, at about equal parts of the way of the tool.</p>" if rows else ""
    return _section("The last iterate, from start to end", note + "".join(rows))


def _picture(ms: int, image: bytes) -> str:
    source = base64.b64encode(image).decode()
    time = _time(ms)
    return f'<div style="max-width:none"><img alt="the arm after {time}" src="data:image/png;base64,{source}"><small>{time}</small></div>'


def _time(ms: int) -> str:
    return f"{ms / 1000:.{1 if ms % 100 == 0 else 2}f} s"


def _conditions(s: dict[str, Any]) -> str:
    final = s["final"]
    if final is None:
        return ""
    kinds = [k for k in KINDS if any(o["controller"] == k for o in final["last"])]
    both = final["best_iteration"] != final["last_iteration"]
    sets = [(f"{KINDS[k]}{', last' if both else ''}", final["last"], k) for k in kinds]
    sets += [(f"{KINDS[k]}, best", final["best"], k) for k in kinds] if both else []
    found = [{o["condition"]: o for o in outcomes if o["controller"] == k} for _, outcomes, k in sets]
    names = list(dict.fromkeys(o["condition"] for o in final["last"]))
    rows = [[escape(name), *(_distance(outcomes.get(name)) for outcomes in found)] for name in names]
    note = "<p>Distance of the tool to the target at the last step.</p>"
    return _section("Every condition", note + _table(["condition", *(label for label, _, _ in sets)], rows, len(sets)))


def _distance(outcome: dict[str, Any] | None) -> str:
    if outcome is None:
        return "–"
    if outcome["distance"] is None:
        return f'<span class="bad">{escape(outcome["ending"])}</span>'
    kind, sign = ("good", "✓") if outcome["success"] else ("bad", "✗")
    ending = "" if outcome["ending"] == "time" else f" ({escape(outcome['ending'])})"
    return f'{100 * outcome["distance"]:.2f} cm{ending} <span class="{kind}">{sign}</span>'


def _times(s: dict[str, Any]) -> str:
    total = max(s["wall_s"], 1e-9)
    rows = [
        [escape(phase), f'<span class="bar" style="width:{100 * t / total:.1f}%"></span>', f"{t:.1f} s", f"{100 * t / total:.0f} %"]
        for phase, t in s["seconds"].items()
    ]
    rows.append(["all", "", f"{s['wall_s']:.1f} s", ""])
    return _section("Where the time went", _table(["phase", "", "wall time", ""], rows, 2)) if s["seconds"] else ""


def _gate(s: dict[str, Any]) -> str:
    if not s["counts"]:
        return ""
    gate = {**dict.fromkeys(GATE, 0), **s["gate"]}
    rows = [[escape(name.removeprefix("gate.")), f"{n:,}"] for name, n in gate.items()]
    others = [[escape(name), f"{n:,}"] for name, n in s["counts"].items() if name not in gate]
    more = f"<details><summary>Other counts</summary>{_table(['count', ''], others, 1)}</details>" if others else ""
    return _section("Safety gate", f"<p>{_verdict(*(gate[name] for name in GATE))}</p>" + _table(["kind", "commands"], rows, 1) + more)


def _verdict(passed: int, changed: int, refused: int) -> str:
    """What the gate did in all episodes, in a sentence."""
    total = passed + changed + refused
    if not total:
        return "No command went through the gate."
    if passed == total:
        return f"No interventions: all {total:,} commands, those of evaluations included, passed as they were."
    parts = [f"{n:,} ({100 * n / total:.2g} %) {verb}" if n else f"none {verb}" for n, verb in ((changed, "changed"), (refused, "refused"))]
    return f"Of {total:,} commands, those of evaluations included, {passed:,} passed as they were; {' and '.join(parts)}."


def _refused(s: dict[str, Any]) -> str:
    rows = [[str(r["iteration"]), escape(r["condition"]), escape(r["outcome"])] for r in s["rejected"]]
    rows += [[str(n["iteration"]), "", escape(n["note"])] for n in s["notes"]]
    if not s["iterations"]:
        return ""
    body = _table(["iteration", "condition", "reason"], rows) if rows else "<p>Every update was applied.</p>"
    return _section("Rejected updates", body)


def _origin(s: dict[str, Any]) -> str:
    commit = f"{s['commit'][:12] or 'none'}{' with local changes' if s['dirty'] else ''}"
    facts = [["commit", commit], ["seed", str(s["seed"])], ["seed of the conditions", str(s["condition_seed"])]]
    facts += [[escape(name), escape(version)] for name, version in s["versions"].items()]
    facts.append(["cores", str(s["machine"]["cores"])])
    return _section("Where it comes from", _table(["", ""], facts) + _mapping("Resolved configuration", s["config"]))


def _mapping(title: str, values: dict[str, Any], depth: int = 0) -> str:
    """Values to fold out; long mappings among them, such as those of a robot, fold out by themselves."""
    long = {name: value for name, value in values.items() if isinstance(value, dict) and depth < FOLDS and len(_yaml(value)) > SHORT}
    short = {name: value for name, value in values.items() if name not in long}
    text = f"<pre>{escape(_yaml(short))}</pre>" if short else ""
    parts = "".join(_mapping(str(name), value, depth + 1) for name, value in long.items())
    inset = ' style="margin-left:1rem"' if depth else ""
    return f"<details{inset}><summary>{escape(title)}</summary>{text}{parts}</details>"


def _yaml(values: dict[str, Any]) -> str:
    return str(yaml.dump(values, Dumper=DUMPER, sort_keys=False, default_flow_style=None, width=100, allow_unicode=True))
