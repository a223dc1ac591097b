"""What a benchmark measures: figures, each with a bar, and the measurements that yield them seed by seed."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from robot_learning.run.bench import interval

FIRST_SEED = 100  # of reported results; seeds below are for trying things out


class Figure(NamedTuple):
    """One number that is claimed."""

    name: str
    unit: str
    bar: str  # such as ">= 8", "<= 0.5" or "> 0"
    aim: str
    what: str  # for the documentation, in one line
    over: Literal["worst", "low"] = "worst"  # of the seeds: the worst reading, or the lower end of the 95 % interval of their mean
    beside: str = ""  # a number of the detail that the documentation shows beside it

    @property
    def more_is_better(self) -> bool:
        """Whether the worst reading is the smallest."""
        return self.bar.startswith(">")

    def overall(self, values: list[float]) -> float:
        """What is claimed of the readings of all seeds."""
        if self.over == "low":
            return interval.low(values)
        return min(values) if self.more_is_better else max(values)

    def met(self, value: float) -> bool:
        """Whether a reading reaches the bar."""
        sign, limit = re.fullmatch(r"(>=|<=|>) (\S+)", self.bar).groups()  # type: ignore[union-attr]
        return {">=": value >= float(limit), "<=": value <= float(limit), ">": value > float(limit)}[sign]


class Reading(NamedTuple):
    """What one seed yielded for one figure."""

    value: float | None  # None: cannot be measured here
    detail: Mapping[str, Any] = {}
    reason: str = ""  # why not


class Measurement(NamedTuple):
    """One piece of work that yields one or more figures."""

    figures: tuple[Figure, ...]
    measure: Callable[[int, bool], Mapping[str, Reading]]  # (seed, quick) -> readings by the figures' names
    seeds: int  # of the full benchmark
    minutes: float  # about, all seeds together
    quick_minutes: float  # about, the one seed of --quick


class Benchmark(NamedTuple):
    """A named set of measurements."""

    name: str
    what: str
    measurements: tuple[Measurement, ...]

    def figures(self) -> list[Figure]:
        """All figures in their order."""
        return [figure for measurement in self.measurements for figure in measurement.figures]
