"""iLQR: the closed form where there is one, a cost that never rises, and a named end of every problem."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from plants import DT, cartpole_swing_up, linear, pendulum, quadratic, swing_up, to_goal

from robot_learning.control import ilqr, lqr
from robot_learning.control.finite_differences import differences
from robot_learning.control.ilqr import IlqrConfig, Problem
from robot_learning.control.trajectory import open_loop, run
from robot_learning.core.types import Dynamics, QuadraticCost

OUTCOMES = (ilqr.CONVERGED, ilqr.USED_UP, ilqr.STUCK)


def at_rest(count, horizon, dx, du=1):
    return open_loop(np.zeros((count, horizon, du)), dx)


def random_linear(seed, dx=4, du=2, horizon=20, radius=1.1):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((dx, dx))
    F = np.hstack([A * radius / np.max(np.abs(np.linalg.eigvals(A))), rng.standard_normal((dx, du))])
    f = rng.standard_normal(dx)
    M = rng.standard_normal((horizon + 1, dx + du, dx + du))
    H, g = M @ np.swapaxes(M, -1, -2), rng.standard_normal((horizon + 1, dx + du))
    H[-1, dx:], H[-1, :, dx:], g[-1, dx:] = 0.0, 0.0, 0.0
    return F, f, QuadraticCost(H, g, rng.standard_normal(horizon + 1))


def test_a_linear_quadratic_problem_is_solved_by_its_first_step():
    F, f, cost = random_linear(0)
    horizon, du, dx = 20, 2, 4
    start = np.random.default_rng(1).standard_normal((3, dx))
    found = ilqr.solve(Problem(*linear(F, f), *quadratic(cost)), start, at_rest(3, horizon, dx, du))
    dynamics = Dynamics(np.broadcast_to(F, (horizon, *F.shape)), np.broadcast_to(f, (horizon, dx)), np.zeros((horizon, dx, dx)))
    best = lqr.backward(dynamics, cost).controller
    states = lqr.mean_states(*(type(p)(*(np.broadcast_to(a, (3, *a.shape)) for a in p)) for p in (dynamics, best)), start)
    assert found.outcome == (ilqr.CONVERGED,) * 3
    assert np.all(found.accepted == 1)
    assert np.all(found.damped == 0)
    assert_allclose(found.path.states, states, rtol=1e-8, atol=1e-8)
    assert_allclose(found.controller.K, np.broadcast_to(best.K, found.controller.K.shape), rtol=1e-8, atol=1e-10)
    assert_allclose(found.controller.k, np.broadcast_to(best.k, found.controller.k.shape), rtol=1e-6, atol=1e-7)
    assert_allclose(found.controller.covariance, np.broadcast_to(best.covariance, found.controller.covariance.shape), rtol=1e-8)


@pytest.mark.parametrize(("problem", "dx", "goal"), [(swing_up(), 2, [np.pi, 0]), (cartpole_swing_up(), 4, [0, np.pi, 0, 0])])
def test_it_swings_up_from_rest_and_the_cost_never_rises(problem, dx, goal):
    found = ilqr.solve(problem, np.zeros((1, dx)), at_rest(1, 60, dx), IlqrConfig(iterations=200))
    assert found.outcome == (ilqr.CONVERGED,)
    assert_allclose(found.path.states[0, -1], goal, atol=0.03)
    assert np.all(np.diff(found.costs, axis=0) <= 0)
    assert np.sum(np.diff(found.costs, axis=0) < 0) == found.accepted[0]
    assert found.costs[0, 0] > 50 * found.cost[0]


def test_the_promise_of_every_step_comes_true_where_the_model_is_exact():
    F, f, cost = random_linear(3)
    problem = Problem(*linear(F, f), *quadratic(cost))
    search = ilqr._Search(problem, np.ones((1, 4)), at_rest(1, 20, 4, 2), IlqrConfig())
    index = np.array([0])
    search._expand(index)
    proposal = search._propose(index)
    deviation = proposal.deviation
    for alpha in ilqr.ALPHAS:
        moved, _ = run(problem.step, search.path.states[:, 0], search.path, deviation.K, alpha * deviation.k)
        fall = search.total[0] - np.sum(problem.cost(*moved))
        assert_allclose(proposal.promise(np.array([alpha]))[0, 0], fall, rtol=1e-7)


def test_a_double_integrator_comes_to_rest_at_its_goal():
    step, derivatives = linear(np.array([[1.0, DT, 0.0], [0.0, 1.0, DT]]))
    problem = Problem(step, derivatives, *quadratic(to_goal([1, 0], [0, 0], 0.01, [1000, 1000], 40)))
    found = ilqr.solve(problem, np.zeros((1, 2)), at_rest(1, 40, 2))
    assert_allclose(found.path.states[0, -1], [1, 0], atol=1e-2)


def test_the_path_obeys_the_dynamics_and_the_controller_follows_it():
    problem = swing_up()
    found = ilqr.solve(problem, np.zeros((2, 2)), at_rest(2, 60, 2), IlqrConfig(iterations=4))
    states, actions = found.path
    assert found.outcome == (ilqr.USED_UP,) * 2
    following = problem.step(states[:, :-1].reshape(-1, 2), actions.reshape(-1, 1)).reshape(2, 60, 2)
    assert_allclose(following, states[:, 1:], rtol=0, atol=1e-12)
    zero = type(found.path)(np.zeros_like(states), np.zeros_like(actions))
    again, finite = run(problem.step, states[:, 0], zero, found.controller.K, found.controller.k)
    assert np.all(finite)
    assert_allclose(again.states, states, rtol=0, atol=1e-8)


def test_no_small_change_of_the_actions_is_better():
    problem = swing_up()
    found = ilqr.solve(problem, np.zeros((1, 2)), at_rest(1, 60, 2), IlqrConfig(tolerance=1e-12))
    rng = np.random.default_rng(0)
    other = open_loop(found.path.actions + 1e-3 * rng.standard_normal((50, 60, 1)), 2)
    zero = type(found.path)(np.zeros((50, 61, 2)), np.zeros((50, 60, 1)))
    runs, _ = run(problem.step, np.zeros((50, 2)), zero, other.K, other.k)
    assert np.all(np.sum(problem.cost(*runs), axis=-1) > found.cost[0])


def test_derivatives_by_differences_lead_to_the_same_solution():
    exact = swing_up()
    by_differences = exact._replace(derivatives=differences(pendulum))
    a, b = (ilqr.solve(problem, np.zeros((1, 2)), at_rest(1, 60, 2)) for problem in (exact, by_differences))
    assert_allclose(b.path.actions, a.path.actions, atol=1e-6)


def test_conditions_do_not_matter_to_each_other():
    problem = cartpole_swing_up()
    start = np.array([[0.0, 0, 0, 0], [0.5, 3.0, 0, 0], [0, 1.0, 0, 2.0]])
    together = ilqr.solve(problem, start, at_rest(3, 60, 4), IlqrConfig(iterations=10))
    for i in range(3):
        alone = ilqr.solve(problem, start[i : i + 1], at_rest(1, 60, 4), IlqrConfig(iterations=10))
        assert alone.outcome == together.outcome[i : i + 1]
        assert_allclose(alone.path.actions[0], together.path.actions[i], rtol=1e-9, atol=1e-9)


def test_a_cost_with_negative_curvature_is_mirrored_and_solved():
    """1 + cos(angle) falls from hanging to upright; at the bottom it has no gradient and curves downwards."""

    def cost(states, actions):
        squares = np.concatenate([actions[..., 0] ** 2, np.zeros_like(actions[..., :1, 0])], axis=-1)
        return 1 + np.cos(states[..., 0]) + 0.01 * states[..., 1] ** 2 + 0.05 * squares

    def expand(states, actions):
        H, g = np.zeros((*states.shape[:-1], 3, 3)), np.zeros((*states.shape[:-1], 3))
        H[..., 0, 0], H[..., 1, 1], H[..., :-1, 2, 2] = -np.cos(states[..., 0]), 0.02, 0.1
        g[..., 0] = -np.sin(states[..., 0]) - H[..., 0, 0] * states[..., 0]
        return QuadraticCost(H, g, np.zeros(states.shape[:-1]))

    problem = swing_up()._replace(cost=cost, expand=expand)
    found = ilqr.solve(problem, np.array([[0.1, 0.0]]), at_rest(1, 60, 2), IlqrConfig(tolerance=1e-4))
    assert found.mirrored[0] > 0
    assert found.outcome == (ilqr.CONVERGED,)
    assert np.cos(found.path.states[0, -1, 0]) < -0.95
    assert np.all(np.linalg.eigvalsh(found.controller.covariance) > 0)


def test_wrong_derivatives_end_without_a_step_and_say_so():
    F = np.array([[1.0, DT, 0.0], [0.0, 1.0, DT]])
    step, _ = linear(F)
    _, backwards = linear(F * [1, 1, -1])
    problem = Problem(step, backwards, *quadratic(to_goal([1, 0], [1, 0.1], 0.01, [10, 1], 20)))
    found = ilqr.solve(problem, np.zeros((1, 2)), at_rest(1, 20, 2))
    assert found.outcome == (ilqr.STUCK,)
    assert (found.accepted[0], found.damped[0]) == (0, ilqr.REJECTIONS - 1)
    assert np.all(found.path.actions == 0)


def test_damping_finds_a_step_where_the_line_search_finds_none():
    """x' = u exp(−u²), just beside its peak: the linear model asks for 2,600 units, and a thousandth of that is still far too much."""

    def step(states, actions):
        return actions * np.exp(-(actions**2))

    H, g = np.zeros((2, 2, 2)), np.array([[0.0, 0.0], [-0.35, 0.0]])
    H[1, 0, 0] = 1.0
    problem = Problem(step, differences(step), *quadratic(QuadraticCost(H, g, np.full(2, 0.5 * 0.35**2))))
    found = ilqr.solve(problem, np.zeros((1, 1)), open_loop(np.full((1, 1, 1), np.sqrt(0.5) - 1e-5), 1))
    assert found.damped[0] > 0
    assert found.damping[0] == 0
    assert found.outcome == (ilqr.CONVERGED,)
    assert_allclose(found.path.states[0, 1], 0.35, atol=1e-3)


