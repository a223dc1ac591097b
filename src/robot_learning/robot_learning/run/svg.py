"""Small line charts as inline SVG: no library, no script, sharp at every size."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, isfinite, log10
from typing import NamedTuple

WIDTH, HEIGHT = 440, 270
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 14, 60
CHARACTER = 6.3  # pixels, about, of a label
LINE = 14  # pixels from label to label
TITLE = 26  # pixels for a title within a picture
ALONE = (
    "text{font:11.5px system-ui,'Segoe UI',Roboto,Arial,sans-serif;fill:#5a6270}.title{font-size:13px;font-weight:600;fill:#1d2530}"
    ".caption{font-size:9.5px}.grid{stroke:#dfe3e8}line.mark{stroke:#1d2530;stroke-dasharray:4 3;opacity:.55}text.mark{fill:#1d2530}"
)


class Look(NamedTuple):
    """How a curve is drawn: those that follow are thinner and have gaps, so that equal curves do not hide each other."""

    colour: str
    width: float
    dashes: str
    radius: float


LOOKS = (
    Look("#6aa5e0", 4.4, "none", 5.2),
    Look("#c2571a", 2.2, "9 6", 3.7),
    Look("#14532d", 1.7, "3 3", 2.2),
    Look("#7b4fa3", 1.4, "12 3 2 3", 2.0),
    Look("#5a6270", 1.2, "1 3", 1.8),
)


class Line(NamedTuple):
    """One curve; points whose y is not finite (or not above 0 on a logarithmic axis) are left out."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None  # a band around the curve
    high: Sequence[float] | None = None


