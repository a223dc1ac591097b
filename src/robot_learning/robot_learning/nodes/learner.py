"""The learner as a node: trains the experiment of `config_file` through the ROS graph (run/train.py has the loop)."""

import signal
import sys
import traceback
from datetime import datetime
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from robot_learning.core.errors import UsageError
from robot_learning.nodes import parameters
from robot_learning.nodes.side_by_side import SideBySide
from robot_learning.run import experiment, folder
from robot_learning.run.domains import DOMAINS
from robot_learning.run.explain import debugging, exit_code, explain
from robot_learning.run.interrupts import terminate_like_interrupt
from robot_learning.run.setting import prepare
from robot_learning.run.train import Trainer
from robot_learning.run.train_command import record_failure

INTERRUPTED = 130  # exit code, as shells use it for Ctrl-C


def work(node: Node) -> None:
    """Trains in the run folder; without one in a new one."""
    given = parameters.declare(node, "config_file", optional=("run_dir", "domains"))
    file, where, others = given.config_file, given.run_dir, _domains(given.domains)
    run = folder.adopt(file, Path(where)) if where else folder.create(experiment.load(file), None, datetime.now())
    try:
        runner = SideBySide(node, others, prepare(folder.read_experiment(run)))
        try:
            Trainer(run, runner, "ros").train()
        finally:
            runner.close()
    except Exception as error:
        record_failure(run, error)
        raise


def _domains(text: str) -> list[int]:
    parts = [part for part in text.split(",") if part]
    if not all(part.isdecimal() and int(part) in DOMAINS for part in parts):
        raise UsageError(f"learner: parameter domains: {text!r}; numbers from 0 to {DOMAINS[-1]} are expected, with commas between them")
    return [int(part) for part in parts]


def main() -> None:
    """Console entry: exit code 0, 130 after Ctrl-C, 2 for wrong use, 1 if the work failed."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    terminate_like_interrupt()
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    code = 0
    try:
        node = Node("learner")
        try:
            work(node)
        finally:
            node.destroy_node()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 (the last place to turn it into one line)
        print(f"error: {explain(error)}", file=sys.stderr, flush=True)
        code = exit_code(error)
        if debugging():
            traceback.print_exc()
    finally:
        rclpy.try_shutdown()
    sys.exit(code)


if __name__ == "__main__":
    main()
