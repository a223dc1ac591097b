"""Model-predictive control: it tracks on the true model, answers disturbances, and a failed plan costs no more than one step."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from plants import DT, cartpole, pendulum, pendulum_derivatives, quadratic, swing_up, to_goal

from robot_learning.control import ilqr, mpc
from robot_learning.control.finite_differences import differences
from robot_learning.control.mpc import MpcConfig
from robot_learning.control.trajectory import open_loop
from robot_learning.core.types import QuadraticCost

HORIZON = 20


class Pendulum:
    """The true dynamics as a model."""

    def mean(self, states, actions):
        return pendulum(states, actions)

    def derivatives(self, states, actions):
        return pendulum_derivatives(states, actions)


class Cartpole:
    def mean(self, states, actions):
        return cartpole(states, actions)

    def derivatives(self, states, actions):
        return differences(cartpole)(states, actions)


BALANCE = quadratic(to_goal([0, np.pi, 0, 0], [1, 10, 0.1, 0.1], 0.1, [10, 100, 1, 1], HORIZON))


def rest(count, dx, horizon=HORIZON):
    return mpc.start(open_loop(np.zeros((count, horizon, 1)), dx))


def steered(problem_at, plant, state, plan, steps, disturb=None, config=None):
    """The states (steps + 1, C, dx) and decisions of a loop that re-plans at every step."""
    states, decisions = [state], []
    for t in range(steps):
        decision = mpc.replan(problem_at(t), states[-1], plan, config)
        plan = mpc.shifted(decision.plan)
        after = plant(states[-1], decision.action)
        states.append(after if disturb is None else after + disturb[t])
        decisions.append(decision)
    return np.stack(states), decisions


def test_it_tracks_a_moving_reference_on_the_true_model():
    times = DT * np.arange(100 + HORIZON + 1)
    reference = np.stack([np.sin(2 * times), 2 * np.cos(2 * times)], axis=1)
    one = to_goal([0, 0], [10, 0.1], 1e-3, [10, 0.1], HORIZON)

    def problem_at(t):
        aims = reference[t : t + HORIZON + 1]
        g = np.zeros_like(one.g)
        g[:, :2] = -aims * [10, 0.1]
        return mpc.on_model(Pendulum(), *quadratic(QuadraticCost(one.H, g, 0.5 * np.sum(aims**2 * [10, 0.1], axis=1))))

    states, decisions = steered(problem_at, pendulum, np.zeros((1, 2)), rest(1, 2), 100)
    error = states[:, 0, 0] - reference[:101, 0]
    assert np.sqrt(np.mean(error[20:] ** 2)) < 0.02
    assert {decision.outcome for decision in decisions} == {(mpc.REPLANNED,)}


def test_replanning_beats_the_same_plan_open_loop_when_pushed():
    problem = mpc.on_model(Cartpole(), *BALANCE)
    start = np.array([[0.2, np.pi - 0.1, 0.0, 0.0]])
    pushes = np.zeros((60, 1, 4))
    pushes[[5, 25], 0, 3] = 0.5, -0.7
    states, _ = steered(lambda t: problem, cartpole, start, rest(1, 4), 60, pushes)
    horizon = 60
    long = to_goal([0, np.pi, 0, 0], [1, 10, 0.1, 0.1], 0.1, [10, 100, 1, 1], horizon)
    whole = ilqr.solve(
        problem._replace(**dict(zip(("cost", "expand"), quadratic(long), strict=True))), start, rest(1, 4, horizon).controller
    )
    blind = [start]
    for t in range(horizon):
        blind.append(cartpole(blind[-1], whole.path.actions[:, t]) + pushes[t])
    assert abs(whole.path.states[0, -1, 1] - np.pi) < 0.02  # undisturbed, the open-loop plan balances
    assert_allclose(states[-1, 0], [0, np.pi, 0, 0], atol=0.2)
    assert abs(blind[-1][0, 1] - np.pi) > 1.0


def test_without_disturbance_the_shifted_plan_is_the_rest_of_the_path():
    problem = swing_up(HORIZON)
    solution = ilqr.solve(problem, np.zeros((1, 2)), rest(1, 2).controller)
    plan = mpc.shifted(mpc.Plan(solution.controller, solution.path.actions))
    kept = mpc.replan(problem, solution.path.states[:, 1], plan, MpcConfig(iterations=0))
    assert_allclose(kept.action, solution.path.actions[:, 1], atol=1e-9)
    assert_allclose(kept.plan.actions[:, :-1], solution.path.actions[:, 1:], atol=1e-9)


def test_a_warm_start_needs_fewer_iterations_than_a_cold_one():
    problem = mpc.on_model(Cartpole(), *BALANCE)
    state, plan, config = np.array([[0.0, np.pi - 0.4, 0.0, 0.0]]), rest(1, 4), MpcConfig(iterations=50, tolerance=1e-6)
    warm, cold = 0, 0
    for _ in range(5):
        decision = mpc.replan(problem, state, plan, config)
        cold += mpc.replan(problem, state, rest(1, 4), config).iterations
        warm += decision.iterations
        plan, state = mpc.shifted(decision.plan), cartpole(state, decision.action)
    assert warm < 0.7 * cold


@pytest.mark.parametrize("iterations", [1, 3])
def test_the_work_of_a_step_is_bounded(iterations):
    calls = {"mean": 0, "derivatives": 0}

    class Counting(Cartpole):
        def mean(self, states, actions):
            calls["mean"] += 1
            return super().mean(states, actions)

        def derivatives(self, states, actions):
            calls["derivatives"] += 1
            return super().derivatives(states, actions)

    problem = mpc.on_model(Counting(), *BALANCE)
    decision = mpc.replan(problem, np.array([[0.0, 2.0, 0.0, 0.0]]), rest(1, 4), MpcConfig(iterations=iterations, tolerance=0.0))
    assert decision.iterations == iterations
    assert calls["derivatives"] <= iterations
    assert calls["mean"] <= HORIZON * (1 + 2 * iterations)


def test_systems_do_not_matter_to_each_other():
    problem = mpc.on_model(Cartpole(), *BALANCE)
    start = np.array([[0.2, np.pi - 0.1, 0, 0], [0.0, np.pi + 0.3, 0, 0], [-0.5, np.pi, 0.5, 0]])
    together = mpc.replan(problem, start, rest(3, 4))
    for i in range(3):
        assert_allclose(mpc.replan(problem, start[i : i + 1], rest(1, 4)).action[0], together.action[i], rtol=1e-9, atol=1e-9)


def test_a_model_that_fails_leaves_the_shifted_plan_and_says_so():
    class Broken(Cartpole):
        def mean(self, states, actions):
            return np.full_like(states, np.nan)

    good, bad = (mpc.on_model(model, *BALANCE) for model in (Cartpole(), Broken()))
    state = np.array([[0.0, np.pi - 0.2, 0.0, 0.0]])
    first = mpc.replan(good, state, rest(1, 4))
    plan, state = mpc.shifted(first.plan), cartpole(state, first.action) + [[0.0, 0.05, 0.0, 0.0]]
    failed = mpc.replan(bad, state, plan)
    assert failed.outcome == (f"{mpc.KEPT}: {ilqr.STUCK}: the first run is not finite",)
    wanted = np.einsum("cij,cj->ci", plan.controller.K[:, 0], state) + plan.controller.k[:, 0]
    assert_allclose(failed.action, wanted)
    assert abs(failed.action[0, 0] - plan.actions[0, 0, 0]) > 0.1  # it answers the push
    assert all(np.array_equal(a, b) for a, b in zip(failed.plan.controller, plan.controller, strict=True))
    assert_allclose(failed.action, mpc.replan(good, state, plan).action, atol=0.2)  # one step on an old plan is not far off


def test_wrong_derivatives_leave_the_shifted_plan_and_say_so():
    class Wrong(Cartpole):
        def derivatives(self, states, actions):
            return np.full((len(states), 4, 5), np.inf)

    state = np.array([[0.0, np.pi - 0.2, 0.0, 0.0]])
    decision = mpc.replan(mpc.on_model(Wrong(), *BALANCE), state, rest(1, 4))
    assert decision.outcome == (f"{mpc.KEPT}: {ilqr.STUCK}: the derivatives are not finite",)
    assert_allclose(decision.action, 0.0)


def test_a_state_that_was_not_measured_gets_the_planned_action():
    problem = mpc.on_model(Cartpole(), *BALANCE)
    states = np.array([[0.2, np.pi - 0.1, 0, 0], [0.0, np.pi + 0.3, 0, 0]])
    plan = mpc.shifted(mpc.replan(problem, states, rest(2, 4)).plan)
    measured = cartpole(states, plan.actions[:, 0])
    lost = measured.copy()
    lost[0, 2] = np.nan
    decision = mpc.replan(problem, lost, plan)
    assert decision.outcome == (f"{mpc.KEPT}: the measured state is not finite", mpc.REPLANNED)
    assert_allclose(decision.action[0], plan.actions[0, 0])
    assert_allclose(decision.action[1], mpc.replan(problem, measured, plan).action[1], rtol=1e-9)


def test_a_shifted_plan_repeats_its_last_step():
    plan = mpc.shifted(mpc.Plan(rest(1, 2, 3).controller, np.arange(3.0).reshape(1, 3, 1)))
    assert plan.actions[0, :, 0].tolist() == [1, 2, 2]
    assert plan.controller.K.shape == (1, 3, 1, 2)
