"""Finding a multiplier: the x at which a falling function of x meets its limit, for many functions at once.

For a constraint g(x) ≤ limit with log-multiplier x. Each search first walks until it has one x on either side, then narrows the
bracket by interpolating log g, which is nearly linear in x for KL divergences. It needs no derivative, cannot leave its bracket,
and counts a value that is not finite as too large.
"""

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.types import Array

TOLERANCE = 0.08  # of the limit: how near is near enough
EVALUATIONS = 60
FARTHEST = np.log(1e60)  # how far from its start a search goes
STEP = np.log(100.0)  # the first step is no longer; each further one may be twice as long
FLAT = 0.01  # a function whose logarithm changes by less over FLAT_WIDTH, below its limit, stays below it
FLAT_WIDTH = np.log(1e4)
NARROWEST = 1e-9  # a bracket that is not wider holds a jump of the function


class Brackets:
    """The state of C searches. Ask `open` and `x`, evaluate there, and tell the values to `observe`, until none is open."""

    def __init__(self, start: Array, limit: Array) -> None:
        """Searches from x = start (C,) for g(x) = limit (C,); ValueError unless all limits are positive."""
        if not np.all(np.asarray(limit) > 0):
            raise ValueError(f"limits {limit}: positive numbers are expected")
        self.x = np.array(start, dtype=float)  # where to evaluate next
        self.limit = np.array(limit, dtype=float)
        self.best = np.full(len(self.x), -np.inf)  # the largest value within the limit so far
        self.best_x = self.x.copy()
        self.evaluations = np.zeros(len(self.x), dtype=int)
        self.open = np.ones(len(self.x), dtype=bool)
        self._start = self.x.copy()
        self._step = np.full(len(self.x), STEP)
        self._low, self._high = np.full(len(self.x), -np.inf), np.full(len(self.x), np.inf)  # g > limit at low, ≤ at high
        self._at_low, self._at_high = np.full(len(self.x), np.inf), np.full(len(self.x), -np.inf)  # log(g / limit) there

    def observe(self, index: NDArray[np.int_], values: Array) -> NDArray[np.bool_]:
        """Takes the values g(x[index]); returns which of them are the best so far, and moves those searches on."""
        better = np.zeros(len(index), dtype=bool)
        for row, (i, value) in enumerate(zip(index, values, strict=True)):
            better[row] = self._observe(i, float(value) if np.isfinite(value) else np.inf)
        return better

    def outcome(self, i: int) -> str:
        """How search i ended: "met", "inactive" (g stays below the limit), "short" (g jumps over it) or "rejected: <why>"."""
        if self.best[i] < 0:
            return "rejected: no multiplier met the limit"
        if abs(self.best[i] - self.limit[i]) <= TOLERANCE * self.limit[i]:
            return "met"
        return "short" if np.isfinite(self._low[i]) else "inactive"

    def _observe(self, i: int, value: float) -> bool:
        limit, x = self.limit[i], self.x[i]
        self.evaluations[i] += 1
        better = bool(self.best[i] < value <= limit * (1 + TOLERANCE))
        before = self._high[i], self._at_high[i]
        if better:
            self.best[i], self.best_x[i] = value, x
        with np.errstate(divide="ignore"):
            excess = np.log(value / limit) if value < np.inf else np.inf
        if excess > 0:
            self._low[i], self._at_low[i] = x, excess
        else:
            self._high[i], self._at_high[i] = x, excess
        near = abs(value - limit) <= TOLERANCE * limit
        width = self._high[i] - self._low[i]
        lost = np.isinf(width) and abs(x - self._start[i]) >= FARTHEST
        flat = excess <= 0 and FLAT_WIDTH <= before[0] - x < np.inf and (excess == before[1] or abs(excess - before[1]) < FLAT)
        self.open[i] = not (near or lost or flat or width < NARROWEST or self.evaluations[i] >= EVALUATIONS)
        self.x[i] = np.clip(self._next(i, excess), self._start[i] - FARTHEST, self._start[i] + FARTHEST)
        return better

    def _next(self, i: int, excess: float) -> float:
        low, high = self._low[i], self._high[i]
        if not np.isfinite(high - low):
            move = np.clip(excess, -self._step[i], self._step[i])
            if self.evaluations[i] > 1 or not np.isfinite(excess):
                move = np.copysign(self._step[i], excess)
            self._step[i] *= 2
            return float(self.x[i] + move)
        share = 0.5
        if np.isfinite(self._at_low[i] - self._at_high[i]) and self.evaluations[i] % 4:  # now and then the middle, for odd shapes
            share = np.clip(self._at_low[i] / (self._at_low[i] - self._at_high[i]), 0.05, 0.95)
        return float(low + share * (high - low))
