"""Where a robot can be and which straight lines in joint space it can take, between every two samples, too.

First a bound on distances is tried that clears whole intervals at once (clearance.py). Where it cannot, the interval is divided, down
to those in which nothing gets nearer by more than half a margin; there PyBullet decides with shapes that are grown by the margins.
What is found free keeps half the margins everywhere on the line.
"""

from pathlib import Path

import numpy as np

from robot_learning.core.types import Array
from robot_learning.planning.clearance import Clearance
from robot_learning.planning.contacts import Contacts, Margins
from robot_learning.robots.description import Robot
from robot_learning.tasks.description import Condition, TaskConfig

FIRST = 8  # intervals of a line, before any is divided
PARTS = 4  # of an interval that is not clear yet


class FreeSpace:
    """Of a robot in the scene of one condition of a task; without a condition, of the robot on its table."""

    def __init__(
        self,
        robot: Robot,
        urdf_path: Path,
        task: TaskConfig | None = None,
        condition: Condition | None = None,
        margins: Margins | None = None,
        held_passes: bool = False,
    ) -> None:
        """Load the scene; UsageError if the robot's URDF has shapes that planning does not know.

        `held_passes`: what the robot holds is not checked against the surroundings.
        """
        kept = Margins() if margins is None else margins
        self._contacts = here = Contacts(robot, urdf_path, task, condition, kept, held_passes)
        self._clearance = Clearance(here.chain, here.capsules, here.allowed, here.boxes(), here.passed)
        self._half = np.array(kept) / 2.0
        self.allowed = frozenset(here.allowed)  # pairs of links that may touch
        self.held = here.held  # the link of what is in the hand, if there is something

    def touching(self, positions: Array) -> tuple[str, str] | None:
        """Two things that are closer than the margins at joint positions (n,) in rad, a link first; None if the state is free."""
        return self._contacts.touching(np.asarray(positions, dtype=float))

    def is_free(self, positions: Array) -> bool:
        """Whether joint positions (n,) in rad keep the margins."""
        return self.touching(positions) is None

    def line_is_free(self, start: Array, end: Array) -> bool:
        """Whether the straight line between joint positions (n,) in rad keeps half the margins, ends included."""
        half = (end - start) / (2 * FIRST)
        middles = start + np.arange(1, 2 * FIRST, 2)[:, None] * half
        while len(middles):
            clear, least = self._clearance.clear(middles, half, self._half)
            worst = int(np.argmin(least))
            if least[worst] < 0.0 and not self.is_free(middles[worst]):  # most lines that are not free end here
                return False
            fine = self._clearance.travel(half) <= self._half
            decided = np.all(clear | fine, axis=1)
            if not all(self.is_free(middle) for middle in middles[decided & ~np.all(clear, axis=1)]):
                return False
            half = half / PARTS
            middles = (middles[~decided, None] + np.arange(1 - PARTS, PARTS, 2)[:, None] * half).reshape(-1, len(half))
        return True

    def close(self) -> None:
        """Free the physics client."""
        self._contacts.close()
