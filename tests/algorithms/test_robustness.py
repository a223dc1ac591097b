"""Whole local updates on random problems, half of them ill-posed: never an exception, a NaN, or a divergence out of its bounds."""

import numpy as np
import pytest

from robot_learning.control import kl_lqr
from robot_learning.run.bench import gps_robustness
from robot_learning.run.bench.random_problems import DEGRADATIONS, degraded, draw


@pytest.mark.parametrize("seed", range(30))
def test_an_update_is_finite_and_within_its_bounds(seed):
    assert gps_robustness.faults(np.random.default_rng(seed), seed % 2 == 0) == []


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_degraded_data_is_as_bad_as_it_says(kind):
    rng = np.random.default_rng(0)
    states, actions = degraded(rng.standard_normal((1, 5, 4, 3)), rng.standard_normal((1, 5, 3, 2)), kind, rng)
    flat = states.reshape(-1, 3)
    least = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False)[-1]
    assert (least > 1) == (kind in ("plain", "frozen", "no action"))
    assert (1e-10 < least < 1e-8) == kind.startswith("nearly")
    assert np.array_equal(states[:, :, 1:], states[:, :, :-1]) == (kind in ("frozen", "zero"))
    assert np.any(actions) == (kind != "no action")


@pytest.fixture(scope="module")
def problems():
    return [draw(np.random.default_rng([7, i]), i % 2 == 0) for i in range(400)]


def test_the_problems_cover_what_is_claimed(problems):
    well, ill = problems[::2], problems[1::2]
    counts = [p.rollouts.states.shape[1] for p in ill]
    assert min(counts) == 1
    assert max(counts) == 40
    assert any(count < p.rollouts.states.shape[-1] + p.rollouts.actions.shape[-1] for count, p in zip(counts, ill, strict=True))
    assert {p.rollouts.actions.shape[2] for p in ill} == {10, 100}
    for horizon, most in ((10, 3.0), (100, 1.5)):
        radii = [radius(p) for p in ill if p.rollouts.actions.shape[2] == horizon]
        assert 0.9 * most < max(radii) <= most + 1e-6
    units = np.concatenate([np.sqrt(np.diagonal(p.truth.noise[0, 0])) / 0.01 for p in ill])
    assert units.min() < 1e-5
    assert units.max() > 1e5
    assert any(np.any(p.controller.K) for p in ill)
    for p in well:
        assert radius(p) <= 1.02 + 1e-9
        assert p.rollouts.states.shape[1] >= p.rollouts.states.shape[-1] + p.rollouts.actions.shape[-1] + 4
        assert p.rollouts.states.shape[1] <= 40
        assert np.linalg.eigvalsh(p.cost.H[0, :-1])[:, 0].min() > 0  # so that the limit binds


def radius(problem):
    """Of the system under its controller."""
    dx = problem.truth.f.shape[-1]
    F, K = problem.truth.F[0, 0], problem.controller.K[0, 0]
    units = np.sqrt(np.diagonal(problem.truth.noise[0, 0]))
    closed = (F[:, :dx] + F[:, dx:] @ K) * units / units[:, None]  # the same eigenvalues, and numbers near one
    return np.max(np.abs(np.linalg.eigvals(closed)))


def test_the_rollouts_are_those_of_the_system_and_its_controller(problems):
    for p in problems[::2]:
        states, actions = p.rollouts.states[0], p.rollouts.actions[0]
        z = np.concatenate([states[:, :-1], actions], axis=-1)
        left = (states[:, 1:] - z @ p.truth.F[0, 0].T - p.truth.f[0, 0]) @ np.linalg.inv(np.linalg.cholesky(p.truth.noise[0, 0])).T
        drawn = (actions - states[:, :-1] @ p.controller.K[0, 0].T - p.controller.k[0, 0]).reshape(-1, actions.shape[-1])
        white = drawn @ np.linalg.inv(np.linalg.cholesky(p.controller.covariance[0, 0])).T
        for draws in (left, white):
            assert abs(np.mean(draws**2) - 1.0) < 6.0 * np.sqrt(2.0 / draws.size)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"kl": np.array([-1e-9])}, "negative_kl"),
        ({"kl": np.array([1e9])}, "kl_above"),
        ({"kl": np.array([1e-9]), "outcome": ("short",)}, "wellposed_kl_below_pct"),
        ({"outcome": ("rejected: x",)}, "wellposed_rejected_pct"),
        ({"kl": np.array([np.nan])}, "nonfinite"),
    ],
)
def test_what_an_update_tells_is_counted(change, fault, monkeypatch):
    assert fault in found(monkeypatch, lambda step: step._replace(**change))


@pytest.mark.parametrize(
    ("factor", "covariance", "expected"),
    [
        (3.0, 1.0, {"kl_above"}),
        (0.2, 1.0, {"wellposed_kl_below_pct"}),
        (-1.0, 1.0, {"wellposed_cost_not_lower_pct"}),
        (1.0, np.nan, {"nonfinite"}),
    ],
)
def test_what_an_update_does_is_judged_by_definition_whatever_it_tells(factor, covariance, expected, monkeypatch):
    """Another controller is returned than the one that is told of: its change is taken times `factor`."""
    old = draw(np.random.default_rng(2), True).controller

    def change(step):
        K, k, C = (before + factor * (after - before) for before, after in zip(old, step.controller, strict=True))
        return step._replace(controller=step.controller._replace(K=K, k=k, covariance=covariance * (C if factor == 1 else old.covariance)))

    assert expected <= set(found(monkeypatch, change))


def found(monkeypatch, change):
    """The faults of a problem whose update was changed."""
    solve = gps_robustness.solve

    def changed(*given):
        solved = solve(*given)
        return solved._replace(step=change(solved.step))

    monkeypatch.setattr(gps_robustness, "solve", changed)
    return [text.partition(":")[0] for text in gps_robustness.faults(np.random.default_rng(2), True)]


def test_an_exception_is_counted(monkeypatch):
    monkeypatch.setattr(kl_lqr, "update", lambda *_: 1 // 0)
    assert gps_robustness.faults(np.random.default_rng(2), True)[0].startswith("exceptions: ZeroDivisionError")
