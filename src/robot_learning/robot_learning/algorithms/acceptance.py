"""Whether what is on trial takes the place of what was kept, by the rollouts of both. Nothing that was not paid for as samples is used."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.types import Array


class Score(NamedTuple):
    """How good rollouts were: successes count first, cost decides between equals."""

    successes: int
    cost: float  # mean over the rollouts


def clearly_worse(costs: Array, kept: Array, errors: float) -> NDArray[np.bool_]:
    """Whether the mean of costs (…, N) is above that of kept ones (…, M) by more than so many standard errors of the difference."""
    with np.errstate(invalid="ignore"):
        spread = np.sqrt(_variance_of_mean(costs) + _variance_of_mean(kept))
        found: NDArray[np.bool_] = ~(np.mean(costs, axis=-1) <= np.mean(kept, axis=-1) + errors * spread)  # what is not a number is worse
    return found


def at_least_as_good(trial: Score, kept: Score) -> bool:
    """Whether a score is not below another one; a cost that is not a number never is."""
    if trial.successes != kept.successes:
        return trial.successes > kept.successes
    return trial.cost <= kept.cost


def _variance_of_mean(costs: Array) -> Array:
    variance: Array = np.var(costs, axis=-1) / max(costs.shape[-1] - 1, 1)
    return variance
