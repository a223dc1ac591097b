"""The console command's first lines: Ctrl-C while Python still loads the rest ends it without a word, as later on."""

import os
import signal
from types import FrameType
from typing import NoReturn


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    os._exit(130)  # nothing is begun yet that would have to be ended


INTERRUPTIBLE = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not under nohup and the like
if INTERRUPTIBLE:
    signal.signal(signal.SIGINT, _leave)


def main() -> NoReturn:
    """`robot-learning`: see run/cli.py."""
    from robot_learning.run import cli

    cli.main(INTERRUPTIBLE)
