"""The guard, the gate that it watches, and in the test's process the robot, whose controllers it switches off."""

import signal
import time

import numpy as np
import pytest
from gate_stage import Stage
from robot_learning_interfaces.msg import GuardStatus
from robot_learning_interfaces.srv import SetCommandMode
from std_srvs.srv import Trigger

from robot_learning.nodes import qos

pytestmark = pytest.mark.ros
DOMAIN = 34


class Robot:
    """A moving robot: policy and joint states as on the gate's stage, and the service that takes the joints from its controllers."""

    def __init__(self, peer, start):
        self.switched, self.guard = [], []
        peer.node.create_service(SetCommandMode, "/set_command_mode", self.on_mode)
        peer.node.create_subscription(GuardStatus, "/guard/status", self.guard.append, qos.LATCHED)
        self.start = start
        start("guard", robot="fr3", backend="sim")
        self.gate = start("safety_gate", robot="fr3", clock="realtime", backend="sim")
        self.stage = Stage(peer)
        self.stage.until(lambda: self.guard and self.guard[-1].watching)
        self.stage.move()

    def on_mode(self, request, response):
        self.switched.append((time.monotonic(), request.mode, request.reason))
        response.ok = True
        return response

    def reset(self):
        return self.stage.peer.call(Trigger, "/guard/reset", Trigger.Request(), self.stage.idle)


@pytest.fixture
def robot(peer, start):
    return Robot(peer, start)


def test_when_the_gate_is_killed_the_controllers_lose_the_joints_until_the_guard_is_reset(robot):
    robot.gate.kill()
    robot.stage.until(lambda: robot.switched)
    _, mode, reason = robot.switched[0]
    assert mode == "none"
    assert "the safety gate was silent for" in reason
    robot.stage.until(lambda: robot.guard[-1].stopped)
    assert robot.reset().message == "the safety gate is not heard"
    robot.start("safety_gate", robot="fr3", clock="realtime", backend="sim")
    robot.stage.until(lambda: robot.stage.reason is not None and robot.stage.reason.startswith("stopped: guard: the safety gate"))
    assert "guard" in robot.stage.arm().message
    robot.stage.until(lambda: robot.reset().success)
    robot.stage.until(lambda: robot.stage.arm().ok)
    robot.stage.move()


def test_a_gate_that_hung_does_not_go_on_when_it_wakes(robot):
    robot.gate.send_signal(signal.SIGSTOP)
    robot.stage.until(lambda: robot.switched)
    robot.gate.send_signal(signal.SIGCONT)
    robot.stage.until(lambda: (robot.stage.reason or "").startswith("stopped: guard: "))
    robot.stage.run(0.3)
    assert not np.any(robot.stage.outputs[-1][1])
    assert len({mode for _, mode, _ in robot.switched}) == 1


def test_a_gate_that_ends_in_order_or_holds_is_no_reason(robot):
    robot.stage.policy_runs = False
    robot.stage.until(lambda: "arm again" in (robot.stage.reason or ""))
    robot.gate.terminate()
    assert robot.gate.wait(3.0) == 0
    robot.stage.run(0.5)
    assert robot.switched == []
    assert not robot.guard[-1].stopped


def test_on_a_real_robot_it_names_the_messages_that_it_needs_and_forward_modes_stay_forbidden(peer, start):
    guard = start("guard", robot="ur5e", backend="real")
    assert "controller_manager_msgs is not installed" in guard.stdout.readline()
    start("safety_gate", robot="fr3", clock="realtime", backend="mock", mode="velocity")
    stage = Stage(peer)
    stage.until(lambda: "needs the guard, which does not watch" in stage.arm().message)
