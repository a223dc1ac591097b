"""The published CartPole: what a global policy of guided policy search earns, and after how many steps of the environment."""

from collections.abc import Mapping

import numpy as np

from robot_learning.run.bench import cartpole
from robot_learning.run.bench.cartpole_search import SearchConfig, search
from robot_learning.run.bench.figure import Figure, Reading
from robot_learning.run.seeds import derived

GOOD, VERY_GOOD = 195.0, 199.0  # of 200
FEW = 3000  # steps
QUICK_ITERATIONS = 3
STARTS = 200  # of the evaluation

CARTPOLE = Figure(
    "cartpole_return_worst",
    "of 200",
    ">= 195",
    ">= 199",
    "published CartPole, 10,000 steps of the environment: mean noise-free return of the last global policy over 200 fresh starts, the "
    "worst seed; in the detail also after 3,000 steps",
)


def cartpole_return(seed: int, quick: bool) -> Mapping[str, Reading]:
    """The last policy's mean return; the best one's, the curve, and the steps until a policy was good stand beside it."""
    config = SearchConfig()
    if quick:
        config = SearchConfig(horizons=config.horizons[:QUICK_ITERATIONS])
    first = cartpole.starts(np.random.default_rng(derived(seed, "evaluation")), STARTS)
    steps, means, least, outcomes = [], [], [], []
    for iterate in search(seed, config):
        earned = cartpole.returns(cartpole.run(first, iterate.policy.mean).states)
        steps.append(iterate.steps)
        means.append(float(np.mean(earned)))
        least.append(float(np.min(earned)))
        outcomes.append(iterate.outcome)
    best = int(np.argmax(means))
    detail = {
        "last": means[-1],
        "last_worst_start": least[-1],
        "best": means[best],
        "best_steps": steps[best],
        "steps": steps,
        "returns": means,
        "returns_worst_start": least,
        "steps_until_195": _until(GOOD, steps, means),
        "steps_until_199": _until(VERY_GOOD, steps, means),
        "after_3000_steps": next(mean for step, mean in zip(reversed(steps), reversed(means), strict=True) if step <= FEW),
        "updates": outcomes,
    }
    return {CARTPOLE.name: Reading(means[-1], detail)}


def _until(level: float, steps: list[int], means: list[float]) -> int | None:
    """The steps after which a policy first earned at least `level`, or None."""
    return next((step for step, mean in zip(steps, means, strict=True) if mean >= level), None)
