"""A filmstrip of the final policy: a few pictures of a few episodes, as <run>/film/<episode>/<ms>.png, and all in one."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.atomic import write_atomic
from robot_learning.core.types import Array
from robot_learning.data.bag_reader import Bag
from robot_learning.robots.bullet_arm import BulletArm
from robot_learning.robots.camera import CameraConfig
from robot_learning.run.config import named_file, read
from robot_learning.run.episodes import Episode
from robot_learning.run.evaluate import Plan
from robot_learning.run.experiment import Evaluation
from robot_learning.run.png import encode
from robot_learning.run.setting import Setting

PICTURES = 4
ROUND_S = 0.1  # pictures are taken at multiples of it
CAMERA = "overview"
GAP = 4  # pixels

Image = NDArray[np.uint8]


def make(run: Path, setting: Setting, plans: Sequence[Plan], episodes: Sequence[Episode], wanted: Evaluation) -> None:
    """Pictures of up to `wanted.film` episodes, held-out conditions first: what the camera saw if a bag has it, drawn anew otherwise."""
    shutil.rmtree(run / "film", ignore_errors=True)
    rows: list[list[Image]] = []
    for i in choose(plans, wanted.film):
        if not len(episodes[i].recording.stamps_ns):
            continue  # it failed before anything was seen of it
        folder = run / "film" / f"{plans[i].controller}-{plans[i].request.condition.name}"
        folder.mkdir(parents=True)
        steps = moments(setting.chain.pose(episodes[i].recording.positions)[:, :3, 3], setting.task.rate_hz)
        images = seen(episodes[i], plans[i].request.cameras, steps) or drawn(setting, wanted, plans[i], episodes[i], steps)
        for step, image in zip(steps, images, strict=True):
            write_atomic(folder / f"{round(1000 * step / setting.task.rate_hz):06d}.png", encode(image), fsync=False)
        rows.append(images)
    if rows:
        write_atomic(run / "film" / "all.png", encode(together(rows)), fsync=False)


def together(rows: Sequence[Sequence[Image]]) -> Image:
    """All pictures in one, with white lines between them."""
    framed = [[np.pad(image, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for image in row] for row in rows]
    return np.concatenate([np.concatenate(row, axis=1) for row in framed])[:-GAP, :-GAP]


def choose(plans: Sequence[Plan], count: int) -> list[int]:
    """Which episodes to show: the policy's before the local controllers', held-out conditions before training ones."""
    order = sorted(range(len(plans)), key=lambda i: (plans[i].controller != "policy", plans[i].split != "heldout", i))
    return order[:count]


def moments(path: Array, rate_hz: float) -> list[int]:
    """The first step, the last, and between them those at round times that divide the tool's path (T + 1, 3), in m, most evenly."""
    last = len(path) - 1
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    rounded = {round(k * ROUND_S * rate_hz) for k in range(1, int(last / (ROUND_S * rate_hz)) + 1)}
    free = sorted(step for step in rounded if 0 < step < last) or list(range(1, last))
    steps = {0, last}
    for part in np.linspace(0.0, way[-1], PICTURES)[1:-1]:
        free = [step for step in free if step not in steps]
        if free:
            steps.add(min(free, key=lambda step: (abs(way[step] - part), step)))
    return sorted(steps)


def seen(episode: Episode, cameras: Sequence[str], steps: Sequence[int]) -> list[Image]:
    """The first camera's pictures at `steps`; none if there is no bag with all of them."""
    if not episode.bag or not cameras:
        return []
    bag, topic = Bag(Path(episode.bag)), f"/{cameras[0]}/image_raw"
    pictures = bag.messages(topic) if topic in bag.types else []
    if len(pictures) <= steps[-1] or pictures[0].encoding != "rgb8":
        return []
    return [np.asarray(pictures[s].data, dtype=np.uint8).reshape(pictures[s].height, pictures[s].width, 3) for s in steps]


def drawn(setting: Setting, wanted: Evaluation, plan: Plan, episode: Episode, steps: Sequence[int]) -> list[Image]:
    """The arm where it was at `steps` of an episode."""
    camera = read(CameraConfig, named_file("cameras", (*wanted.cameras, CAMERA)[0]))
    limits = setting.robot.limits
    arm = BulletArm(setting.robot, setting.urdf, setting.task)
    try:
        images = []
        for step in steps:
            positions = np.clip(episode.recording.positions[step], limits.position_lower, limits.position_upper)
            condition = plan.request.condition
            places = dict(
                zip([one.name for one in setting.task.objects], episode.recording.objects[step : step + 1].reshape(-1, 3), strict=True)
            )
            moved = {f"{name}.{axis}": float(value) for name, place in places.items() for axis, value in zip("xy", place[:2], strict=True)}
            arm.reset(condition._replace(initial_positions=positions, parameters=condition.parameters | moved))
            images.append(arm.render(camera))
        return images
    finally:
        arm.close()
