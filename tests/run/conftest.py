import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from robot_learning.run import setting

sys.path.insert(0, str(Path(__file__).parent))  # fake_runner


@pytest.fixture(scope="module")
def short_episodes() -> Iterator[None]:
    """Every task has a quarter of its steps, for tests that do not look at what is learned."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setting, "load_task", lambda name, load=setting.load_task: replace(load(name), horizon=25))
        yield
