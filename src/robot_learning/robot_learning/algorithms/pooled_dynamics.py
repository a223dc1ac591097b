"""Time-invariant linear dynamics: one model for all steps of a condition, from all transitions of its rollouts together.

Where the system does not change along the trajectory, T times as many points stand behind each number as in the fit of each step
alone (`algorithms/dynamics.py`), and no prior is needed. Where it does change, the model is an average over the states that were visited.
"""

import numpy as np

from robot_learning.algorithms import dynamics
from robot_learning.core.types import Dynamics, Rollouts


def fit(rollouts: Rollouts) -> Dynamics:
    """The same model at every step: states (C, N, T + 1, dx) and actions (C, N, T, du) -> F (C, T, dx, dx + du).

    To the fit by steps, the N rollouts of T steps are N T rollouts of one step.
    """
    states, actions = rollouts
    conditions, _, horizon, du = actions.shape
    dx = states.shape[-1]
    pairs = np.stack([states[:, :, :-1], states[:, :, 1:]], axis=3).reshape(conditions, -1, 2, dx)
    model = dynamics.fit(Rollouts(pairs, actions.reshape(conditions, -1, 1, du)), None)
    return Dynamics(*(np.repeat(part, horizon, axis=1) for part in model))
