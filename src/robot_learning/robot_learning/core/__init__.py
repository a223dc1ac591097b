"""Types, Gaussians, rotations, kinematics and paths; numpy only."""
