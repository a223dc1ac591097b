"""Collision-free motions between joint positions: what they are, engines that find them, and their timing."""
