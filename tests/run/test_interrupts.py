"""Signals that stop the work: heard alike, and never in the middle of what must be whole."""

import signal

import pytest

from robot_learning.run.interrupts import STOPS, deferred, terminate_like_interrupt


@pytest.fixture(autouse=True)
def _handlers_as_before():
    before = {number: signal.getsignal(number) for number in STOPS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", STOPS)
def test_each_stop_is_an_interrupt_at_the_end_of_what_must_be_whole(number):
    done = []

    def work():
        with deferred():
            signal.raise_signal(number)
            done.append("whole")

    terminate_like_interrupt()
    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["whole"]


def test_a_hangup_that_is_ignored_stays_so():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    terminate_like_interrupt()
    with deferred():
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
