"""The figures of guided policy search: what its variants reach."""

from functools import partial

from robot_learning.run.bench import spine_learning
from robot_learning.run.bench.figure import Benchmark, Figure, Measurement


def _reach(prefix: str, experiment: str, name: str) -> Measurement:
    """Training and held-out targets of one experiment."""
    train = f"reach, global policy by {name}, last iterate: training targets within 2 cm; the best iterate is in the detail"
    figures = (
        Figure(f"{prefix}_reach_train_worst", "of 8", ">= 8", ">= 8", train),
        Figure(f"{prefix}_reach_heldout_worst", "of 8", ">= 7", ">= 8", "the same policy on targets that it was not trained on"),
    )
    return Measurement(figures, partial(spine_learning.global_reach, experiment, prefix), 3, 1.5, 0.5)


GPS = Benchmark(
    "gps",
    "guided policy search and its variants",
    (
        _reach("mdgps", "reach_state", "mirror descent"),
        _reach("badmm", "reach_badmm", "Bregman ADMM"),
        _reach("alm", "reach_alm", "dual gradient descent on the augmented Lagrangian"),
    ),
)
