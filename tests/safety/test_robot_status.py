"""A robot that says nothing, or the wrong thing, must not be moved."""

import pytest

from robot_learning.run.robots import load_robot
from robot_learning.safety.robot_status import RobotStatus

RUNNING, SAFETY, MODE = (f"/io_and_status_controller/{name}" for name in ("robot_program_running", "safety_mode", "robot_mode"))


def ur5e():
    return RobotStatus(load_robot("ur5e").status)


def test_every_topic_must_be_heard_and_allow_it():
    status = ur5e()
    for topic, value in ((RUNNING, True), (SAFETY, 1), (MODE, 7)):
        assert status.reason == f"the robot says nothing on {topic}"
        status.heard(topic, value)
    assert status.reason == ""


@pytest.mark.parametrize(
    ("topic", "value", "text"),
    [
        (RUNNING, False, "the program on the robot does not run"),
        (SAFETY, 3, "PROTECTIVE_STOP"),
        (SAFETY, 99, "99"),
        (MODE, 5, "IDLE"),
    ],
)
def test_a_wrong_value_is_named_until_it_is_right_again(topic, value, text):
    status = ur5e()
    for each, good in ((RUNNING, True), (SAFETY, 2), (MODE, 7)):
        status.heard(each, good)
    status.heard(topic, value)
    assert status.reason == f"{topic}: {text}"
    status.heard(topic, {RUNNING: True, SAFETY: 1, MODE: 7}[topic])
    assert status.reason == ""


def test_a_reflex_of_the_fr3_stops():
    status = RobotStatus(load_robot("fr3").status)
    (topic,) = (one.topic for one in load_robot("fr3").status)
    status.heard(topic, 2)
    assert status.reason == ""
    status.heard(topic, 4)
    assert status.reason == f"{topic}: REFLEX"
