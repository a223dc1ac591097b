"""The augmented Lagrangian and BADMM: what each step minimises, where they come to rest, and what they say when something fails.

The plant is a point mass.
"""

from functools import partial

import numpy as np
import point_mass as mass  # conftest.py puts this folder on the path
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from robot_learning.algorithms import augmented_lagrangian, badmm, checkpoint, local_gps, mdgps, multipliers, policy_fit
from robot_learning.algorithms.augmented_lagrangian import AugmentedConfig, AugmentedRules
from robot_learning.algorithms.badmm import BadmmConfig, BadmmRules
from robot_learning.algorithms.multipliers import DualState, Gap, LoopConfig
from robot_learning.algorithms.policy_fit import FitConfig
from robot_learning.algorithms.policy_linearization import linearize
from robot_learning.core.gaussian import Normal, divergence
from robot_learning.core.types import LinearGaussian
from robot_learning.models.gaussian_policy import GaussianPolicy

LOOP = LoopConfig(turns=2, local=mass.LOCAL, fit=FitConfig(steps=200))
METHODS = {
    "augmented_lagrangian": (augmented_lagrangian, AugmentedConfig(AugmentedRules(), LOOP)),
    "dual gradient descent": (augmented_lagrangian, AugmentedConfig(AugmentedRules(penalty=0.0), LOOP)),
    "badmm": (badmm, BadmmConfig(BadmmRules(), LOOP)),
}
RNG = np.random.default_rng


def learn(module, config, iterations, seed=0, count=5):
    """The state and the turns of the last iteration, after `iterations` from the start."""
    state, turns = module.start(mass.first_controllers(), config, seed), ()
    for iteration in range(iterations):
        acts = mass.local(module.samplers(state, config))
        state, turns = module.update(state, mass.rollouts(acts, count, iteration), mass.TASK, config, seed)
    return state, turns


@pytest.mark.parametrize("name", METHODS)
def test_two_updates_lower_the_cost_and_teach_the_policy(name):
    module, config = METHODS[name]
    state, turns = learn(module, config, 2)
    first, _ = module.update(
        module.start(mass.first_controllers(), config, 0), mass.rollouts(mass.local(mass.first_controllers()), 5, 0), mass.TASK, config, 0
    )
    assert np.all(turns[-1].local.cost < first.local.cost)
    assert all(turn.fit.outcome == "fitted" for turn in turns)
    assert state.iteration == 2
    assert np.any(state.multiplier != 0)
    for target in mass.TARGETS:
        states, _ = mass.rollout(lambda t, x, n: state.policy.act(x, n), target)
        assert np.linalg.norm(states[-1, 6:9]) < 0.7 * np.linalg.norm(target)


@pytest.mark.parametrize("samples", ["policy", "controllers"])
@pytest.mark.parametrize("rule", ["global", "classic"])
def test_two_updates_of_mdgps(samples, rule):
    config = mdgps.MdgpsConfig(local=mass.LOCAL, fit=FitConfig(steps=200), rules=mdgps.MdgpsRules(samples, rule))
    state, costs = mdgps.start(mass.first_controllers(), config, 0), []
    for iteration in range(2):
        controllers = mdgps.samplers(state, config)
        assert (controllers is None) == (samples == "policy" and iteration == 1)
        acts = [lambda t, x, n, p=state.policy: p.act(x, n)] * 3 if controllers is None else mass.local(controllers)
        state, report = mdgps.update(state, mass.rollouts(acts, 5, iteration), mass.TASK, config, 0)
        costs.append(report.local.cost)
        assert np.all(state.local.predicted > 0)
    assert np.all(costs[1] < costs[0])


def test_a_step_whose_promise_did_not_come_true_is_shortened_by_the_rule_that_looks_at_it():
    """The policy is spoiled between two iterations: the global rule sees it in the rollouts, the classic rule looks at the controllers."""
    steps = {}
    for rule in ("global", "classic"):
        config = mdgps.MdgpsConfig(local=mass.LOCAL, fit=FitConfig(steps=200), rules=mdgps.MdgpsRules("policy", rule))
        state = mdgps.start(mass.first_controllers(), config, 0)
        state, _ = mdgps.update(state, mass.rollouts(mass.local(mass.first_controllers()), 5, 0), mass.TASK, config, 0)
        spoiled = state._replace(policy=GaussianPolicy.initial(12, 3, 1, variance=0.1))
        acts = [lambda t, x, n, p=spoiled.policy: p.act(x, n)] * 3
        _, report = mdgps.update(spoiled, mass.rollouts(acts, 5, 1), mass.TASK, config, 0)
        steps[rule] = report.local.step
    assert np.all(steps["global"] < 1.0)
    assert np.all(steps["classic"] > steps["global"])


