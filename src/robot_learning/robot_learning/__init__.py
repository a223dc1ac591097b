"""A ROS 2 robot-learning stack for real hardware."""
