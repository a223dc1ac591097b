"""Laws of the safety gate: whatever comes in, what goes out is finite, within the limits and allowed."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_learning.core.errors import UsageError
from robot_learning.core.joint_trajectory import STREAM_PERIODS, Point
from robot_learning.core.types import Command, JointState
from robot_learning.data.cdr import joint_command, to_joint_command
from robot_learning.data.messages import BadMessage
from robot_learning.run.robots import load_robot
from robot_learning.safety.gate import HOLD_NS, Gate, command_mode, needs_guard
from robot_learning.safety.shaping import TRAJECTORY_PERIODS

MS = 1_000_000
ROBOTS = {name: load_robot(name) for name in ("fr3", "ur5e")}
FR3 = ROBOTS["fr3"]
HOME = np.array(FR3.home)
MODES = ("effort", "velocity", "position", "trajectory")


def at(stamp_ns, q=HOME, dq=None):
    return JointState(stamp_ns, np.array(q), np.zeros(len(q)) if dq is None else np.array(dq), np.zeros(len(q)))


def lockstep(mode="effort", robot=FR3):
    gate = Gate(robot, "lockstep", 20.0, mode=mode)
    assert gate.arm(0) == ""
    return gate


def realtime(mode="effort", robot=FR3, now=0):
    gate = Gate(robot, "realtime", 100.0, mode=mode)
    gate.observe(at(now, robot.home), now)
    assert gate.arm(now) == ""
    return gate


def within(robot, mode, values):
    limits = robot.limits
    if mode == "effort":
        return np.all(np.abs(values) <= limits.effort)
    if mode == "velocity":
        return np.all(np.abs(values) <= limits.velocity)
    return np.all(values >= limits.position_lower) and np.all(values <= limits.position_upper)


numbers = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-5, 5)
stamps = st.integers(-300, 300).map(lambda ms: ms * MS) | st.integers(-(2**62), 2**62)
junk = st.lists(numbers, min_size=0, max_size=9) | st.lists(numbers, min_size=7, max_size=7) | st.just("seven")
positions = st.lists(st.floats(-7, 7), min_size=7, max_size=7)
velocities = st.lists(st.floats(-30, 30), min_size=7, max_size=7)
events = st.one_of(
    st.tuples(st.just("state"), positions, velocities),
    st.tuples(st.just("command"), junk, stamps),
    st.tuples(st.just("good"), st.lists(st.floats(-1e300, 1e300), min_size=7, max_size=7), st.just(0)),
    st.tuples(st.just("wait"), st.integers(0, 250), st.none()),
    st.tuples(st.just("disarm"), st.none(), st.none()),
    st.tuples(st.just("arm"), st.none(), st.none()),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(MODES), st.sampled_from(["lockstep", "realtime"]), st.lists(events, max_size=30))
def test_whatever_comes_in_the_output_is_finite_and_within_limits(mode, clock, sequence):
    gate = Gate(FR3, clock, 20.0 if clock == "lockstep" else 100.0, mode=mode)
    now, moved = 1000 * MS, False
    gate.observe(at(now), now)
    gate.arm(now)
    for kind, first, second in sequence:
        now += 5 * MS
        if kind == "state":
            gate.observe(at(now, first, second), now)
        elif kind in ("command", "good"):
            stamp = gate.stamp_ns + second
            accepted = gate.submit(Command(stamp, mode, first, "a b"), now) == ""
            moved = moved or accepted
            if accepted:
                assert len(first) == 7
                assert np.isfinite(first).all()
        elif kind == "wait":
            now += first * MS
        elif kind == "arm":
            gate.arm(now)
        else:
            gate.disarm("test", now)
        output = gate.output(now)
        if output is not None:
            assert moved, "nothing moves before a command was accepted"
            assert np.isfinite(output.values).all()
            assert within(FR3, mode, output.values)
    assert gate.counts["refused"] == sum(gate.counts.get(k, 0) for k in REFUSALS)


REFUSALS = ("unarmed", "no_state", "mode", "length", "non_finite", "source", "stamp", "repeated", "stale", "future", "start")


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(7)), st.lists(st.floats(-1.0, 1.0), min_size=7, max_size=7))
def test_reordered_names_reach_the_robot_in_its_own_order(order, values):
    command = Command(50 * MS, "effort", np.array(values)[order], "a b", 3)
    raw = to_joint_command(command, tuple(FR3.joints[i] for i in order))
    gate = lockstep()
    gate.observe(at(50 * MS), 0)
    assert gate.submit(joint_command(raw, FR3.joints), 0) == ""
    assert gate.output(0).values.tolist() == values
    assert gate.counts["passed"] == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*FR3.joints, "gripper", ""]), max_size=9))
def test_missing_repeated_and_unknown_names_are_refused(names):
    raw = to_joint_command(Command(0, "effort", np.zeros(len(names))), tuple(names))
    if sorted(names) == sorted(FR3.joints):
        joint_command(raw, FR3.joints)
        return
    with pytest.raises(BadMessage) as error:
        joint_command(raw, FR3.joints)
    assert error.value.kind == "names"


@pytest.mark.parametrize("clock", ["lockstep", "realtime"])
def test_unarmed_nothing_passes(clock):
    gate = Gate(FR3, clock, 20.0)
    gate.observe(at(0), 0)
    assert gate.submit(Command(0, "effort", np.zeros(7)), 0) == "not armed"
    assert gate.output(0) is None


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"values": np.array([0, 0, 0, np.nan, 0, 0, 0.0])}, "non_finite"),
        ({"values": np.full(7, np.inf)}, "non_finite"),
        ({"values": np.zeros(6)}, "length"),
        ({"values": ["x"] * 7}, "length"),
        ({"mode": "velocity"}, "mode"),
        ({"stamp_ns": 1}, "stamp"),
        ({"source": "somebody else:1"}, "source"),
    ],
)
def test_refusals_are_named_and_influence_nothing(change, kind):
    gate, clean = lockstep(), lockstep()
    for g in (gate, clean):
        g.arm(0, source="policy")
        g.observe(at(0), 0)
    good = Command(0, "effort", np.full(7, 0.5), "policy reach:3")
    assert gate.submit(good._replace(**change), 0) != ""
    assert gate.output(0) is None
    assert gate.counts[kind] == gate.counts["refused"] == 1
    assert gate.submit(good, 0) == clean.submit(good, 0) == ""
    assert np.array_equal(gate.output(0).values, clean.output(0).values)


def test_lockstep_gives_exactly_one_output_per_joint_state():
    gate = lockstep()
    for step in range(20):
        stamp = step * 50 * MS
        gate.observe(at(stamp), 0)
        command = Command(stamp, "effort", np.full(7, 0.1), "a b", step)
        assert gate.output(0) is None
        assert gate.submit(command, 0) == ""
        assert gate.submit(command, 0) != ""
        output = gate.output(0)
        assert (output.stamp_ns, output.step, output.mode) == (stamp, step, "effort")
        assert gate.output(0) is None
    assert (gate.counts["passed"], gate.counts["repeated"]) == (20, 20)


def test_lockstep_is_for_simulation_only():
    with pytest.raises(UsageError, match="backend sim"):
        Gate(FR3, "lockstep", 20.0, backend="real")


def test_outside_of_simulation_the_motion_must_end_by_itself():
    assert {command_mode(robot, "real") for robot in ROBOTS.values()} == {"trajectory"}
    assert command_mode(FR3, "sim") == FR3.command_mode
    assert command_mode(FR3, "sim", "velocity") == "velocity"
    assert command_mode(FR3, "real", "effort") == "effort"
    without = FR3.__class__(**{**FR3.__dict__, "modes": {"effort": FR3.modes["effort"]}})
    with pytest.raises(UsageError, match="mode 'trajectory': fr3 has effort"):
        command_mode(without, "mock")


def test_what_latches_on_a_real_robot_needs_the_guard():
    modes = ("effort", "velocity", "position", "trajectory")
    assert [needs_guard(mode, "real") for mode in modes] == [needs_guard(mode, "mock") for mode in modes] == [True, True, True, False]
    assert not any(needs_guard(mode, "sim") for mode in modes)


def test_effort_is_limited_then_slewed_at_the_output_rate():
    gate = Gate(FR3, "lockstep", 500.0)
    gate.arm(0)
    seen = [np.zeros(7)]
    for step in range(20):
        gate.observe(at(step), 0)
        gate.submit(Command(step, "effort", np.array([1e9, -1e9, 0, 0, 1e9, 0, 0])), 0)
        seen.append(gate.output(0).values)
    change = np.abs(np.diff(seen, axis=0))
    assert change.max() == pytest.approx(2.0), "1000 N·m/s at 500 Hz"
    assert seen[5].tolist() == pytest.approx([10.0, -10.0, 0.0, 0.0, 10.0, 0.0, 0.0])
    assert seen[-1][4] == 12.0, "the effort limit"
    assert gate.counts["effort"] == gate.counts["changed"] == 20
    assert gate.counts["effort_rate"] >= 10


@pytest.mark.parametrize("rate_hz", [20.0, 100.0])
@pytest.mark.parametrize("joint", [0, 3, 5])
def test_the_barrier_keeps_a_joint_within_velocity_and_position(rate_hz, joint):
    """A joint on its own with the modelled inertia and damping, pushed as hard as anybody can ask for."""
    rng = np.random.default_rng(3)
    gate = Gate(FR3, "lockstep", rate_hz)
    gate.arm(0)
    inertia, damping = FR3.plant.rotor_inertia, np.array(FR3.plant.joint_damping)
    q, dq, dt, sub = HOME.copy(), np.zeros(7), 1.0 / rate_hz, 50
    direction = 1.0
    for step in range(400):
        gate.observe(at(step, q, dq), 0)
        direction = direction if step % 100 else -direction
        wanted = np.zeros(7)
        wanted[joint] = direction * (1e3 if step < 200 else rng.uniform(0, 60))
        gate.submit(Command(step, "effort", wanted), 0)
        effort = gate.output(0).values
        for _ in range(sub):
            dq = dq + (effort - damping * dq) / inertia * dt / sub
            q = q + dq * dt / sub
        assert np.all(np.abs(dq) <= np.array(FR3.limits.velocity) * 1.05), step
        assert np.all(q >= FR3.limits.position_lower), step
        assert np.all(q <= FR3.limits.position_upper), step
    assert gate.counts["barrier"] > 100


@pytest.mark.parametrize("name", ROBOTS)
@pytest.mark.parametrize("mode", ["velocity", "position", "trajectory"])
def test_motion_stays_within_velocity_acceleration_and_position(name, mode):
    """A robot that tracks perfectly, with targets that jump between the ends of the range."""
    robot = ROBOTS[name]
    limits, dt = robot.limits, 0.01
    gate = realtime(mode, robot)
    q, dq, speeds = np.array(robot.home), np.zeros(len(robot.home)), []
    rng = np.random.default_rng(0)
    for step in range(600):
        now = step * 10 * MS
        gate.observe(at(now, q, dq), now)
        if step % 5 == 0:
            wide = 9.0 if mode == "velocity" else 7.0
            wanted = np.full(len(q), wide * (-1) ** (step // 150)) if step < 450 else rng.uniform(-wide, wide, len(q))
            if step == 0 and mode != "velocity":
                wanted = q  # a motion begins where the robot is
            assert gate.submit(Command(now, mode, wanted, "a"), now) == ""
        values = gate.output(now).values
        new = q + values * dt if mode == "velocity" else q + (values - q) / (TRAJECTORY_PERIODS if mode == "trajectory" else 1.0)
        dq, q = (new - q) / dt, new
        speeds.append(dq)
    speeds = np.array(speeds)
    assert np.all(np.abs(speeds) <= np.array(limits.velocity) + 1e-9)
    assert np.all(np.abs(np.diff(speeds, axis=0)) <= np.array(limits.acceleration) * dt * 1.02 + 1e-9)
    assert np.all(q >= np.array(limits.position_lower))
    assert np.all(q <= np.array(limits.position_upper))
    assert np.abs(speeds).max() > 1.0, "it does move"


def test_the_first_target_is_one_limited_step_from_the_measured_pose():
    gate = realtime("position")
    gate.submit(Command(0, "position", HOME + 0.3, "a"), 0)
    gate.output(0)
    gate.disarm("by hand")
    moved = HOME + 0.4
    gate.observe(at(50 * MS, moved), 50 * MS)
    gate.arm(50 * MS)
    gate.submit(Command(50 * MS, "position", HOME, "a"), 50 * MS)
    assert np.abs(gate.output(50 * MS).values - moved).max() <= 10.0 * 0.01**2 + 1e-12


def test_a_position_target_never_runs_ahead_of_a_robot_that_does_not_move():
    gate = realtime("position", ROBOTS["ur5e"])
    home = np.array(ROBOTS["ur5e"].home)
    for step in range(100):
        now = step * 10 * MS
        gate.observe(at(now, home), now)
        gate.submit(Command(now, "position", home + (1.0 if step else 0.7), "a"), now)
        assert np.abs(gate.output(now).values - home).max() <= 0.04 + 0.04
    assert gate.counts["step"] > 0


def test_positions_between_two_commands_are_interpolated():
    gate = realtime("position")
    q, seen = HOME, []
    for step in range(41):
        now = step * 10 * MS
        gate.observe(at(now, q), now)
        if step % 5 == 0:
            gate.submit(Command(now, "position", HOME + 0.005 * (step // 5), "a"), now)
        q = gate.output(now).values
        seen.append(q[0])
    steps = np.diff(seen)[10:]
    assert steps.min() > 0.0
    assert steps.max() < 0.003, "no step as large as the commands'"


@pytest.mark.parametrize("mode", MODES)
def test_silence_leads_to_a_hold_that_only_arming_ends(mode):
    gate = realtime(mode)
    target = {"effort": 1.0, "velocity": 0.3}.get(mode, HOME + 0.02)
    q, dq, now = HOME.copy(), np.zeros(7), 0
    for step in range(20):
        now = step * 10 * MS
        gate.observe(at(now, q, dq), now)
        gate.submit(Command(now, mode, np.zeros(7) + target, "a"), now)
        assert gate.output(now) is not None
    last = now
    outputs = []
    while now < last + 500 * MS:
        now += 10 * MS
        gate.observe(at(now, q, dq), now)
        outputs.append((now - last, gate.output(now)))
    assert all(output is not None for _, output in outputs)
    assert gate.holding
    assert gate.reason == "no command for 0.1 s; arm again"
    still = outputs[-1][1].values
    if mode in ("effort", "velocity"):
        assert np.allclose(still, 0.0)
    else:
        assert np.allclose(still, outputs[-20][1].values)
    assert gate.submit(Command(now, mode, np.zeros(7) + target, "a"), now) == gate.reason
    assert gate.counts["command_timeout"] == 1
    assert gate.arm(now) == ""
    assert gate.submit(Command(now, mode, np.zeros(7) + target, "a"), now) == ""


def test_hold_begins_100_ms_after_the_last_command_on_the_steady_clock():
    gate = realtime("velocity")
    gate.submit(Command(0, "velocity", np.full(7, 0.1), "a"), 0)
    for ms in range(10, 300, 10):
        gate.observe(at(ms * MS), ms * MS)
        gate.output(ms * MS)
        assert gate.armed == (ms <= 100)


def test_a_silent_robot_leads_to_a_hold_without_damping_by_old_velocities():
    gate = realtime("effort")
    gate.observe(at(0, HOME, np.full(7, 1.0)), 0)
    for ms in range(0, 300, 10):
        gate.submit(Command(0, "effort", np.full(7, 1.0), "a"), ms * MS)
        output = gate.output(ms * MS)
    assert gate.counts["joint_state_timeout"] == 1
    assert not output.values.any()


def test_after_disarming_the_hold_is_repeated_for_a_while_and_then_ends():
    gate = realtime("velocity")
    gate.submit(Command(0, "velocity", np.full(7, 0.1), "a"), 0)
    gate.output(0)
    gate.disarm("not armed", 10 * MS)
    assert gate.output(20 * MS) is not None
    assert gate.output(11 * MS + HOLD_NS) is None
    assert gate.output(12 * MS + HOLD_NS) is None


def test_stop_is_latched():
    gate = realtime()
    gate.stop("somebody pressed the button")
    assert "button" in gate.arm(0)
    gate.clear()
    assert not gate.armed
    assert gate.arm(0) == ""


@pytest.mark.parametrize("jump_s", [3600, -3600, 1, -1])
def test_a_jump_of_the_wall_clock_neither_stops_the_robot_nor_lets_an_old_command_pass(jump_s):
    gate, wall = realtime(now=10**13), 10**13
    for step in range(100):
        now = 10**13 + step * 10 * MS
        wall += 10 * MS + (jump_s * 10**9 if step == 50 else 0)
        gate.observe(at(wall), now)
        assert gate.submit(Command(wall, "effort", np.zeros(7), "a"), now) == ""
        assert gate.output(now) is not None
        late = gate.submit(Command(wall - 110 * MS, "effort", np.zeros(7), "a"), now)
        assert late.startswith("command of 'a': answers a joint state that is 0.1")
        assert "future" in gate.submit(Command(wall + 20 * MS, "effort", np.zeros(7), "a"), now)
    assert gate.armed


def test_arming_needs_a_recent_joint_state_in_realtime():
    gate = Gate(FR3, "realtime", 100.0)
    assert "no joint state" in gate.arm(0)
    gate.observe(at(0), 0)
    assert "no joint state" in gate.arm(101 * MS)
    assert gate.arm(100 * MS) == ""


def test_states_that_are_not_finite_are_not_used():
    gate = lockstep()
    gate.observe(at(0), 0)
    gate.observe(at(50 * MS, np.full(7, np.nan)), 0)
    assert gate.stamp_ns == 0
    assert gate.counts["bad_state"] == 1


def test_episode_counts_begin_with_arming():
    gate = lockstep()
    for episode, refused in itertools.product((1, 2), (0, 3)):
        gate.arm(0)
        gate.observe(at(episode), 0)
        for _ in range(refused):
            gate.submit(Command(99, "effort", np.zeros(7)), 0)
        assert gate.episode_counts() == ({"refused": 3, "stamp": 3} if refused else {})


def test_the_same_inputs_give_the_same_bits():
    def outputs():
        gate, rng = lockstep(), np.random.default_rng(1)
        for step in range(50):
            gate.observe(at(step, HOME, rng.normal(size=7)), 0)
            gate.submit(Command(step, "effort", 20 * rng.normal(size=7)), 0)
            yield gate.output(0).values.tobytes()

    assert list(outputs()) == list(outputs())


def test_gate_and_robot_mean_the_same_trajectories():
    assert TRAJECTORY_PERIODS == STREAM_PERIODS


@pytest.mark.parametrize(("mode", "refused"), [("position", True), ("trajectory", True), ("velocity", False), ("effort", False)])
def test_a_motion_begins_near_the_robot(mode, refused):
    gate = realtime(mode)
    gate.observe(at(0), 0)
    far = HOME + np.array([0.0, 0.0, 0.9, 0.0, 0.0, 0.0, 0.0])
    assert (gate.submit(Command(0, mode, far, "a"), 0) != "") is refused
    assert gate.counts.get("start", 0) == int(refused)
    if refused:
        assert gate.submit(Command(0, mode, HOME, "a"), 0) == ""
        gate.observe(at(50 * MS), 50 * MS)
        assert gate.submit(Command(50 * MS, mode, far, "a"), 50 * MS) == "", "later the shaper sees to it"


def points(*knots):
    return [Point(ms * MS, positions, ()) for ms, positions in knots]


@pytest.mark.parametrize("mode", ["position", "trajectory", "velocity"])
def test_a_trajectory_is_followed_within_all_limits_and_ends_by_itself(mode):
    """A robot that tracks perfectly; the trajectory asks for more speed than is allowed in its first part."""
    gate, q, dq, dt = realtime(mode), HOME, np.zeros(7), 0.01
    target = HOME + np.array([0.5, 0.3, -0.2, 0.1, 0.4, 0.2, -0.5])
    gate.observe(at(0, q, dq), 0)
    asked = points((100, (HOME + 0.8 * (target - HOME)).tolist()), (2000, target.tolist()))
    order = [6, 0, 5, 1, 4, 2, 3]
    names = [FR3.joints[i] for i in order]
    asked = [point._replace(positions=[point.positions[i] for i in order]) for point in asked]
    assert gate.submit_trajectory(names, asked, None, "planner", 0) == ""
    speeds = []
    for step in range(400):
        now = step * 10 * MS
        gate.observe(at(now, q, dq), now)
        values = gate.output(now).values
        new = q + values * dt if mode == "velocity" else q + (values - q) / (TRAJECTORY_PERIODS if mode == "trajectory" else 1.0)
        dq, q = (new - q) / dt, new
        speeds.append(dq)
    assert gate.armed, "no renewal is expected of a trajectory"
    assert np.abs(q - target).max() < 1e-3
    assert np.all(np.abs(speeds) <= np.array(FR3.limits.velocity) + 1e-9)
    assert gate.counts["acceleration"] > 0


def test_a_trajectory_by_efforts_pulls_towards_its_points():
    gate = realtime("effort")
    gate.observe(at(0), 0)
    assert gate.submit_trajectory(FR3.joints, points((1000, (HOME + 0.2).tolist())), None, "planner", 0) == ""
    for step in range(100):
        gate.observe(at(step * 10 * MS), step * 10 * MS)
        values = gate.output(step * 10 * MS).values
    assert np.all(values > 0.0)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"names": FR3.joints[:6]}, "trajectory"),
        ({"points": []}, "trajectory"),
        ({"points": points((0, [float("nan")] * 7))}, "trajectory"),
        ({"points": points((500, HOME.tolist()), (400, HOME.tolist()))}, "trajectory"),
        ({"points": points((0, (HOME + 0.9).tolist()))}, "start"),
        ({"points": points((500, (HOME + 0.9).tolist()))}, "start"),
        ({"source": "somebody"}, "source"),
    ],
)
def test_a_trajectory_that_is_not_one_is_refused_and_changes_nothing(change, kind):
    gate = realtime("position")
    gate.observe(at(0), 0)
    gate.arm(0, "planner")
    given = {"names": FR3.joints, "points": points((500, HOME.tolist())), "source": "planner", **change}
    assert gate.submit_trajectory(given["names"], given["points"], None, given["source"], 0) != ""
    assert gate.counts[kind] == gate.counts["refused"] == 1
    assert gate.output(0) is None


def test_trajectories_are_for_an_armed_gate_in_realtime():
    gate = Gate(FR3, "lockstep", 20.0, mode="position")
    assert gate.submit_trajectory(FR3.joints, points((500, HOME.tolist())), None, "planner", 0) == "not armed"
    gate.observe(at(0), 0)
    gate.arm(0)
    assert gate.submit_trajectory(FR3.joints, points((500, HOME.tolist())), None, "planner", 0) == "trajectories are for realtime"


def test_a_trajectory_without_joint_states_is_held():
    gate = realtime("position")
    gate.observe(at(0), 0)
    assert gate.submit_trajectory(FR3.joints, points((1000, (HOME + 0.2).tolist())), None, "planner", 0) == ""
    assert gate.output(50 * MS) is not None
    gate.output(120 * MS)
    assert not gate.armed
    assert gate.counts["joint_state_timeout"] == 1
