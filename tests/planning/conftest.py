"""One free space and one planner for all tests: loading them takes longer than most tests."""

from collections.abc import Iterator

import pytest

from robot_learning.planning.ompl_planner import OmplPlanner
from robot_learning.run import experiment
from robot_learning.run.setting import Setting, prepare


@pytest.fixture(scope="session")
def peg() -> Setting:
    return prepare(experiment.load("peg_local", []))


@pytest.fixture(scope="session")
def planner(peg: Setting) -> Iterator[OmplPlanner]:
    made = OmplPlanner(peg.robot, peg.urdf, peg.task, peg.train[0])
    yield made
    made.close()
