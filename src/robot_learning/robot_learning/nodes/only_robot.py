"""One robot on a ROS domain: joint states of two of them on one topic would be taken for those of one."""

import time

from rclpy.clock import Clock, ClockType

from robot_learning.core.errors import UsageError
from robot_learning.nodes.spin import GraphNode, steady_ns

FOUND_NS = 300_000_000  # within which a new process finds who is there (config/fastdds.xml): 5 to 160 ms, with its name 80 ms more
POLL_S = 0.01
LOOK_S = 0.25
PATIENCE_NS = 1_000_000_000  # a newcomer notices in less, and goes
NAMELESS = "_NODE_NAME_UNKNOWN_"  # the name of a node whose topics were found before itself


class OnlyRobot:
    """Ends a simulated robot beside another one, simulated or real. Who came last goes; if it stays, the first one does."""

    def __init__(self, node: GraphNode) -> None:
        """Make it first, so that others are found while the node prepares."""
        self._node, self._topic = node, ""
        self._came_ns = steady_ns()
        self._settled = False  # it was alone here once
        self._seen_ns = 0  # when somebody else was seen first, if it is still there

    def begin(self, joint_states: str) -> None:
        """Before the node publishes on the topic `joint_states`; UsageError if somebody does. From then on it looks all the time."""
        self._topic = joint_states
        while (left_ns := self._came_ns + FOUND_NS - steady_ns()) > 0 and not self._names(0):
            time.sleep(min(POLL_S, left_ns * 1e-9))
        self._refuse(0)
        self._node.create_timer(LOOK_S, self._node.guarded(self.look), clock=Clock(clock_type=ClockType.STEADY_TIME))

    def look(self) -> None:
        """Whether somebody else has come; UsageError if it is time to go."""
        if not self._strangers(1):
            self._settled, self._seen_ns = True, 0
            return
        now = steady_ns()
        self._seen_ns = self._seen_ns or now
        if now - self._seen_ns >= PATIENCE_NS or (not self._settled and self._names(1)):
            self._refuse(1)

    def _strangers(self, own: int) -> bool:
        """Whether another robot is there; `own`: how many publishers of joint states this node has."""
        return bool(self._node.count_publishers(self._topic) > own or self._twins())

    def _twins(self) -> bool:
        mine = self._node.get_name(), self._node.get_namespace()
        return bool(self._node.get_node_names_and_namespaces().count(mine) > 1)

    def _names(self, own: int) -> list[str]:
        """What is known of the others."""
        publishers = [info.node_name for info in self._node.get_publishers_info_by_topic(self._topic)]
        mine = self._node.get_name()
        twins = [f"another node {mine!r} is there"] * (self._twins() or publishers.count(mine) > own)
        return twins + [f"the node {name!r} publishes {self._topic}" for name in publishers if name not in (mine, NAMELESS)]

    def _refuse(self, own: int) -> None:
        if self._strangers(own):
            who = [*self._names(own), f"another process publishes {self._topic}"][0]
            domain = self._node.context.get_domain_id()
            raise UsageError(f"ROS domain {domain} is busy: {who}; stop it, or give a free one with --domain or ROS_DOMAIN_ID")
