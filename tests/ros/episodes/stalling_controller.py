"""A local_controller that answers 30 joint states of each episode and then no more."""

import sys

from robot_learning.core.types import JointState
from robot_learning.nodes.local_controller import LocalController
from robot_learning.nodes.spin import run


class Stalling(LocalController):
    def _answer(self, state: JointState) -> None:
        if self._step < 30:
            super()._answer(state)


if __name__ == "__main__":
    sys.exit(run(Stalling))
