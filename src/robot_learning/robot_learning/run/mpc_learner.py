"""Planning at every step on one model of all conditions, behind the four questions of the training loop.

Local controllers learn on the training conditions with a network of the dynamics as their prior (algorithms/priors.py). That network is
the model: the global policy plans on it, also in conditions that nothing was learned in.
"""

from robot_learning.algorithms.local_gps import LocalState
from robot_learning.models.planner import Planner
from robot_learning.run.learners import LocalGps


class Mpc(LocalGps):
    """Local controllers whose rollouts make the model, and a planner on it."""

    def policy(self, state: LocalState) -> Planner | None:
        """The planner on the present model; None before there is one."""
        net = state.prior.net
        return None if net is None else Planner(net, self._experiment.mpc)
