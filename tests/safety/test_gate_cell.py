"""The gate in a cell: whatever is commanded, the robot stays above the table and away from itself."""

from functools import cache

import numpy as np
import pytest

from robot_learning.core.types import Command, JointState
from robot_learning.run.cells import load_barrier, load_cell
from robot_learning.run.robots import load_robot
from robot_learning.safety.gate import Gate
from robot_learning.safety.shaping import TRAJECTORY_PERIODS

MS = 1_000_000
DT = 0.01


@cache
def setup(name):
    robot = load_robot(name)
    return robot, load_barrier(robot, load_cell("table"))


def driven(name, mode, wanted, seconds):
    """A robot that tracks perfectly, with a command each 50 ms; the least room on its way, the last one, and the gate's counts."""
    robot, barrier = setup(name)
    gate = Gate(robot, "realtime", 1.0 / DT, mode=mode, barrier=barrier)
    q, dq, least = np.array(robot.home), np.zeros(len(robot.home)), np.inf
    gate.observe(JointState(0, q, dq, np.zeros_like(q)), 0)
    gate.arm(0)
    for step in range(round(seconds / DT)):
        now = step * 10 * MS
        gate.observe(JointState(now, q, dq, np.zeros_like(q)), now)
        if step % 5 == 0:
            assert gate.submit(Command(now, mode, wanted(step, q), "a"), now) == ""
        values = gate.output(now).values
        new = q + values * DT if mode == "velocity" else q + (values - q) / (TRAJECTORY_PERIODS if mode == "trajectory" else 1.0)
        dq, q = (new - q) / DT, new
        least = min(least, barrier.around(q).room.min())
    return least, barrier.around(q).room.min(), gate.counts


@pytest.mark.parametrize("mode", ["velocity", "position", "trajectory"])
@pytest.mark.parametrize(("name", "joint"), [("fr3", 1), ("ur5e", 1)])
def test_it_stops_above_the_table(name, mode, joint):
    """The shoulder leans forward until something is near the table, and no further."""
    lean = np.eye(len(setup(name)[0].home))[joint]
    least, last, counts = driven(name, mode, lambda _, q: lean if mode == "velocity" else q + 0.3 * lean, 6.0)
    assert least > -1e-9
    assert last < 0.03, "it went there, and was stopped"
    assert sum(count for kind, count in counts.items() if kind.startswith("near ")) > 10


@pytest.mark.parametrize("mode", ["velocity", "position", "trajectory"])
def test_at_random_nothing_is_met(mode):
    rng = np.random.default_rng(0)
    size = 3.0 if mode == "velocity" else 0.7

    def wanted(step, q):
        if step % 50 == 0:
            wanted.target = rng.uniform(-size, size, len(q))
        return wanted.target if mode == "velocity" else q + wanted.target

    least, _, counts = driven("fr3", mode, wanted, 20.0)
    assert least > -1e-9
    assert any(kind.startswith("near ") for kind in counts)


def test_by_efforts_it_brakes_before_the_table():
    """One joint as the gate's model has it, pushed down with a quarter of its effort."""
    robot, barrier = setup("fr3")
    gate = Gate(robot, "realtime", 1.0 / DT, barrier=barrier)
    q, dq = np.array(robot.home), np.zeros(7)
    damping, inertia = np.array(robot.plant.joint_damping), robot.plant.rotor_inertia
    gate.observe(JointState(0, q, dq, np.zeros(7)), 0)
    gate.arm(0)
    least = np.inf
    for step in range(600):
        now = step * 10 * MS
        gate.observe(JointState(now, q, dq, np.zeros(7)), now)
        if step % 5 == 0:
            assert gate.submit(Command(now, "effort", np.array([0.0, 20.0, 0, 0, 0, 0, 0]), "a"), now) == ""
        effort = gate.output(now).values
        for _ in range(10):
            dq = dq + (effort - damping * dq) / inertia * DT / 10
            q = q + dq * DT / 10
        least = min(least, barrier.around(q).room.min())
    assert least > -0.005
    assert least < 0.03
    assert any(kind.startswith("near ") for kind in gate.counts)


def test_what_is_far_from_everything_passes_bit_for_bit():
    robot, barrier = setup("fr3")
    gates = [Gate(robot, "lockstep", 20.0, barrier=each) for each in (None, barrier)]
    rng = np.random.default_rng(1)
    for step in range(50):
        q, dq, effort = np.array(robot.home), rng.uniform(-0.1, 0.1, 7), rng.uniform(-3.0, 3.0, 7)
        outputs = []
        for gate in gates:
            gate.observe(JointState(step * 50 * MS, q, dq, np.zeros(7)), 0)
            if step == 0:
                gate.arm(0)
            assert gate.submit(Command(step * 50 * MS, "effort", effort, "a"), 0) == ""
            outputs.append(gate.output(0).values.tolist())
        assert outputs[0] == outputs[1]
