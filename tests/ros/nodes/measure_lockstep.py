"""How long a tick of the lockstep chain takes, beside a ring of three bare rclpy relays on the same machine; prints JSON.

python tests/ros/nodes/measure_lockstep.py [episodes]
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from array import array
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TICKS = 100
RING = (("/relay_states", "/relay_actions"), ("/relay_actions", "/relay_commands"), ("/relay_commands", "/relay_states"))


@contextmanager
def processes(commands):
    started = [subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) for command in commands]
    try:
        assert all(process.stdout.readline() == "ready\n" for process in started)
        yield
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(5.0)


def ring_seconds(laps):
    """Laps of TICKS rounds through three processes, of which this one is one."""
    import rclpy
    from rclpy.experimental import EventsExecutor
    from rclpy.node import Node
    from sensor_msgs.msg import JointState
    from std_msgs.msg import Float64MultiArray

    from robot_learning.nodes import qos

    rclpy.init()
    node = Node("ring")
    numbers = array("d", [0.0] * 7)
    message = JointState(name=[f"fr3_joint{i}" for i in range(7)], position=numbers, velocity=numbers, effort=numbers)
    rounds = [0]
    states = node.create_publisher(JointState, RING[0][0], qos.CONTROL_WRITER)

    def on_command(_: Float64MultiArray) -> None:
        rounds[0] += 1
        if rounds[0] % TICKS:
            states.publish(message)

    subscription = node.create_subscription(Float64MultiArray, RING[2][0], on_command, qos.CONTROL_READER)
    executor = EventsExecutor()
    executor.add_node(node)
    while not (states.get_subscription_count() and subscription.get_publisher_count()):
        executor.spin_once(timeout_sec=0.05)
    time.sleep(1.0)
    seconds = []
    for _ in range(laps):
        start, end = time.perf_counter(), rounds[0] + TICKS
        states.publish(message)
        while rounds[0] < end:
            executor.spin_once(timeout_sec=0.05)
        seconds.append(time.perf_counter() - start)
    rclpy.shutdown()
    return seconds


def chain_seconds(episodes):
    common = ["--ros-args", "-p", "robot:=fr3", "-p", "clock:=lockstep"]
    nodes = [["-m", f"robot_learning.nodes.{name}", *common] for name in ("local_controller", "safety_gate")]
    nodes.append(["-m", "robot_learning.nodes.simulator", *common, "-p", "task:=reach"])
    with processes(nodes):
        driver = [sys.executable, str(HERE / "chain_driver.py"), str(TICKS), str(episodes), "--light"]
        result = json.loads(subprocess.run(driver, capture_output=True, text=True, check=True).stdout)
    assert all(episode["whole"] for episode in result)
    return [episode["wall"] for episode in result]


def summary(seconds):
    seconds = seconds[2:]  # the first ones warm up
    values = {"median_s": statistics.median(seconds), "min_s": min(seconds), "max_s": max(seconds)}
    return {"episodes": len(seconds), **{name: round(value, 4) for name, value in values.items()}}


def main():
    os.environ.update(ROS_DOMAIN_ID="39", ROS_AUTOMATIC_DISCOVERY_RANGE="LOCALHOST", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(ROOT / "config" / "fastdds.xml")
    episodes = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with processes([[str(HERE / "relay.py"), *RING[0]], [str(HERE / "relay.py"), *RING[1]]]):
        floor = ring_seconds(episodes)
    chain = chain_seconds(episodes)
    print(json.dumps({"ticks": TICKS, "bare_relays": summary(floor), "chain": summary(chain), "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
