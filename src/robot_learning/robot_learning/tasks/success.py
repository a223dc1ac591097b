"""When a task is done: where the first object, or else the first tool point, is at the end of an episode of the noise-free policy."""

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.types import Array
from robot_learning.tasks.description import TaskConfig
from robot_learning.tasks.state import parts


def distance(task: TaskConfig, states: Array) -> Array:
    """From the first object, or the first tool point, to its place at the target, (…) in m; states (…, dx)."""
    first = parts(task, states.shape[-1]).goal.start
    if task.objects:
        x, y = np.moveaxis(np.asarray(states)[..., first : first + 2], -1, 0)
        return np.sqrt(x * x + y * y)
    x, y, z = np.moveaxis(np.asarray(states)[..., first : first + 3], -1, 0)
    return np.sqrt(x * x + y * y + z * z)


def success(task: TaskConfig, states: Array, global_policy: bool) -> NDArray[np.bool_]:
    """Whether `states` (…, dx), the last of each episode, are near enough; a local controller has to be more exact."""
    limit = task.success_distance_global if global_policy else task.success_distance
    near: NDArray[np.bool_] = distance(task, states) < limit
    return near
