"""A training of an experiment in a folder that is thrown away, for benchmarks."""

import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from robot_learning.run import experiment, folder, summary
from robot_learning.run.train_command import Where, in_this_process, through_ros

IN_PROCESS = Where("process")


def trained(name: str, seed: int, settings: Sequence[str], where: Where = IN_PROCESS) -> dict[str, Any]:
    """The summary of a whole training; seed of the conditions and of everything else: `seed`."""
    chosen = experiment.load(name, [f"seed={seed}", f"conditions.seed={seed}", "evaluation.film=0", *settings])
    with tempfile.TemporaryDirectory(prefix="robot-learning-bench-") as place:
        run = folder.create(chosen, Path(place, "run"), datetime.now())
        if where.through == "process":
            in_this_process(run)
        else:
            through_ros(run, where)
        return summary.load(run)


def outcomes(content: dict[str, Any]) -> list[Any]:
    """All that must not depend on where episodes run: costs, steps and the outcomes of every evaluation, without bags' paths."""
    judged = [*(o for i in content["iterations"] for o in i["outcomes"]), *content["final"]["last"], *content["final"]["best"]]
    rows = [{key: value for key, value in o.items() if key != "bag"} for o in judged]
    return [[i["costs"] for i in content["iterations"]], [i["updates"] for i in content["iterations"]], rows]
