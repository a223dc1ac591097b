"""`robot-learning up`: a graph that stays until Ctrl-C, which ends it with exit code 130 before and after it stands."""

import time
from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from robot_learning.core.errors import UsageError
from robot_learning.run.graph import graph
from robot_learning.run.interrupts import terminate_like_interrupt
from robot_learning.run.launcher import Launcher
from robot_learning.run.notices import Notices
from robot_learning.run.overrides import parse
from robot_learning.run.robots import load_robot
from robot_learning.run.tasks import load_task

KEYS = {"robot": "fr3", "task": "reach", "clock": "realtime", "backend": "sim"}
WATCH_S = 0.2


def arguments(remaps: Sequence[str]) -> dict[str, str]:
    """The values of KEYS after `key:=value`; UsageError names a wrong one."""
    found = dict(KEYS)
    for path, value in parse((), remaps):
        key = ".".join(path)
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"allowed are {', '.join(KEYS)}"
            raise UsageError(f"argument {key}: unknown; {hint}")
        found[key] = str(value)
    load_robot(found["robot"])
    load_task(found["task"])
    return found


def keep_up(kind: str, remaps: Sequence[str], domain: int | None) -> None:
    """Start the graph `kind`, say what runs and what nodes tell, and watch it until Ctrl-C; WorkFailed names a node that ended."""
    terminate_like_interrupt()
    chosen = arguments(remaps)
    folder = Path("runs", f"up-{datetime.now():%Y%m%d-%H%M%S}").absolute()
    specs = graph(kind, chosen["robot"], chosen["task"], chosen["clock"], chosen["backend"], str(folder))
    with Launcher(specs, folder / "logs", domain) as launcher:
        names = ", ".join(spec.name for spec in specs)
        print(f"{chosen['robot']} is up on ROS domain {launcher.domain}: {names}. Logs: {launcher.logs}. Ctrl-C stops it.", flush=True)
        notices = Notices(launcher.log(spec.name) for spec in specs)
        try:
            while True:
                launcher.check()
                for text in notices.fresh():
                    print(text, flush=True)
                time.sleep(WATCH_S)
        except KeyboardInterrupt:
            print("stopping", flush=True)
            raise
