"""Stands in for a node: dummy_node.py BEHAVIOUR."""

import os
import signal
import sys
import time

behaviour = sys.argv[1]
if behaviour == "stubborn":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
if behaviour == "wrong_use":
    print("error: robot 'fr4' is unknown", file=sys.stderr)
    sys.exit(2)
if behaviour != "silent":
    print("ready", flush=True)
if behaviour == "second_thoughts":
    time.sleep(0.2)
    print("error: somebody else is here", file=sys.stderr)
    sys.exit(2)
print(f"domain {os.environ['ROS_DOMAIN_ID']}", flush=True)
if behaviour == "crash":
    raise RuntimeError("the dummy broke")
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("held", flush=True)
