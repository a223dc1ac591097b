"""config/fastdds.xml is accepted, and does what it is there for: nodes find each other at once, and large images arrive."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.experimental import EventsExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

PEER = Path(__file__).with_name("dds_peer.py")
TOPIC = "/dds_profile/image"
IMAGES = 30


@pytest.mark.usefixtures("domain")
def test_large_images_arrive_and_discovery_is_fast() -> None:
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node("reader", context=context)
    seen: list[int] = []
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    node.create_subscription(Image, TOPIC, lambda message: seen.append(message.header.stamp.sec), qos)
    executor = EventsExecutor(context=context)
    executor.add_node(node)
    command = [sys.executable, str(PEER), str(IMAGES)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as peer:
        try:
            found = found_when(node, executor)
            created = float(peer.stdout.readline())
            deadline = time.monotonic() + 20
            while len(seen) < IMAGES and IMAGES - 1 not in seen and time.monotonic() < deadline:
                executor.spin_once(timeout_sec=0.1)
            _, errors = peer.communicate("")
        finally:
            peer.kill()
            executor.shutdown()
            node.destroy_node()
            context.try_shutdown()
    assert "XMLPARSER" not in errors, errors
    assert found - created < 1.0  # s; with Fast DDS's own announcements up to 3
    assert len(seen) >= 0.75 * IMAGES  # all on an idle computer; without the profile about a quarter


def found_when(node: Any, executor: EventsExecutor) -> float:
    """On the clock that processes share: when the publisher was first seen."""
    deadline = time.monotonic() + 30
    while node.count_publishers(TOPIC) == 0:
        assert time.monotonic() < deadline, "the peer was not found"
        executor.spin_once(timeout_sec=0.01)
    return time.monotonic()
