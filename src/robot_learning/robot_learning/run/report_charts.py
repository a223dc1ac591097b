"""The curves of a report."""

from collections.abc import Callable, Sequence
from typing import Any

from robot_learning.run.svg import Chart, Line, draw

NAMES = {
    ("local", "train"): "local, training",
    ("policy", "train"): "policy, training",
    ("policy", "heldout"): "policy, held-out",
}


def charts(s: dict[str, Any]) -> list[str]:
    """Success, distance, cost, divergence per iteration, each as one figure; what was not measured has no chart."""
    found = [_success(s), _distance(s), _cost(s), _kl(s), _policy(s)]
    return [draw(chart) for chart in found if chart is not None]


def _outcomes(s: dict[str, Any], key: tuple[str, str]) -> list[tuple[int, list[dict[str, Any]]]]:
    rows = []
    for iteration in s["iterations"]:
        some = [o for o in iteration["outcomes"] if (o["controller"], o["split"]) == key]
        if some:
            rows.append((iteration["iteration"], some))
    return rows


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _lines(s: dict[str, Any], read: Callable[[dict[str, Any]], float], bands: bool) -> list[Line]:
    lines = []
    for key, name in NAMES.items():
        rows = _outcomes(s, key)
        if not rows:
            continue
        values = [[read(o) for o in some] for _, some in rows]
        x = [iteration for iteration, _ in rows]
        mean = [sum(v) / len(v) for v in values]
        band = ([min(v) for v in values], [max(v) for v in values]) if bands else (None, None)
        lines.append(Line(name, x, mean, *band))
    return lines


def _success(s: dict[str, Any]) -> Chart | None:
    lines = _lines(s, lambda o: 100.0 * o["success"], bands=False)
    return Chart("Success of noise-free episodes", "iteration", "% of conditions", lines, y_from=0, y_to=100) if lines else None


def _distance(s: dict[str, Any]) -> Chart | None:
    lines = _lines(s, lambda o: 100.0 * _number(o["distance"]), bands=True)
    marks = [(f"success {name}", 100.0 * d) for name, d in s["thresholds"].items()]
    if len(set(d for _, d in marks)) == 1:
        marks = [("success", marks[0][1])]
    title = "Final distance, and its range"
    return Chart(title, "iteration", "cm", lines, log=True, marks=marks, y_from=0.01) if lines else None


def _cost(s: dict[str, Any]) -> Chart | None:
    costs: Sequence[list[float]] = [[_number(c) for c in i["costs"].values()] for i in s["iterations"]]
    if not any(costs):
        return None
    x = [i["iteration"] for i in s["iterations"]]
    line = Line("training rollouts", x, [sum(c) / len(c) for c in costs], [min(c) for c in costs], [max(c) for c in costs])
    return Chart("Cost with exploration, and its range", "iteration", "cost of an episode", [line])


def _kl(s: dict[str, Any]) -> Chart | None:
    limited = [(i["iteration"], [u for u in i["updates"] if u["kl_limit"] is not None]) for i in s["iterations"]]
    rows = [(iteration, updates) for iteration, updates in limited if updates]
    if not rows:
        return None
    x = [iteration for iteration, _ in rows]
    kl = [[_number(u["kl"]) for u in updates] for _, updates in rows]
    limit = [[_number(u["kl_limit"]) for u in updates] for _, updates in rows]
    lines = [
        Line("taken", x, [sum(k) / len(k) for k in kl], [min(k) for k in kl], [max(k) for k in kl]),
        Line("allowed", x, [sum(k) / len(k) for k in limit]),
    ]
    return Chart("Step of the local controllers", "iteration", "KL, nats per time step", lines, y_from=0)


def _policy(s: dict[str, Any]) -> Chart | None:
    lines = []
    for name in dict.fromkeys(name for i in s["iterations"] for name in i["policy"]):
        rows = [(i["iteration"], i["policy"][name]) for i in s["iterations"] if i["policy"].get(name) is not None]
        lines.append(Line(name, [x for x, _ in rows], [y for _, y in rows]))
    return Chart("Global policy against its teachers", "iteration", "weighted squared error", lines, log=True) if lines else None
