"""DAgger (Ross, Gordon and Bagnell 2011): the learner visits the states, and the expert says afterwards what it would have done there.

A cloned policy errs a little, comes to states that the expert never visits, and errs more there. Here it is labelled in just those
states. All labels are kept and learned from together (data set aggregation).

In iteration i the expert acts in an episode with probability β_i = mixture^i, else the learner does: mixture = 0 means the expert
at first and then the learner alone, as the authors propose.

    state = behaviour_cloning.start(dx, du, config, seed)
    for iteration in range(iterations):
        runner.load(state.policy, version=iteration)
        by_expert = dagger.by_expert(iteration, len(conditions), rollouts, rules, seed)
        requests = [
            EpisodeRequest(c, at(teachers, i) if by_expert[i, n] else None, seed=…)
            for i, c in enumerate(conditions)
            for n in range(rollouts)
        ]
        batch = rollouts(runner.run(requests), len(conditions))
        state, report = behaviour_cloning.update(state, batch.states, label, config, seed)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class DaggerRules:
    """What can be chosen."""

    __pydantic_config__ = {"extra": "forbid"}

    mixture: float = 0.0  # β_i = mixture^i is the expert's share of the episodes of iteration i; β_0 = 1


def by_expert(iteration: int, conditions: int, rollouts: int, rules: DaggerRules, seed: int) -> NDArray[np.bool_]:
    """Whether the expert acts in each episode (C, N) of an iteration, counted from 0; drawn by `seed`."""
    draws = np.random.default_rng(seed).random((conditions, rollouts))
    chosen: NDArray[np.bool_] = draws < rules.mixture**iteration
    return chosen
