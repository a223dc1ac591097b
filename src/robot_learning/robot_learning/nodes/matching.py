"""Who is connected to whom. A publisher reaches only the readers that its own process has found, so nothing may begin before that."""

from collections.abc import Iterable
from typing import Any

from rclpy.node import Node

WAITING = "waiting for "  # how the answer to prepare begins when it is worth asking again
LISTENERS = ("_recorder_ears", "_episode_manager_ears")  # who else reads the topics of a recorded episode
ACTORS = {"local": "local_controller", "policy": "policy"}  # the node that commands, by PrepareEpisode.controller
SOMEBODY = "somebody"


def unread(node: Node, topic: str, readers: Iterable[str]) -> str:
    """Empty, or which of these nodes are not known to this process as readers of a topic. Hidden nodes do not count as SOMEBODY."""
    there = {info.node_name for info in node.get_subscriptions_info_by_topic(topic)}
    if any(not name.startswith("_") for name in there):
        there.add(SOMEBODY)
    missing = [name.removeprefix("_") for name in readers if name not in there]
    return f"{WAITING}{', '.join(missing)} to read {topic}" if missing else ""


def unwritten(subscription: Any) -> str:
    """Empty, or that a subscription has found no publisher."""
    return "" if subscription.get_publisher_count() else f"{WAITING}a publisher of {subscription.topic_name}"