@pytest.mark.parametrize("name", METHODS)
def test_a_state_resumes_bit_for_bit(name):
    module, config = METHODS[name]
    state, _ = learn(module, config, 1, count=3)
    resumed = checkpoint.unpack(DualState, checkpoint.pack(state))
    data = mass.rollouts(mass.local(module.samplers(state, config)), 3, 1)
    first, second = (checkpoint.pack(module.update(each, data, mass.TASK, config, 0)[0]) for each in (state, resumed))
    assert set(first) == set(second)
    for key in first:
        assert_array_equal(first[key], second[key])


@pytest.mark.parametrize("name", ["augmented_lagrangian", "badmm"])
def test_on_the_same_rollouts_the_gap_closes_while_the_multipliers_come_to_rest(name):
    rules = {
        "augmented_lagrangian": AugmentedRules(0.01, 0.01),
        "badmm": BadmmRules(0.01, weight_most=1.0, weight_least=1.0, dual_step=1.0),
    }
    loop = LoopConfig(turns=12, local=mass.LOCAL, fit=FitConfig(steps=300, decay=0.0))
    module, kind = {"augmented_lagrangian": (augmented_lagrangian, AugmentedConfig), "badmm": (badmm, BadmmConfig)}[name]
    state, turns = learn(module, kind(rules[name], loop), 1)
    assert max(turn.gap for turn in turns[-3:]) < 0.1 * max(turn.gap for turn in turns[:3])


@pytest.mark.parametrize(
    ("dual", "weight"), [(partial(augmented_lagrangian.dual, dual_step=0.3), 2.0), (partial(badmm.dual, rules=BadmmRules(2.0)), 2.0)]
)
def test_multipliers_rest_exactly_where_policy_and_controllers_agree(dual, weight):
    rng = RNG(0)
    λ, action = rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 4, 3))
    action[0, 1] = 0.0
    after, _, held = dual(Gap(action, np.ones((2, 4)), np.diag([1.0, 4.0, 9.0])), λ, np.full((2, 4), weight))
    assert_array_equal(np.all(after == λ, axis=-1), np.all(action == 0, axis=-1))
    assert np.all(np.sum((after - λ) * action, axis=-1) >= 0)  # along the gap, in the metric of the policy
    assert held == 0


def slope(function, x, h=1e-6):
    return np.array([(function(x + h * e) - function(x - h * e)) / (2 * h) for e in np.eye(len(x))])


def gaussians(seed, du=3):
    rng = RNG(seed)
    A, B = rng.standard_normal((2, du, du))
    return A @ A.T + 0.3 * np.eye(du), B @ B.T + 0.3 * np.eye(du)


def test_the_lesson_of_badmm_is_where_the_slope_of_multiplier_and_divergence_vanishes():
    C, policy_covariance = gaussians(1)
    μ, λ, ν = RNG(2).standard_normal(3), RNG(3).standard_normal(3), 0.7
    controller = LinearGaussian(np.zeros((1, 1, 3, 4)), μ[None, None], C[None, None])
    taught, importance = badmm.lesson(controller, λ[None, None], np.array([[ν]]))

    def value(mean):
        return λ @ mean + ν * divergence(Normal(mean, policy_covariance), Normal(μ, C))

    assert_allclose(slope(value, taught.k[0, 0]), 0.0, atol=1e-6)
    x = RNG(4).standard_normal(3)
    weighted = importance[0, 0] * np.linalg.inv(taught.covariance[0, 0])
    assert_allclose(slope(value, x), weighted @ (x - taught.k[0, 0]), rtol=1e-5, atol=1e-7)


def test_the_lesson_of_the_augmented_lagrangian_is_where_its_slope_vanishes():
    C, _ = gaussians(5)
    μ, λ, ρ = RNG(6).standard_normal(3), RNG(7).standard_normal(3), 0.7
    controller = LinearGaussian(np.zeros((1, 1, 3, 4)), μ[None, None], C[None, None])
    taught, importance = augmented_lagrangian.lesson(controller, λ[None, None], np.array([[ρ]]))
    W = np.linalg.inv(C)
    assert importance is None
    assert_allclose(slope(lambda mean: λ @ mean + 0.5 * ρ * (mean - μ) @ W @ (mean - μ), taught.k[0, 0]), 0.0, atol=1e-6)
    plain, _ = augmented_lagrangian.lesson(controller, λ[None, None], np.array([[0.0]]))
    assert_array_equal(plain.k, controller.k)


