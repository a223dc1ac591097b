"""Where the objects of a task are: poses as they come, from the simulator or from whatever sees the objects."""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

from robot_learning.core.types import Array, ObjectPose
from robot_learning.data import cdr
from robot_learning.data.decode import object_topic
from robot_learning.data.frames import pose_at
from robot_learning.nodes import qos
from robot_learning.nodes.messages import BadMessage
from robot_learning.run.actor import NO_PLACES
from robot_learning.tasks.description import TaskConfig

KEPT = 64  # poses of each object; in realtime one that is not later than a joint state is looked for among them


class ObjectPoses:
    """The newest poses of the objects of one task."""

    def __init__(self, node: Node, frame: str, clock: str, wake: Callable[[], None], bad: Callable[[], None]) -> None:
        """`frame`: the robot's base frame; `wake` is called with every pose, `bad` with every one that is not used."""
        self._node, self._frame, self._clock, self._wake, self._bad = node, frame, clock, wake, bad
        self._subscriptions: dict[str, Any] = {}
        self._poses: dict[str, deque[ObjectPose]] = {}

    def listen(self, task: TaskConfig) -> list[Any]:
        """From now on the objects of `task` are kept, and nothing older; returns their subscriptions."""
        names = [one.name for one in task.objects]
        for name in [name for name in names if name not in self._subscriptions]:
            on_pose, profile = partial(self._on_pose, name), qos.state_reader(self._clock)
            self._subscriptions[name] = self._node.create_subscription(PoseStamped, object_topic(name), on_pose, profile, raw=True)
        self._poses = {name: deque(maxlen=KEPT) for name in names}
        return [self._subscriptions[name] for name in names]

    def at(self, stamp_ns: int) -> Array | None:
        """Where the objects are for the joint state with this stamp, (k, 3) in m; None as long as one of them is not known."""
        found = [pose_at(poses, stamp_ns, self._clock == "lockstep") for poses in self._poses.values()]
        if not found:
            return NO_PLACES
        known = [pose.position for pose in found if pose is not None]
        return np.stack(known) if len(known) == len(found) else None

    def _on_pose(self, name: str, raw: bytes) -> None:
        if name not in self._poses:
            return
        try:
            self._poses[name].append(cdr.object_pose(raw, self._frame))
        except BadMessage as error:
            self._bad()
            self._node.get_logger().warning(f"{object_topic(name)} not used: {error}", throttle_duration_sec=1.0)
            return
        self._wake()