class Chart(NamedTuple):
    """What is drawn. `marks` are horizontal dashed lines with a label in the right margin."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    log: bool = False
    marks: Sequence[tuple[str, float]] = ()
    y_from: float | None = None
    y_to: float | None = None


class _Axes(NamedTuple):
    x: tuple[float, float]
    y: tuple[float, float]
    log: bool
    right: float  # margin, pixels

    def at(self, x: float, y: float) -> tuple[float, float]:
        low, high = self.y
        part = (log10(y) - log10(low)) / (log10(high) - log10(low)) if self.log else (y - low) / (high - low)
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        return LEFT + across * (WIDTH - LEFT - self.right), HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)


def draw(chart: Chart) -> str:
    """The chart as one <figure> with a caption and a legend."""
    title = escape(chart.title)
    return (
        f'<figure><figcaption>{title}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">'
        + "".join(_inside(chart))
        + "</svg></figure>"
    )


def picture(chart: Chart, caption: Sequence[str]) -> str:
    """The chart as a file of its own, with its title above and a caption, line by line, below."""
    title, below = escape(chart.title), HEIGHT + TITLE - (0 if len(chart.lines) > 1 else LINE)  # without a legend
    height = below + LINE * len(caption) + LINE
    view = f'viewBox="0 0 {WIDTH} {height}" width="{1.5 * WIDTH:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {view} role="img" aria-label="{title}">',
        f"<style>{ALONE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text class="title" x="14" y="19">{title}</text>',
        f'<g transform="translate(0 {TITLE})">',
        *_inside(chart),
        "</g>",
        *(f'<text class="caption" x="14" y="{below + LINE * (i + 1)}">{escape(text)}</text>' for i, text in enumerate(caption)),
        "</svg>",
    ]
    return "\n".join([*parts, ""])


def _inside(chart: Chart) -> list[str]:
    axes = _axes(chart)
    parts = [*_grid(chart, axes), *_marks(chart, axes)]
    for i, line in enumerate(chart.lines):
        parts += _curve(line, axes, LOOKS[i % len(LOOKS)])
    return parts + _legend(chart)


def _usable(value: float, log: bool) -> bool:
    return isfinite(value) and (value > 0 or not log)


def _axes(chart: Chart) -> _Axes:
    xs = [x for line in chart.lines for x in line.x]
    rows = [row for line in chart.lines for row in (line.y, line.low or (), line.high or ())]
    ys = [y for row in rows for y in row if _usable(y, chart.log)] + [y for _, y in chart.marks if _usable(y, chart.log)]
    low, high = (min(ys), max(ys)) if ys else (1.0, 10.0)
    x_low, x_high = (min(xs), max(xs)) if xs else (0.0, 1.0)
    x = (x_low, x_high) if x_high > x_low else (x_low - 0.5, x_low + 0.5)
    right = max([RIGHT, *(10 + CHARACTER * len(label) for label, y in chart.marks if _usable(y, chart.log))])
    if chart.log:
        bottom, top = floor(log10(max(low, chart.y_from or low))), ceil(log10(high))
        return _Axes(x, (10.0**bottom, 10.0 ** max(top, bottom + 1)), True, right)
    low = low if chart.y_from is None else chart.y_from
    high = high if chart.y_to is None else chart.y_to
    step = _step(low, high)
    return _Axes(x, (floor(low / step + 1e-9) * step, max(ceil(high / step - 1e-9), floor(low / step + 1e-9) + 1) * step), False, right)


def _step(low: float, high: float) -> float:
    """A round distance between ticks, for about five of them."""
    raw = max((high - low) / 5, abs(high) * 1e-6, 1e-12)
    unit = 10.0 ** floor(log10(raw))
    return next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= raw * 0.999)


def _ticks(axes: _Axes) -> list[float]:
    low, high = axes.y
    if axes.log:
        powers = range(round(log10(low)), round(log10(high)) + 1)
        return [10.0**p for p in powers]
    step = _step(low, high)
    return [low + i * step for i in range(round((high - low) / step) + 1)]


def _grid(chart: Chart, axes: _Axes) -> list[str]:
    parts = []
    for y in _ticks(axes):
        _, v = axes.at(axes.x[0], y)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - axes.right:.1f}" y1="{v:.1f}" y2="{v:.1f}"/>')
        parts.append(f'<text x="{LEFT - 9}" y="{v + 4:.1f}" text-anchor="end">{y:.4g}</text>')
    first, last = ceil(axes.x[0]), floor(axes.x[1])
    stride = 1 if last - first < 10 else max(1, ceil(_step(first, last)))
    for x in range(ceil(first / stride) * stride, last + 1, stride):
        u, v = axes.at(x, axes.y[0])
        parts.append(f'<text x="{u:.1f}" y="{v + 17:.1f}" text-anchor="middle">{x}</text>')
    middle = (LEFT + WIDTH - axes.right) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - BOTTOM + 33}" text-anchor="middle">{escape(chart.x_label)}</text>')
    height = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(f'<text transform="translate(11 {height:.0f}) rotate(-90)" text-anchor="middle">{escape(chart.y_label)}</text>')
    return parts


def _marks(chart: Chart, axes: _Axes) -> list[str]:
    parts = []
    lowest = float(TOP)  # labels go down the margin and leave each other a line
    for label, y in sorted(chart.marks, key=lambda mark: -mark[1]):
        if not _usable(y, chart.log):
            continue
        u, v = axes.at(axes.x[1], y)
        parts.append(f'<line class="mark" x1="{LEFT}" x2="{u:.1f}" y1="{v:.1f}" y2="{v:.1f}"/>')
        beside = max(v + 4, lowest)
        parts.append(f'<text class="mark" x="{u + 6:.1f}" y="{beside:.1f}">{escape(label)}</text>')
        lowest = beside + LINE
    return parts


def _curve(line: Line, axes: _Axes, look: Look) -> list[str]:
    parts = []
    if line.low is not None and line.high is not None:
        floor_y = axes.y[0]
        upper = [axes.at(x, max(y, floor_y)) for x, y in zip(line.x, line.high, strict=True) if _usable(y, axes.log)]
        lower = [axes.at(x, max(y, floor_y)) for x, y in zip(line.x, line.low, strict=True) if isfinite(y)]
        points = " ".join(f"{u:.1f},{v:.1f}" for u, v in upper + lower[::-1])
        parts.append(f'<polygon points="{points}" fill="{look.colour}" opacity="0.13"/>')
    points_uv = [axes.at(x, max(y, axes.y[0]) if axes.log else y) for x, y in zip(line.x, line.y, strict=True) if _usable(y, axes.log)]
    path = " ".join(f"{u:.1f},{v:.1f}" for u, v in points_uv)
    parts.append(f'<polyline points="{path}" fill="none" {_stroke(look)} stroke-linejoin="round"/>')
    return parts + [f'<circle cx="{u:.1f}" cy="{v:.1f}" r="{look.radius}" fill="{look.colour}"/>' for u, v in points_uv]


def _stroke(look: Look) -> str:
    return f'stroke="{look.colour}" stroke-width="{look.width}" stroke-dasharray="{look.dashes}"'


def _legend(chart: Chart) -> list[str]:
    parts, u, v = [], 30.0, HEIGHT - 8
    if len(chart.lines) < 2:
        return []
    for i, line in enumerate(chart.lines):
        look = LOOKS[i % len(LOOKS)]
        parts.append(f'<line x1="{u:.0f}" x2="{u + 26:.0f}" y1="{v - 4}" y2="{v - 4}" {_stroke(look)}/>')
        parts.append(f'<circle cx="{u + 13:.0f}" cy="{v - 4}" r="{look.radius}" fill="{look.colour}"/>')
        parts.append(f'<text x="{u + 31:.0f}" y="{v}">{escape(line.label)}</text>')
        u += 45 + 5.6 * len(line.label)
    return parts
