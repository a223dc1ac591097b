"""One robot on a ROS domain: joint states of two of them on one topic would be taken for those of one."""

import time

from rclpy.clock import Clock, ClockType

from robot_learning.core.errors import UsageError
from robot_learning.nodes.spin import GraphNode, steady_ns

FOUND_NS = 200_000_000  # within which a new process finds who is there on an idle computer (config/fastdds.xml); on a busy one 0.5 s
POLL_S = 0.01
LOOK_S = 0.25
NEW_NS = 500_000_000  # so long a newcomer that has found nobody goes at once if it finds somebody after all
PATIENCE_NS = 1_500_000_000  # later it waits whether the other one, who is the newcomer, goes
OF_SIMULATORS = "/ground_truth/tool_pose"  # also those of other robots
NAMELESS = "_NODE_NAME_UNKNOWN_"  # the name of a node whose topics were found before itself


class OnlyRobot:
    """Ends a simulated robot beside another one, simulated or real. Who came last goes; if it stays, the first one does."""

    def __init__(self, node: GraphNode) -> None:
        """Make it first, so that others are found while the node prepares."""
        self._node, self._topics = node, ("", OF_SIMULATORS)
        self._came_ns = steady_ns()
        self._seen_ns = 0  # when somebody else was seen first, if it is still there

    def begin(self, joint_states: str) -> None:
        """Before the node publishes on the topic `joint_states`; UsageError if somebody does. From then on it looks all the time."""
        self._topics = (joint_states, OF_SIMULATORS)
        while (left_ns := self._came_ns + FOUND_NS - steady_ns()) > 0 and not self._names(0):
            time.sleep(min(POLL_S, left_ns * 1e-9))
        self._refuse(0)
        self._came_ns = steady_ns()
        self._node.create_timer(LOOK_S, self._node.guarded(self.look), clock=Clock(clock_type=ClockType.STEADY_TIME))

    def look(self) -> None:
        """Whether somebody else has come; UsageError if it is time to go."""
        now = steady_ns()
        self._seen_ns = (self._seen_ns or now) if self._crowded(1) else 0
        if not self._seen_ns:
            return
        new = self._seen_ns - self._came_ns < NEW_NS
        if now - self._seen_ns >= PATIENCE_NS or (new and self._names(1)):
            self._refuse(1)

    def _crowded(self, own: int) -> str:
        """A topic that another robot publishes, or nothing; `own`: how many publishers on each this node has."""
        return next((topic for topic in self._topics if self._node.count_publishers(topic) > own), "")

    def _names(self, own: int) -> list[str]:
        """The other nodes that publish them, as far as they are known."""
        names = [info.node_name for info in self._node.get_publishers_info_by_topic(self._crowded(own) or self._topics[0])]
        for _ in range(own):
            names.remove(self._node.get_name())
        return [name for name in names if name != NAMELESS]

    def _refuse(self, own: int) -> None:
        if topic := self._crowded(own):
            who = [*(f"the node {name!r}" for name in self._names(own)), "another process"][0]
            busy = f"ROS domain {self._node.context.get_domain_id()} is busy: {who} publishes {topic}"
            raise UsageError(f"{busy}; stop it, or give a free one with --domain or ROS_DOMAIN_ID")
