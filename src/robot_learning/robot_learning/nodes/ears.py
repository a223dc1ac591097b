"""Subscriptions that are emptied from time to time instead of calling back for every message.

Whoever only collects messages saves more than half of the processor time of a callback each, which in lockstep is taken from the
nodes that the episode waits for. The messages wait in the middleware, up to the depth of the subscription.
"""

from operator import attrgetter
from typing import Any, NamedTuple

from rclpy.node import Node
from rclpy.qos import QoSProfile

MOST = 10_000  # messages a topic that are taken at once


class Heard(NamedTuple):
    """One serialized message."""

    topic: str
    raw: bytes
    sent_ns: int  # wall clock of the publisher
    received_ns: int  # wall clock here
    sequence: int  # as its publisher counts


class Ears:
    """Subscriptions of a hidden node that no executor runs."""

    def __init__(self, node: Node) -> None:
        """`node`: for whom."""
        own = {"use_global_arguments": False, "start_parameter_services": False, "enable_rosout": False}  # the process's name is not its
        self._node = Node(f"_{node.get_name()}_ears", context=node.context, **own)
        self._subscriptions: dict[str, Any] = {}

    def listen(self, kind: Any, topic: str, profile: QoSProfile) -> None:
        """From now on messages of a topic are kept; a second call replaces the subscription."""
        if topic in self._subscriptions:
            self._node.destroy_subscription(self._subscriptions[topic])
        self._subscriptions[topic] = self._node.create_subscription(kind, topic, lambda _: None, profile, raw=True)

    def publishers(self, topic: str) -> int:
        """How many publishers a subscription has been matched with."""
        return int(self._subscriptions[topic].get_publisher_count())

    def take(self) -> list[Heard]:
        """What has come since the last time, in the order in which it was sent."""
        heard: list[Heard] = []
        for topic, subscription in self._subscriptions.items():
            handle = subscription.handle
            with handle:
                for _ in range(MOST):
                    taken = handle.take_message(subscription.msg_type, True)
                    if taken is None:
                        break
                    raw, info = taken
                    sequence = info["publication_sequence_number"] or 0
                    heard.append(Heard(topic, raw, info["source_timestamp"], info["received_timestamp"], sequence & 0xFFFFFFFF))
        heard.sort(key=attrgetter("sent_ns"))
        return heard

    def close(self) -> None:
        """Stop listening."""
        self._node.destroy_node()
