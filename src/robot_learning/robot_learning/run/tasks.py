"""Tasks by name."""

from functools import cache

from robot_learning.run.config import named_file, read
from robot_learning.tasks.description import TaskConfig


@cache
def load_task(name: str) -> TaskConfig:
    """config/tasks/<name>.yaml; UsageError is one line with the file, the field and what is allowed."""
    return read(TaskConfig, named_file("tasks", name))
