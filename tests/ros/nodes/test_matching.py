"""No node says that it is prepared before those that it depends on would receive what it publishes."""

from robot_learning_interfaces.msg import JointCommand
from robot_learning_interfaces.srv import PrepareEpisode
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from robot_learning.nodes import qos
from robot_learning.run.robots import load_robot

DOMAIN = 36
FR3 = load_robot("fr3")
REQUEST = PrepareEpisode.Request(episode="e", robot="fr3", task="reach", controller="local")


def test_a_gate_waits_for_its_robot_and_for_who_commands(start, peer):
    start("safety_gate", robot="fr3", clock="lockstep", backend="sim")

    def answer():
        return peer.call(PrepareEpisode, "/safety_gate/prepare", REQUEST).message

    assert answer() == f"waiting for a publisher of {FR3.joint_states_topic}"
    peer.node.create_publisher(JointState, FR3.joint_states_topic, qos.CONTROL_WRITER)
    assert peer.until(lambda: answer() == "waiting for a publisher of /joint_command")
    peer.node.create_publisher(JointCommand, "/joint_command", qos.CONTROL_WRITER)
    topic = FR3.modes["effort"].topic
    assert peer.until(lambda: answer() == f"waiting for somebody to read {topic}")
    peer.node.create_subscription(Float64MultiArray, topic, print, qos.CONTROL_READER)
    assert peer.until(lambda: answer() == "")


def test_a_simulator_waits_for_the_readers_of_its_joint_states_by_name(start, peer):
    start("simulator", robot="fr3", task="reach", clock="lockstep")
    answer = peer.call(PrepareEpisode, "/simulator/prepare", REQUEST)
    assert not answer.ok
    assert answer.message == f"waiting for local_controller, safety_gate to read {FR3.joint_states_topic}"
