"""Several graphs, each with a simulated robot of its own on a ROS domain of its own, as one runner of episodes."""

from collections.abc import Callable, Sequence

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from robot_learning.models.policy import Policy
from robot_learning.nodes.through_ros import ThroughRos, run_side_by_side
from robot_learning.run.episodes import Episode, EpisodeRequest
from robot_learning.run.setting import Setting


class SideBySide:
    """An `EpisodeRunner`: every graph takes the next episode as soon as it is free. Which one runs it makes no difference."""

    def __init__(self, node: Node, domains: Sequence[int], setting: Setting, check: Callable[[], None] = lambda: None) -> None:
        """`node` is in the first graph; `domains` are those of the others."""
        self._others = [_node_in(domain, node.get_name()) for domain in domains]
        self._graphs = [ThroughRos(member, setting, check=check) for member in (node, *self._others)]

    def load(self, policy: Policy, version: int) -> None:
        """From now on the global policy is `policy`, in every graph."""
        for graph in self._graphs:
            graph.load(policy, version)

    def run(self, requests: Sequence[EpisodeRequest]) -> list[Episode]:
        """The episodes, in the order of the requests. WorkFailed names what failed; Ctrl-C cancels the running ones."""
        return run_side_by_side(self._graphs, requests)

    def close(self) -> None:
        """Lets go of the graphs."""
        for graph in self._graphs:
            graph.close()
        for node in self._others:
            node.destroy_node()
            node.context.try_shutdown()


def _node_in(domain: int, name: str) -> Node:
    context = Context()
    rclpy.init(context=context, args=[], domain_id=domain, signal_handler_options=SignalHandlerOptions.NO)
    # a process has one logger of a name, and the first graph's node has it
    return Node(name, context=context, enable_rosout=False, use_global_arguments=False)
