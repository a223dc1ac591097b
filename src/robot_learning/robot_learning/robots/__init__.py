"""Descriptions of robots, and the PyBullet plants that stand for them."""
