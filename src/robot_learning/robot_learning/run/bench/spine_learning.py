"""How many samples guided policy search needs, and what its policies can do."""

from collections.abc import Mapping

from robot_learning.run.bench.figure import Reading
from robot_learning.run.bench.trial import trained

ITERATIONS = 8


def reach_samples(seed: int, quick: bool) -> Mapping[str, Reading]:
    """Rollouts of each condition until the first success of its noise-free controller; without any, one iteration more."""
    content = trained("reach_local", seed, [f"iterations={4 if quick else ITERATIONS}"])
    first: dict[str, int] = {}
    for iteration in content["iterations"]:
        for outcome in iteration["outcomes"]:
            if outcome["success"]:
                first.setdefault(outcome["condition"], iteration["samples"])
    rollouts = content["config"]["rollouts"]
    never = content["samples_per_condition"] + rollouts
    names = [outcome["condition"] for outcome in content["final"]["last"]]
    samples = {name: first.get(name, never) for name in names}
    failed = [name for name in names if name not in first]
    distances = {o["condition"]: o["distance"] for o in content["final"]["last"]}
    return {"reach_samples_worst": Reading(max(samples.values()), {"samples": samples, "never": failed, "last_distance_m": distances})}


def mdgps_reach(seed: int, quick: bool) -> Mapping[str, Reading]:
    """Targets that MDGPS's last policy reaches."""
    return global_reach("reach_state", "mdgps", seed, quick)


def global_reach(experiment: str, prefix: str, seed: int, quick: bool) -> Mapping[str, Reading]:
    """Targets that the last policy of `experiment` reaches; the iterate that was best on the training targets stands beside it."""
    content = trained(experiment, seed, ["evaluation.cameras=[]", *(["iterations=3"] if quick else [])])
    final = content["final"]
    found = {}
    for split in ("train", "heldout"):
        last, best = (
            [o for o in outcomes if o["controller"] == "policy" and o["split"] == split] for outcomes in (final["last"], final["best"])
        )
        detail = {
            "last": sum(o["success"] for o in last),
            "best": sum(o["success"] for o in best),
            "best_iteration": final["best_iteration"],
            "largest_distance_m": max(o["distance"] for o in last),
            "samples_per_condition": content["samples_per_condition"],
        }
        found[f"{prefix}_reach_{split}_worst"] = Reading(sum(o["success"] for o in last), detail)
    return found
