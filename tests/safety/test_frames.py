"""Frames against the chain that they come from, and the bound on how far a point can be from the joints' axes."""

import numpy as np
import pytest

from robot_learning.run.robots import load_chain, load_robot
from robot_learning.safety.frames import Frames, axes, transform_of


@pytest.mark.parametrize("name", ["fr3", "ur5e"])
def test_the_last_frame_carries_the_tool(name):
    chain = load_chain(load_robot(name))
    frames = Frames(chain)
    for q in np.random.default_rng(0).uniform(-3, 3, (5, len(chain.joints))):
        found = frames.at(q)
        assert np.array_equal(found[0], np.eye(4))
        np.testing.assert_allclose(found[-1] @ transform_of(chain.fixed[-1]), chain.pose(q), atol=1e-12)


@pytest.mark.parametrize("name", ["fr3", "ur5e"])
def test_no_point_is_further_from_an_axis_than_its_reach(name):
    chain = load_chain(load_robot(name))
    frames, n = Frames(chain), len(chain.joints)
    rng = np.random.default_rng(1)
    most = np.zeros(n)
    point = np.array([0.1, 0.0, 0.2])
    reach = frames.reach(n, point)
    for q in rng.uniform(-np.pi, np.pi, (500, n)):
        found = frames.at(q)
        lines = axes(found)
        p = found[n, :3, :3] @ point + found[n, :3, 3]
        most = np.maximum(most, np.linalg.norm(np.cross(lines.z, p) - lines.moment, axis=1))
    assert np.all(most <= reach + 1e-12)
    assert np.all(most >= 0.6 * reach)  # and the bound is not much too large
    assert np.all(frames.reach(2, point)[2:] == 0.0)
