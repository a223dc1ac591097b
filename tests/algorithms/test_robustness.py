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
def test_degraded_states_are_as_bad_as_they_say(kind):
    states = degraded(np.random.default_rng(0).standard_normal((1, 5, 4, 3)), kind)
    rank = np.linalg.matrix_rank(np.cov(states.reshape(-1, 3).T))
    assert rank == {"plain": 3, "constant": 2, "duplicated": 2, "still": 3, "zero": 0}[kind]
    assert np.array_equal(states[:, :, 1:], states[:, :, :-1]) == (kind in ("still", "zero"))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda step, limit: step._replace(kl=np.array([-1e-9])), "negative_kl"),
        (lambda step, limit: step._replace(kl=np.array([1.2 * limit])), "kl_above"),
        (lambda step, limit: step._replace(kl=np.array([0.5 * limit]), outcome=("short",)), "wellposed_kl_below_pct"),
        (lambda step, limit: step._replace(outcome=("rejected: x",)), "wellposed_rejected_pct"),
        (lambda step, limit: step._replace(controller=step.controller._replace(k=step.controller.k * np.nan)), "nonfinite"),
    ],
)
def test_what_is_wrong_is_counted(change, fault, monkeypatch):
    limit = draw(np.random.default_rng(2), True).limit
    solve = gps_robustness.solve
    monkeypatch.setattr(gps_robustness, "solve", lambda *given: change(solve(*given), limit))
    assert fault in [text.partition(":")[0] for text in gps_robustness.faults(np.random.default_rng(2), True)]


def test_an_exception_is_counted(monkeypatch):
    monkeypatch.setattr(kl_lqr, "update", lambda *_: 1 // 0)
    assert gps_robustness.faults(np.random.default_rng(2), True)[0].startswith("exceptions: ZeroDivisionError")
