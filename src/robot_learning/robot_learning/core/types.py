"""The values that the parts of the library hand to each other.

Dimensions: C conditions, N rollouts, T time steps, dx states, du actions. A leading "…" stands for any number of batch
dimensions. A rollout has T actions and T + 1 states: the last state is where the last action led.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


class Rollouts(NamedTuple):
    """What happened in N episodes from one condition."""

    states: Array  # (N, T + 1, dx)
    actions: Array  # (N, T, du), dimensionless: what the controller asked for, before the gate


class Dynamics(NamedTuple):
    """x' = F [x; u] + f + noise, one set per time step."""

    F: Array  # (…, T, dx, dx + du)
    f: Array  # (…, T, dx)
    noise: Array  # (…, T, dx, dx), covariance


class QuadraticCost(NamedTuple):
    """½ zᵀ H z + gᵀ z + c with z = [x; u], in absolute coordinates; at step T the action's part is zero."""

    H: Array  # (…, T + 1, dx + du, dx + du), symmetric
    g: Array  # (…, T + 1, dx + du)
    c: Array  # (…, T + 1)


class LinearGaussian(NamedTuple):
    """A time-varying linear-Gaussian controller u_t ~ N(K_t x_t + k_t, covariance_t)."""

    K: Array  # (…, T, du, dx)
    k: Array  # (…, T, du)
    covariance: Array  # (…, T, du, du), symmetric positive definite


class StateGaussian(NamedTuple):
    """A normal distribution over the state."""

    mean: Array  # (…, dx)
    covariance: Array  # (…, dx, dx)


class JointState(NamedTuple):
    """The joints of one robot at one instant, in the robot's own joint order."""

    stamp_ns: int
    position: Array  # (n,), rad
    velocity: Array  # (n,), rad/s
    effort: Array  # (n,), N·m


class Command(NamedTuple):
    """A command for all joints, in the robot's own joint order."""

    stamp_ns: int  # of the joint state that it answers
    mode: str  # "effort" [N·m], "velocity" [rad/s], "position" or "trajectory" [rad]
    values: Array  # (n,), in the mode's unit
    source: str = ""
    step: int = 0


class ObjectPose(NamedTuple):
    """Where an object is at one instant, in the robot's base frame."""

    stamp_ns: int
    position: Array  # (3,), m
    quaternion: Array  # (4,), x, y, z, w


NO_OBJECTS: Array = np.zeros((0, 0, 3))


class Recording(NamedTuple):
    """One episode as fixed-rate frames: what policies saw and what was commanded, from a live run or from a bag."""

    stamps_ns: NDArray[np.int64]  # (T + 1,)
    positions: Array  # (T + 1, n), rad
    velocities: Array  # (T + 1, n), rad/s
    mode: str
    commands: Array  # (T, n), in the mode's unit, as asked for (before the gate)
    objects: Array = NO_OBJECTS  # (T + 1, k, 3), m: positions of the task's k objects in the base frame; empty if it has none
