"""Frames, recordings and datasets; no ROS is imported."""
