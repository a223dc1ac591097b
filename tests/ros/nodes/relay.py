"""A bare rclpy relay between two topics, the floor of what a node in a lockstep chain can cost. Arguments: from, to."""

import sys

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.experimental import EventsExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from robot_learning.nodes import qos


def main() -> None:
    rclpy.init()
    source, target = sys.argv[1:]
    node = Node("relay_" + target.strip("/"))
    kinds = {"/relay_states": JointState}
    message = kinds.get(target, Float64MultiArray)()
    publisher = node.create_publisher(type(message), target, qos.CONTROL_WRITER)

    def relay(received: object) -> None:
        publisher.publish(message)

    node.create_subscription(kinds.get(source, Float64MultiArray), source, relay, qos.CONTROL_READER)
    executor = EventsExecutor()
    executor.add_node(node)
    print("ready", flush=True)
    try:
        while rclpy.ok():
            executor.spin_once(timeout_sec=0.2)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == "__main__":
    main()
