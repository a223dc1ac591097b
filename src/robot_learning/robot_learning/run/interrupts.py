"""Ctrl-C at any moment, but never in the middle of what must be whole."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, kill, a terminal that was closed


@contextmanager
def deferred() -> Iterator[None]:
    """STOPS that arrive within the block are acted on at its end. Outside the main thread: nothing to do."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        arrived.append(number)

    before = {number: signal.signal(number, note) for number in STOPS if _heard(number)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if arrived:
        signal.raise_signal(arrived[0])


def terminate_like_interrupt() -> None:
    """From now on SIGTERM and SIGHUP end the work the way Ctrl-C does; what is ignored, as SIGHUP under nohup, stays so."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        if _heard(number):
            signal.signal(number, interrupt)


def _heard(number: signal.Signals) -> bool:
    return signal.getsignal(number) is not signal.SIG_IGN
