"""The guard's law: silence while moving, and only that, stops the robot, once and until somebody resets it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_learning.safety.watch import TIMEOUT_S, Watch

MS = 1_000_000
TIMEOUT_MS = round(TIMEOUT_S * 1000)


@pytest.mark.parametrize(("silence_ms", "due"), [(TIMEOUT_MS, False), (TIMEOUT_MS + 1, True)])
def test_silence_while_moving_is_due_after_the_timeout(silence_ms, due):
    watch = Watch()
    watch.beat(True, 0)
    assert watch.due(silence_ms * MS) is due
    assert ("silent for" in watch.tripped) is due


def test_a_gate_that_said_that_nothing_is_in_force_may_be_silent():
    watch = Watch()
    assert not watch.due(10**12)  # no gate yet
    assert not watch.watching(0)
    watch.beat(True, 10**12)
    watch.beat(False, 10**12 + 10 * MS)
    assert not watch.due(10**15)


def test_a_stop_stays_when_the_gate_comes_back():
    watch = Watch()
    watch.beat(True, 0)
    assert watch.watching(TIMEOUT_MS * MS)
    assert not watch.watching((TIMEOUT_MS + 1) * MS)
    assert watch.due(200 * MS)
    watch.beat(True, 201 * MS)
    assert watch.due(202 * MS)
    assert watch.reset(202 * MS) == "the safety gate still moves the robot"
    watch.beat(False, 210 * MS)
    assert watch.reset(400 * MS) == "the safety gate is not heard"
    watch.beat(False, 410 * MS)
    assert watch.reset(411 * MS) == ""
    assert not watch.due(411 * MS)


@given(st.lists(st.tuples(st.integers(0, 3 * TIMEOUT_MS), st.booleans()), max_size=30))
def test_it_trips_exactly_at_the_first_long_silence_while_moving(beats):
    watch, now, moving, expected = Watch(), 0, False, False
    for wait_ms, next_moving in beats:
        now += wait_ms * MS
        expected = expected or (moving and wait_ms > TIMEOUT_MS)
        assert watch.due(now) is expected
        watch.beat(next_moving, now)
        moving = next_moving
