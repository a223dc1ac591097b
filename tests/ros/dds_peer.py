"""The other side of test_dds_profile.py: publishes images on /dds_profile/image until it is told to stop."""

import array
import sys
import time

import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

HEIGHT, WIDTH, RATE_HZ = 480, 640, 30
rclpy.init()
node = rclpy.create_node("dds_peer")
publisher = node.create_publisher(Image, "/dds_profile/image", QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
image = Image(height=HEIGHT, width=WIDTH, encoding="rgb8", step=3 * WIDTH, data=array.array("B", bytes(3 * WIDTH * HEIGHT)))
print(time.monotonic(), flush=True)
while publisher.get_subscription_count() == 0:
    time.sleep(0.01)
due = time.monotonic()
for number in range(int(sys.argv[1])):
    image.header.stamp.sec = number
    publisher.publish(image)
    due += 1 / RATE_HZ
    time.sleep(max(0.0, due - time.monotonic()))
sys.stdin.read()  # until the reader has had its time