def test_what_is_not_finite_is_named_and_leaves_the_others_alone():
    problem = swing_up(20)

    def derivatives(states, actions):
        F = problem.derivatives(states, actions)
        F[states[:, 1] > 50] = np.nan
        return F

    def step(states, actions):
        assert np.all(np.isfinite(states))
        assert np.all(np.isfinite(actions))
        return np.where(states[:, 1:] < -50, np.inf, problem.step(states, actions))

    start = np.array([[0.0, 0.0], [0.0, 60.0], [0.0, -60.0]])
    found = ilqr.solve(problem._replace(step=step, derivatives=derivatives), start, at_rest(3, 20, 2))
    assert found.outcome[0] == ilqr.CONVERGED
    assert found.outcome[1] == f"{ilqr.STUCK}: the derivatives are not finite"
    assert found.outcome[2] == f"{ilqr.STUCK}: the first run is not finite"
    assert np.isinf(found.cost[2])
    assert all(np.all(np.isfinite(part)) for part in (*found.controller, *found.path))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dx=st.integers(1, 8),
    du=st.integers(1, 4),
    horizon=st.sampled_from([1, 10, 40]),
    radius=st.sampled_from([0.0, 0.9, 1.5, 3.0]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    reach=st.sampled_from([0.0, 1e-8, 1.0, 1e6]),
    kind=st.sampled_from(["definite", "flat", "indefinite", "no effort"]),
    bend=st.sampled_from([0.0, 1.0, 30.0]),
)
def test_no_problem_raises_or_gives_what_is_not_finite(seed, dx, du, horizon, radius, scale, reach, kind, bend):
    rng = np.random.default_rng(seed)
    F, f, cost = random_linear(rng, dx, du, horizon, radius)
    F[:, dx:] *= reach
    H = cost.H.copy()
    if kind == "indefinite":
        H -= 2 * np.eye(dx + du)
    elif kind == "flat":
        H[:, 1:], H[:, :, 1:] = 0.0, 0.0
    elif kind == "no effort":
        H[:, dx:], H[:, :, dx:] = 0.0, 0.0
    H[-1, dx:], H[-1, :, dx:] = 0.0, 0.0
    straight, _ = linear(F, f)

    def step(states, actions):
        return straight(states, actions) + bend * np.sin(states[:, ::-1] * bend) * np.tanh(actions[:, :1])

    problem = Problem(step, differences(step), *quadratic(QuadraticCost(scale * H, scale * cost.g, scale * cost.c)))
    found = ilqr.solve(problem, rng.standard_normal((2, dx)), at_rest(2, horizon, dx, du), IlqrConfig(iterations=8))
    assert all(outcome.split(":")[0] in OUTCOMES for outcome in found.outcome)
    assert all(np.all(np.isfinite(part)) for part in (*found.controller, *found.path, found.costs, found.damping))
    assert np.all(np.diff(found.costs, axis=0) <= 0)
    covariance = found.controller.covariance
    assert np.all(np.linalg.eigvalsh(covariance) > -1e-12 * np.max(np.abs(covariance), axis=(-1, -2))[..., None])
