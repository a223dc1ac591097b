"""Mirror-descent guided policy search on the published CartPole.

The steps of `algorithms/mdgps.py`, put together anew, because those take their cost from a robot's task and fit a model to each time
step. What is different:

  * the dynamics do not change with time: one linear model for all steps (`algorithms/pooled_dynamics.py`);
  * a linear model holds while the pole is upright. What happens after a fall would spoil it, so that the first iterations learn from
    the first steps of their episodes alone, and later ones from more of them (`horizons`);
  * a controller's last steps do not care where they lead, and teach the policy nothing: `taught` is the share of steps that teach;
  * only an action's sign counts, so that gains have no natural size, and a KL step can be long. But the policy's noise stays large
    (`FitConfig.least_deviation`): it smooths the threshold, and where the state alone decided the sign, a fit could not tell what the
    force does from what the state does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from robot_learning.algorithms import dynamics, policy_fit, pooled_dynamics
from robot_learning.algorithms.policy_linearization import linearize
from robot_learning.control import kl_lqr
from robot_learning.core.types import Array, LinearGaussian, Rollouts
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.run.bench import cartpole
from robot_learning.run.seeds import derived


@dataclass(frozen=True)
class SearchConfig:
    """Settings, found on seeds 0 to 9."""

    horizons: tuple[int, ...] = (25, 50, 100, *[cartpole.HORIZON] * 7)  # steps of each episode that an iteration learns from
    rollouts: int = 5  # episodes of an iteration
    kl_step: float = 10.0  # nats per time step; fixed, since costs over different horizons cannot be compared
    taught: float = 0.75
    fit: policy_fit.FitConfig = field(default_factory=lambda: policy_fit.FitConfig(steps=500, least_deviation=1.0))


class Iterate(NamedTuple):
    """The policy after one iteration."""

    policy: GaussianPolicy
    steps: int  # of the environment, from the beginning
    explored: float  # mean return of the iteration's episodes, with noise, by the policy before
    outcome: str  # of the local update, see control/kl_lqr.py


def search(seed: int, config: SearchConfig) -> Iterator[Iterate]:
    """The iterates, one after each iteration; everything random comes from `seed`."""
    policy = GaussianPolicy.initial(cartpole.STATE_DIM, cartpole.ACTION_DIM, derived(seed, "initial"))
    eta: Array = np.zeros(1)
    for iteration, horizon in enumerate(config.horizons):
        states, actions = explore(policy, config.rollouts, np.random.default_rng(derived(seed, "rollout", iteration)))
        learned = Rollouts(states[None, :, : horizon + 1], actions[None, :, :horizon])
        local = improve(policy, learned, config, eta)
        eta = local.eta
        policy = imitate(policy, learned, local.controller, config, derived(seed, "update", iteration))
        steps = (iteration + 1) * config.rollouts * cartpole.HORIZON
        yield Iterate(policy, steps, float(np.mean(cartpole.returns(states))), local.outcome[0])


def explore(policy: GaussianPolicy, count: int, rng: np.random.Generator) -> Rollouts:
    """Whole episodes of the policy with its noise, from new starts."""
    root = np.linalg.cholesky(policy.covariance)
    return cartpole.run(
        cartpole.starts(rng, count), lambda states: policy.mean(states) + rng.standard_normal((count, cartpole.ACTION_DIM)) @ root.T
    )


def improve(policy: GaussianPolicy, learned: Rollouts, config: SearchConfig, eta: Array) -> kl_lqr.KlStep:
    """The controller of least cost within a KL step of the policy (C-step); states (1, N, T + 1, 4), `eta` (1,) of the last one."""
    model, initial = pooled_dynamics.fit(learned), dynamics.initial_state(learned)
    limit = np.array([config.kl_step * learned.actions.shape[-2]])
    cost = cartpole.expand_mean(learned.states)
    return kl_lqr.update(model, cost, linearize(policy, learned.states), initial, limit, eta)


def imitate(policy: GaussianPolicy, learned: Rollouts, controller: LinearGaussian, config: SearchConfig, seed: int) -> GaussianPolicy:
    """The policy that has learned from the controller (S-step), without its last steps."""
    steps = round(config.taught * learned.actions.shape[-2])
    labels = LinearGaussian(*(part[:, :steps] for part in controller))
    taught, _ = policy_fit.fit(policy, learned.states[:, :, : steps + 1], labels, config.fit, seed)
    return taught
