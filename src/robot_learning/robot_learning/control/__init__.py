"""Linear-Gaussian controllers and the trajectory optimization that makes them; numpy only."""
