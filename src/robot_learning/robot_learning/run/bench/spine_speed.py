"""Speeds that do not need ROS, as ratios in one run or as CPU seconds."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from robot_learning.algorithms import dynamics, local_gps
from robot_learning.core import gmm
from robot_learning.core.gaussian import posterior, regression
from robot_learning.core.gmm import Mixture
from robot_learning.core.types import Dynamics, Rollouts
from robot_learning.robots.bullet_arm import BulletArm
from robot_learning.robots.camera import CameraConfig
from robot_learning.run import algorithms, experiment
from robot_learning.run.bench.figure import Reading
from robot_learning.run.bench.panda import Panda
from robot_learning.run.config import named_file, read
from robot_learning.run.episodes import Episode, rollouts
from robot_learning.run.experiment import Experiment
from robot_learning.run.in_process import InProcess
from robot_learning.run.learners import Learner
from robot_learning.run.setting import Setting, prepare


class Explored(NamedTuple):
    """A training that is about to learn from the rollouts of an iteration, with a full memory."""

    chosen: Experiment
    setting: Setting
    learner: Learner
    state: Any  # of the learner
    episodes: list[Episode]

    @property
    def data(self) -> Rollouts:
        """The episodes by condition."""
        return rollouts(self.episodes, len(self.setting.train))


def explored(name: str, seed: int, settings: Sequence[str] = ()) -> Explored:
    """An experiment after as many iterations as the prior remembers, and the episodes of the next one: (4, 5, 100 steps, 32 states)."""
    chosen = experiment.load(name, [f"seed={seed}", f"conditions.seed={seed}", *settings])
    setting = prepare(chosen)
    learner, runner = algorithms.learner(chosen, setting), InProcess.of(setting)
    try:
        state = learner.start()
        for iteration in range(1, chosen.local.memory + 2):
            policy = learner.policy(state)
            if policy is not None:
                runner.load(policy, iteration)
            episodes = runner.run(learner.requests(state, iteration))
            if iteration <= chosen.local.memory:
                state, _ = learner.update(state, episodes, iteration)
    finally:
        runner.close()
    return Explored(chosen, setting, learner, state, episodes)


def interleaved(functions: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Median CPU seconds of functions that are called in turns; one warm-up of each comes before."""
    times: list[list[float]] = [[] for _ in functions]
    for repeat in range(repeats + 1):
        for function, found in zip(functions, times, strict=True):
            began = time.process_time()
            function()
            if repeat:
                found.append(time.process_time() - began)
    return [statistics.median(found) for found in times]


def over_time(data: Rollouts, prior: Mixture | None) -> list[Dynamics]:
    """The same fits, one time step after the other."""
    states, actions = data
    return [dynamics.fit(Rollouts(states[:, :, t : t + 2], actions[:, :, t : t + 1]), prior) for t in range(actions.shape[2])]


def over_time_and_conditions(data: Rollouts, prior: Mixture | None) -> list[Dynamics]:
    """The same fits, one condition and one time step after the other."""
    singles = [Rollouts(data.states[c : c + 1], data.actions[c : c + 1]) for c in range(len(data.states))]
    return [fitted for single in singles for fitted in over_time(single, prior)]


def over_prepared_time(data: Rollouts, prior: Mixture) -> list[Dynamics]:
    """The same fits, one time step after the other, in a loop before which the prior is prepared once, as for the batch."""
    points = dynamics.transitions(data)
    center, scale = gmm.scales(points.reshape(-1, points.shape[-1]))
    near, inputs = prior.prepared(center, scale), data.states.shape[-1] + data.actions.shape[-1]
    found = []
    for t in range(points.shape[2]):
        step = points[:, :, t]
        known = near.moments(np.mean(near.responsibilities(step), axis=-2))
        own = posterior((step - center) / scale, known, dynamics.STRENGTH, dynamics.STRENGTH)
        W, b, noise, _ = regression(own, inputs, dynamics.RIDGE)
        found.append(dynamics.in_units(W, b, noise, center, scale))
    return found


def fit_speedup(seed: int, quick: bool) -> Mapping[str, Reading]:
    """The batched fit against loops over time: one that prepares the prior at each step (the figure), one that does so once, and more."""
    found = explored("reach_local", seed)
    prior, data, repeats = found.state.prior.mixture, found.data, 3 if quick else 10
    batched, looped, prepared, both = interleaved(
        [
            lambda: dynamics.fit(data, prior),
            lambda: over_time(data, prior),
            lambda: over_prepared_time(data, prior),
            lambda: over_time_and_conditions(data, prior),
        ],
        repeats,
    )
    detail = {
        "batched_cpu_s": batched,
        "loop_cpu_s": looped,
        "prepared_loop_cpu_s": prepared,
        "loop_over_time_and_conditions_cpu_s": both,
        "against_prepared_loop": prepared / batched,
        "against_loop_over_time_and_conditions": both / batched,
    }
    return {"fit_batched_speedup": Reading(looped / batched, detail)}


def update_cpu(seed: int, quick: bool) -> Mapping[str, Reading]:
    """CPU time of one whole local update with a full memory; no simulation, no network."""
    found = explored("reach_local", seed)
    state, data = found.state, found.data
    times = repeated(lambda turn: local_gps.update(state, data, found.setting.task, found.chosen.local, turn), quick)
    points = sum(part.actions[..., 0].size for part in (*state.memory, data)[-found.chosen.local.memory :])
    shape = [*data.actions.shape[:3], data.states.shape[-1]]
    return {"update_cpu_s": Reading(statistics.median(times), {"all": times, "points": points, "shape": shape})}


def repeated(work: Callable[[int], object], quick: bool) -> list[float]:
    """CPU seconds of a piece of work, turn by turn."""
    times = []
    for turn in range(3 if quick else 10):
        began = time.process_time()
        work(turn)
        times.append(time.process_time() - began)
    return times


def frame_speedup(seed: int, quick: bool) -> Mapping[str, Reading]:
    """Pictures of the FR3 and of PyBullet's own Panda in the same pose, by the same camera, in turns."""
    setting = prepare(experiment.load("reach_local", [f"conditions.seed={seed}"]))
    camera = read(CameraConfig, named_file("cameras", "front64"))
    if (camera.width, camera.height) != (64, 64):
        raise ValueError(f"front64 has {camera.width} × {camera.height} pixels")
    arm = BulletArm(setting.robot, setting.urdf, setting.task)
    panda = Panda(np.array(setting.robot.home))
    try:
        arm.reset(setting.train[0])
        ours, theirs = interleaved([lambda: arm.render(camera), lambda: panda.render(camera)], 10 if quick else 50)
    finally:
        arm.close()
        panda.close()
    return {"frame_64px_speedup": Reading(theirs / ours, {"ours_cpu_s": ours, "panda_cpu_s": theirs})}
