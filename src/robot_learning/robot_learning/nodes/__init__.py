"""The ROS 2 nodes: thin shells over the library, and the only place that imports rclpy."""
