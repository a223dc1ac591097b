"""Frames pair every command with the joint state that it answers, once, and name what is missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_messages import JOINTS, PERIOD_NS, START_NS, commands, joint_states

from robot_learning.core.errors import WorkFailed
from robot_learning.core.types import ObjectPose
from robot_learning.data.frames import OBJECT_AGE_NS, beginning, recording


def same(a, b):
    return a.mode == b.mode and all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True) if isinstance(x, np.ndarray))


def test_every_step_once_and_the_state_that_the_last_one_led_to():
    states, asked = joint_states(100), commands(100)
    frames = recording(states, asked, PERIOD_NS)
    assert frames.positions.shape == (101, len(JOINTS))
    assert frames.commands.shape == (100, len(JOINTS))
    assert np.array_equal(frames.stamps_ns, START_NS + PERIOD_NS * np.arange(101))
    assert np.array_equal(frames.positions, [state.position for state in states])
    assert np.array_equal(frames.velocities, [state.velocity for state in states])
    assert np.array_equal(frames.commands, [command.values for command in asked])
    assert frames.mode == "effort"


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.randoms(use_true_random=False), st.integers(0, 5))
def test_order_repetition_and_further_joint_states_change_nothing(steps, random, further):
    states, asked = joint_states(steps), commands(steps)
    between = [state._replace(stamp_ns=state.stamp_ns + 8_000_000 + 1_000 * k) for k, state in enumerate(joint_states(steps, 5)[:further])]
    mixed_states, mixed_commands = [*states, *between, *states[:2]], [*asked, *asked[-1:]]
    random.shuffle(mixed_states)
    random.shuffle(mixed_commands)
    assert same(recording(mixed_states, mixed_commands, PERIOD_NS), recording(states, asked, PERIOD_NS))


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 12), st.data())
def test_a_missing_message_is_named(steps, data):
    states, asked = joint_states(steps), commands(steps)
    lost = data.draw(st.integers(0, steps - 1))
    with pytest.raises(WorkFailed, match=f"step {lost}: no joint state"):
        recording(states[:lost] + states[lost + 1 :], asked, PERIOD_NS)
    if lost < steps - 1:
        with pytest.raises(WorkFailed, match=f"step {lost}: no command"):
            recording(states, asked[:lost] + asked[lost + 1 :], PERIOD_NS)


def test_the_state_after_the_last_command_must_be_there_in_time():
    states, asked = joint_states(5), commands(5)
    with pytest.raises(WorkFailed, match="no joint state after the last command"):
        recording(states[:-1], asked, PERIOD_NS)
    late = [*states[:-1], states[-1]._replace(stamp_ns=states[-1].stamp_ns + PERIOD_NS)]
    with pytest.raises(WorkFailed, match="gap before step 5: 100 ms after"):
        recording(late, asked, PERIOD_NS)


def test_without_a_common_clock_the_first_state_one_period_later_is_the_last_frame():
    states = joint_states(3)
    jitter = [0, 3_000_000, -2_000_000, 6_000_000]
    states = [state._replace(stamp_ns=state.stamp_ns + late) for state, late in zip(states, jitter, strict=True)]
    asked = [command._replace(stamp_ns=state.stamp_ns) for command, state in zip(commands(3), states, strict=False)]
    too_early = states[-1]._replace(stamp_ns=asked[-1].stamp_ns + PERIOD_NS - 8_000_000)
    assert recording([*states, too_early], asked, PERIOD_NS).stamps_ns[-1] == states[-1].stamp_ns


def test_a_step_that_took_too_long_is_a_gap():
    states, asked = joint_states(6), commands(6)
    for k in range(3, 7):
        states[k] = states[k]._replace(stamp_ns=states[k].stamp_ns + 40_000_000)
    for k in range(3, 6):
        asked[k] = asked[k]._replace(stamp_ns=asked[k].stamp_ns + 40_000_000)
    with pytest.raises(WorkFailed, match="gap before step 3: 90 ms after the step before it; the period is 50 ms"):
        recording(states, asked, PERIOD_NS)


def test_contradictions_are_named():
    states, asked = joint_states(3), commands(3)
    with pytest.raises(WorkFailed, match="step 1: two different commands"):
        recording(states, [*asked, asked[1]._replace(values=asked[1].values + 1)], PERIOD_NS)
    with pytest.raises(WorkFailed, match=r"two different joint states have the stamp 7.050000000 s"):
        recording([*states, states[1]._replace(position=states[1].position + 1)], asked, PERIOD_NS)
    with pytest.raises(WorkFailed, match="step 2: mode velocity, effort before"):
        recording(states, [*asked[:2], asked[2]._replace(mode="velocity")], PERIOD_NS)
    with pytest.raises(WorkFailed, match="no command was recorded"):
        recording(states, [], PERIOD_NS)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.data())
def test_of_a_broken_episode_the_frames_before_the_gap_are_kept(steps, data):
    states, asked = joint_states(steps), commands(steps)
    assert same(beginning(states, asked, PERIOD_NS), recording(states, asked, PERIOD_NS))
    lost = data.draw(st.integers(2, steps))
    expected = recording(states[:lost], asked[: lost - 1], PERIOD_NS)
    assert same(beginning(states[:lost] + states[lost + 1 :], asked, PERIOD_NS), expected)
    if lost < steps:
        kept = beginning(states, asked[:lost] + asked[lost + 1 :], PERIOD_NS)
        assert same(kept, recording(states, asked[:lost], PERIOD_NS))
    with pytest.raises(WorkFailed, match="step 0: no joint state"):
        beginning(states[1:], asked, PERIOD_NS)


def poses(steps, seed=3, late_ns=0):
    rng = np.random.default_rng(seed)
    return [ObjectPose(state.stamp_ns + late_ns, rng.normal(size=3), np.array([0.0, 0.0, 0.0, 1.0])) for state in joint_states(steps)]


def test_without_objects_a_recording_has_none():
    assert recording(joint_states(3), commands(3), PERIOD_NS).objects.shape == (0, 0, 3)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.randoms(use_true_random=False))
def test_in_lockstep_each_frame_has_the_poses_of_its_stamp(steps, random):
    first, second = poses(steps), poses(steps, 4)
    expected = np.stack([[a.position, b.position] for a, b in zip(first, second, strict=True)])
    mixed = [*first, *first[:1]]
    random.shuffle(mixed)
    found = recording(joint_states(steps), commands(steps), PERIOD_NS, [mixed, second])
    assert found.objects.tobytes() == expected.tobytes()
    lost = random.randrange(steps + 1)
    with pytest.raises(WorkFailed, match=f"step {lost}: no pose of an object"):
        recording(joint_states(steps), commands(steps), PERIOD_NS, [first, second[:lost] + second[lost + 1 :]])


def test_in_realtime_the_newest_pose_that_is_not_later_counts_if_it_is_recent():
    states, asked, seen = joint_states(4), commands(4), poses(4, late_ns=-30_000_000)
    late = [seen[2]._replace(stamp_ns=states[2].stamp_ns + 1, position=np.full(3, 9.0))]
    found = recording(states, asked, PERIOD_NS, [[*late, *seen]], lockstep=False)
    assert np.array_equal(found.objects[:, 0], [pose.position for pose in seen])
    old = seen[0]._replace(stamp_ns=states[0].stamp_ns + 1 - OBJECT_AGE_NS)
    with pytest.raises(WorkFailed, match="step 1: no pose"):
        recording(states, asked, PERIOD_NS, [[old]], lockstep=False)


def test_of_an_episode_that_lost_a_pose_the_frames_before_are_kept():
    states, asked, seen = joint_states(6), commands(6), poses(6)
    kept = beginning(states, asked, PERIOD_NS, [seen[:4] + seen[5:]])
    assert same(kept, recording(states[:4], asked[:3], PERIOD_NS, [seen[:4]]))
