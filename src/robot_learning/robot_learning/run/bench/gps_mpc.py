"""New targets in the first trial: planning on one model of the dynamics that was learned from other targets."""

from collections.abc import Mapping

from robot_learning.algorithms.priors import pairs
from robot_learning.models import dynamics_net
from robot_learning.models.planner import Planner, PlanningRules
from robot_learning.run import experiment
from robot_learning.run.bench.figure import Reading
from robot_learning.run.bench.local_training import steps
from robot_learning.run.episodes import EpisodeRequest
from robot_learning.run.evaluate import complete
from robot_learning.run.in_process import InProcess
from robot_learning.run.seeds import derived
from robot_learning.run.setting import prepare

TARGETS = 20


def first_trials(seed: int, quick: bool) -> Mapping[str, Reading]:
    """Percentage of new targets, each tried once without noise, that the tool ends at: within the distance for local controllers."""
    conditions, iterations, targets = (4, 3, 4) if quick else (8, 4, TARGETS)
    names = [f"seed={seed}", f"conditions.seed={seed}", f"conditions.train={conditions}", f"conditions.heldout={targets}"]
    chosen = experiment.load("reach_local", [*names, f"iterations={iterations}"])
    setting = prepare(chosen)
    memory = [step.rollouts for step in steps(chosen, setting)]
    fitted = dynamics_net.fit(*pairs(memory), derived(seed, "initial"))
    runner = InProcess.of(setting)
    runner.load(Planner(fitted.net, PlanningRules()), 1)
    try:
        episodes = runner.run([EpisodeRequest(condition, None, noise=False) for condition in setting.heldout])
    finally:
        runner.close()
    distances = {c.name: float(e.distance) for c, e in zip(setting.heldout, episodes, strict=True)}
    limit, horizon = setting.task.success_distance, setting.task.horizon
    met = [complete(e, horizon) and e.distance < limit for e in episodes]
    detail = {
        "met": sum(met),
        "of": targets,
        "training_conditions": conditions,
        "training_rollouts": iterations * chosen.rollouts * conditions,
        "model_error": fitted.error**0.5,
        "distances_m": distances,
        "endings": sorted({e.ending for e in episodes}),
        "held_at_limits": [c.name for c, e in zip(setting.heldout, episodes, strict=True) if e.counts.get("gate.changed")],
    }
    return {"mpc_first_trial_success": Reading(100.0 * sum(met) / targets, detail)}
