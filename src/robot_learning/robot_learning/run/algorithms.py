"""All algorithms, by their names in an experiment."""

from robot_learning.run.contact_learner import SteadyGps, SteadyLocal
from robot_learning.run.experiment import Experiment
from robot_learning.run.imitation_learners import BehaviourCloning, Dagger, NearestNeighbour, Plato
from robot_learning.run.learners import AugmentedLagrangian, Badmm, Learner, LocalGps, Mdgps
from robot_learning.run.mpc_learner import Mpc
from robot_learning.run.setting import Setting
from robot_learning.run.trajectory_learner import Ilqr

ALGORITHMS: dict[str, type[LocalGps | Mdgps | AugmentedLagrangian | Badmm | BehaviourCloning | SteadyLocal | SteadyGps | Ilqr | Mpc]] = {
    "local_gps": LocalGps,
    "mdgps": Mdgps,
    "augmented_lagrangian": AugmentedLagrangian,
    "badmm": Badmm,
    "behaviour_cloning": BehaviourCloning,
    "dagger": Dagger,
    "plato": Plato,
    "nearest_neighbour": NearestNeighbour,
    "steady_local": SteadyLocal,
    "steady_gps": SteadyGps,
    "ilqr": Ilqr,
    "mpc": Mpc,
}


def learner(experiment: Experiment, setting: Setting) -> Learner:
    """The algorithm of an experiment on what the experiment names."""
    return ALGORITHMS[experiment.algorithm](experiment, setting)
