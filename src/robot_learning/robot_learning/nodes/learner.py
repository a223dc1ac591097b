"""The learner as a node: trains the experiment of `config_file` through the ROS graph (run/train.py has the loop)."""

import signal
import sys
import traceback
from datetime import datetime
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from robot_learning.nodes import parameters
from robot_learning.nodes.through_ros import ThroughRos
from robot_learning.run import experiment, folder
from robot_learning.run.explain import debugging, exit_code, explain
from robot_learning.run.interrupts import terminate_like_interrupt
from robot_learning.run.setting import prepare
from robot_learning.run.train import Trainer
from robot_learning.run.train_command import record_failure

INTERRUPTED = 130  # exit code, as shells use it for Ctrl-C

__all__ = ["ThroughRos", "main"]


def work(node: Node) -> None:
    """Trains in the run folder; without one in a new one."""
    given = parameters.declare(node, "config_file", optional=("run_dir",))
    file, where = given.config_file, given.run_dir
    run = folder.adopt(file, Path(where)) if where else folder.create(experiment.load(file), None, datetime.now())
    try:
        runner = ThroughRos(node, prepare(folder.read_experiment(run)))
        try:
            Trainer(run, runner, "ros").train()
        finally:
            runner.close()
    except Exception as error:
        record_failure(run, error)
        raise


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
