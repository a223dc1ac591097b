"""A filmstrip of the final policy: a few pictures of a few episodes, in <run>/film/<condition>/."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.atomic import write_atomic
from robot_learning.robots.bullet_arm import BulletArm
from robot_learning.robots.camera import CameraConfig
from robot_learning.run.config import named_file, read
from robot_learning.run.episodes import Episode
from robot_learning.run.evaluate import Plan
from robot_learning.run.experiment import Evaluation
from robot_learning.run.png import encode
from robot_learning.run.setting import Setting

PICTURES = 6
CAMERA = "overview"

Image = NDArray[np.uint8]


def make(run: Path, setting: Setting, plans: Sequence[Plan], episodes: Sequence[Episode], wanted: Evaluation) -> None:
    """Pictures of up to `wanted.film` episodes, held-out conditions first; drawn from the joints' positions."""
    shown = choose(plans, wanted.film)
    shutil.rmtree(run / "film", ignore_errors=True)
    if not shown:
        return
    camera = read(CameraConfig, named_file("cameras", (*wanted.cameras, CAMERA)[0]))
    arm = BulletArm(setting.robot, setting.urdf, setting.task)
    try:
        for i in shown:
            folder = run / "film" / f"{plans[i].controller}-{plans[i].request.condition.name}"
            folder.mkdir(parents=True)
            for k, image in enumerate(pictures(arm, camera, plans[i], episodes[i])):
                write_atomic(folder / f"{k:02d}.png", encode(image), fsync=False)
    finally:
        arm.close()


def choose(plans: Sequence[Plan], count: int) -> list[int]:
    """Which episodes to show: the policy's before the local controllers', held-out conditions before training ones."""
    order = sorted(range(len(plans)), key=lambda i: (plans[i].controller != "policy", plans[i].split != "heldout", i))
    return order[:count]


def pictures(arm: BulletArm, camera: CameraConfig, plan: Plan, episode: Episode) -> list[Image]:
    """The arm at evenly spaced moments of an episode, the first and the last among them; more of them early, when it moves."""
    last = len(episode.recording.positions) - 1
    steps = sorted({round(last * (k / (PICTURES - 1)) ** 1.6) for k in range(PICTURES)})
    limits = setting_limits(arm)
    images = []
    for step in steps:
        positions = np.clip(episode.recording.positions[step], *limits)
        arm.reset(plan.request.condition._replace(initial_positions=positions))
        images.append(arm.render(camera))
    return images


def setting_limits(arm: BulletArm) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest and highest joint positions that the arm can be put to, rad."""
    limits = arm.robot.limits
    return np.array(limits.position_lower), np.array(limits.position_upper)