@pytest.mark.parametrize("module", [augmented_lagrangian, badmm])
def test_a_bond_has_the_slopes_of_its_lagrangian(module):
    rng, weight = RNG(8), 0.6
    covariance, own = gaussians(9)
    K, k, λ = rng.standard_normal((3, 4)), rng.standard_normal(3), rng.standard_normal(3)
    policy = LinearGaussian(K[None, None], k[None, None], covariance[None, None])
    tie = module.bond(policy, λ[None, None], np.array([[weight]]))
    W = np.linalg.inv(covariance)

    def lagrangian(z):
        x, u = z[:4], z[4:]
        apart = u - K @ x - k
        if module is badmm:
            return weight * divergence(Normal(u, own), Normal(K @ x + k, covariance)) - λ @ u
        return λ @ (K @ x + k - u) + 0.5 * weight * apart @ W @ apart

    z = rng.standard_normal(7)
    D = np.concatenate([-K, np.eye(3)], axis=1)
    found = tie.weight[0, 0] * D.T @ W @ (z[4:] - K @ z[:4] - k) + tie.linear[0, 0]
    assert_allclose(found, slope(lagrangian, z), atol=1e-6)
    assert tie.entropy[0, 0] == (weight if module is badmm else 0.0)


def test_the_weights_follow_the_schedule_within_their_bounds():
    nats = np.array([[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.1, 1.0]])  # mean 0.91, standard deviation 0.304
    weight = np.full((1, 10), 4.0)
    weight[0, 9] = 7.0
    _, after, held = badmm.dual(Gap(np.zeros((1, 10, 2)), nats, np.eye(2)), np.zeros((1, 10, 2)), weight, BadmmRules(4.0, 0.1, 2.0))
    assert_allclose(after, [[2.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0]])
    assert held == 1


def test_a_policy_agrees_with_its_own_linearization():
    states = RNG(10).standard_normal((2, 6, 5, 12))
    policy = policy_fit.renormalized(GaussianPolicy.initial(12, 3, 0), np.ones(12), 2 * np.ones(12))
    gap = multipliers.between(policy, linearize(policy, states), states)
    assert_allclose(gap.action, 0.0, atol=1e-9)
    assert_allclose(gap.nats, 0.0, atol=1e-9)
    assert_allclose(gap.precision, np.linalg.inv(policy.covariance))


def test_a_condition_whose_gap_is_not_finite_keeps_its_multipliers_and_is_named(monkeypatch):
    config = BadmmConfig(BadmmRules(), LoopConfig(turns=1, local=mass.LOCAL, fit=FitConfig(steps=20)))

    def broken(*arguments, original=multipliers.between):
        gap = original(*arguments)
        gap.action[1, 3] = np.nan
        return gap

    monkeypatch.setattr(multipliers, "between", broken)
    state, turns = learn(badmm, config, 1)
    assert turns[0].kept == (1,)
    assert np.all(state.multiplier[1] == 0)
    assert np.any(state.multiplier[0] != 0)
    assert np.all(state.weight[1] == config.rules.weight)


def test_a_fit_that_diverges_is_rejected_and_the_policy_stays():
    states = RNG(11).standard_normal((2, 5, 6, 6))
    teachers = LinearGaussian(np.zeros((2, 5, 2, 6)), np.ones((2, 5, 2)), np.broadcast_to(np.eye(2), (2, 5, 2, 2)))
    before = GaussianPolicy.initial(6, 2, 0)
    with np.errstate(all="ignore"):
        after, report = policy_fit.fit(before, states, teachers, FitConfig(steps=50, rate=1e30, decay=0.0), 0)
    assert report.outcome == "rejected: the fit diverged"
    assert after is before


def test_importance_counts_by_its_ratio():
    states = np.tile(RNG(12).standard_normal((1, 40, 6, 6)), (2, 1, 1, 1))
    k = np.stack([np.ones((5, 2)), -np.ones((5, 2))])
    teachers = LinearGaussian(np.zeros((2, 5, 2, 6)), k, np.broadcast_to(0.04 * np.eye(2), (2, 5, 2, 2)))
    importance = np.stack([np.full(5, 9.0), np.full(5, 1.0)])
    found = [
        policy_fit.fit(GaussianPolicy.initial(6, 2, 0), states, teachers, FitConfig(steps=600), 0, w)[0]
        for w in (importance, 8 * importance)
    ]
    assert_allclose(found[0].mean(states[0, :, 0]).mean(axis=0), 0.8, atol=0.05)  # (9·1 − 1·1) / 10
    assert_array_equal(found[0].layers[0].W, found[1].layers[0].W)
    assert_allclose(found[0].covariance, 0.04 * np.eye(2), rtol=1e-9)


def test_without_a_policy_that_was_taught_the_first_controllers_are_those_of_local_search():
    config = BadmmConfig(BadmmRules(), LoopConfig(turns=1, local=mass.LOCAL, fit=FitConfig(steps=20)))
    data = mass.rollouts(mass.local(mass.first_controllers()), 5, 0)
    state, _ = badmm.update(badmm.start(mass.first_controllers(), config, 0), data, mass.TASK, config, 0)
    alone, _ = local_gps.update(local_gps.start(mass.first_controllers(), mass.LOCAL), data, mass.TASK, mass.LOCAL, 0)
    assert all(np.array_equal(a, b) for a, b in zip(state.local.controllers, alone.controllers, strict=True))
