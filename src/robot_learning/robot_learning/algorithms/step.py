"""How far the next update may go: the KL step grows while the model's predictions come true, and shrinks when they do not."""

from typing import NamedTuple

import numpy as np

from robot_learning.core.types import Array


class StepRange(NamedTuple):
    """Limits of the KL step, in nats per time step."""

    initial: float = 1.0
    least: float = 0.1
    most: float = 3.0


def adapt(step: Array, predicted: Array, actual: Array, limits: StepRange) -> Array:
    """The next KL steps (C,), nats per time step, from the last update's predicted and actual improvements of the cost (C,).

    The error of the prediction grows with the square of the step, ε², the improvement with ε; the step of most actual improvement
    is then ε' = ε predicted / (2 (predicted − actual)) (Levine et al. 2015). A condition whose last update was rejected, so that
    nothing was predicted, tries half the step.
    """
    shortfall = np.maximum(predicted - actual, 1e-4 * np.abs(predicted))
    factor = np.where(predicted > 0, predicted / np.maximum(2.0 * shortfall, np.finfo(float).tiny), 0.5)
    factor = np.clip(np.nan_to_num(factor, nan=0.5), 0.1, 10.0)
    return np.clip(step * factor, limits.least * limits.initial, limits.most * limits.initial)
