"""The figures of guided policy search: what its variants reach."""

from functools import partial

from robot_learning.run.bench import gps_mpc, gps_priors, gps_robustness, spine_learning
from robot_learning.run.bench.figure import Benchmark, Figure, Measurement
from robot_learning.run.bench.gps_cartpole import CARTPOLE, cartpole_return
from robot_learning.run.bench.gps_demonstration import DEMONSTRATION
from robot_learning.run.bench.gps_imitation import IMITATION
from robot_learning.run.bench.gps_peg import PEG
from robot_learning.run.bench.gps_update import UPDATE


def _reach(prefix: str, experiment: str, name: str) -> Measurement:
    """Training and held-out targets of one experiment."""
    train = f"reach, global policy by {name}, last iterate: training targets within 2 cm; the best iterate is in the detail"
    figures = (
        Figure(f"{prefix}_reach_train_worst", "of 8", ">= 8", ">= 8", train),
        Figure(f"{prefix}_reach_heldout_worst", "of 8", ">= 7", ">= 8", "the same policy on targets that it was not trained on"),
    )
    return Measurement(figures, partial(spine_learning.global_reach, experiment, prefix), 3, 1.5, 0.5)


PRIORS = tuple(
    Figure(
        f"prior_ratio_{task}",
        "×",
        ">= 4",
        ">= 8",
        f"{task}, samples to success without a prior of the dynamics (the best of 5, 10, 20 and 40 rollouts an iteration, at most 600) "
        f"over those with the mixture (the better of 2 and 5), all with the experiment {experiment}; medians of 4 conditions",
    )
    for task, experiment in gps_priors.EXPERIMENTS.items()
)
NEURAL = Figure("nn_prior_ratio", "×", ">= 2", ">= 8", "the same with the neural prior; the smaller one of the ratios on reach and on peg")
MPC = Figure(
    "mpc_first_trial_success",
    "% of 20",
    ">= 80",
    ">= 95",
    "new reach targets met within 1 cm in the first trial, by planning at every step on a network that was trained on other targets",
)

GPS = Benchmark(
    "gps",
    "guided policy search and its variants",
    (
        _reach("mdgps", "reach_state", "mirror descent"),
        _reach("badmm", "reach_badmm", "Bregman ADMM"),
        _reach("alm", "reach_alm", "dual gradient descent on the augmented Lagrangian"),
        IMITATION,
        *PEG,
        Measurement((*PRIORS, NEURAL), gps_priors.ratios, 3, 30, 2),
        DEMONSTRATION,
        Measurement((MPC,), gps_mpc.first_trials, 3, 2, 0.2),
        Measurement((CARTPOLE,), cartpole_return, 5, 0.3, 0.05),
        UPDATE,
        Measurement(gps_robustness.FIGURES, gps_robustness.robustness, 5, 9, 0.2),
    ),
)
