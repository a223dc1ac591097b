"""Every task loads, and every way in which its file can be wrong is named."""

import pytest
import yaml

from robot_learning.core.errors import UsageError
from robot_learning.core.paths import share_dir
from robot_learning.run import config
from robot_learning.run.config import available
from robot_learning.run.tasks import load_task


@pytest.mark.parametrize("name", available("tasks"))
def test_every_task_loads_under_its_name(name):
    assert load_task(name).name == name


@pytest.fixture
def load_changed(tmp_path, monkeypatch):
    (tmp_path / "config" / "tasks").mkdir(parents=True)
    original = share_dir()

    def load(name, changes):
        content = yaml.safe_load((original / "config" / "tasks" / f"{name}.yaml").read_text())
        for key, value in changes.items():
            *outer, last = key.split(".")
            place = content
            for part in outer:
                place = place[part]
            place[last] = value
        (tmp_path / "config" / "tasks" / f"{name}.yaml").write_text(yaml.safe_dump(content))
        monkeypatch.setattr(config, "share_dir", lambda: tmp_path)
        return load_task.__wrapped__(name)

    return load


BLOCK = {"depth": 0.06, "width": 0.02, "clearance": 0.0, "chamfer": 0.0, "friction": 0.5, "peg_length": 0.1}
PUCK = {"name": "puck", "radius": 0.03, "height": 0.03, "mass": 0.1, "friction": 0.2, "start_lower": [0.1, 0.0], "start_upper": [0.1, 0.0]}
TWO = [PUCK, PUCK | {"start_lower": [0.0, 0.0], "start_upper": [0.2, 0.2]}]
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "key", "value", "expected"),
    [
        ("reach", "horizon", -1, "horizon: -1; 1 to 10000 is expected"),
        ("reach", "horizon", 0, "horizon: 0; 1 to 10000"),
        ("reach", "horizon", 10001, "horizon: 10001; 1 to 10000"),
        ("reach", "rate_hz", 0.0, "rate_hz: 0; 240 divided by a whole number"),
        ("reach", "rate_hz", -20.0, "rate_hz: -20; 240 divided"),
        ("reach", "rate_hz", NAN, "rate_hz: nan; 240 divided"),
        ("reach", "rate_hz", INF, "rate_hz: inf; 240 divided"),
        ("reach", "rate_hz", 1e-320, "rate_hz: 9.99989e-321; 240 divided"),
        ("reach", "rate_hz", 1000.0, "rate_hz: 1000; 240 divided"),
        ("reach", "rate_hz", 7.0, "rate_hz: 7; 240 divided"),
        ("reach", "cost.l2", NAN, "cost.l2: nan; 0 to 1e+06 is expected"),
        ("reach", "cost.log", -0.1, "cost.log: -0.1; 0 to"),
        ("reach", "cost.action", INF, "cost.action: inf; 0 to"),
        ("reach", "cost.alpha", 0.0, "cost.alpha: 0; above 0 to"),
        ("reach", "success_distance", 0.0, "success_distance: 0; above 0 to 1 is expected"),
        ("reach", "success_distance_global", 1.5, "success_distance_global: 1.5; above 0 to 1"),
        ("reach", "tool_points", [], "tool_points: 0 points; 1 to 10 are expected"),
        ("reach", "tool_points", [[0.0, NAN, 0.0]], "tool_points.0: nan; -10 to 10"),
        ("reach", "target_lower", [0.2, -0.2, -0.2], "target_lower: 0.2 is above target_upper 0.12"),
        ("reach", "target_upper", [INF, 0.2, 0.1], "target_upper: inf; -10 to 10"),
        ("reach", "start_offset", [0.0, 0.0, NAN], "start_offset: nan; -10 to 10"),
        ("reach", "start_jitter", -0.1, "start_jitter: -0.1; 0 to 10"),
        ("reach", "name", "grasp", "name: 'grasp'; the file's own name 'reach' is expected"),
        ("reach", "block", BLOCK, "block: a task of kind peg_insertion has one, of kind reach none; this one is of kind reach"),
        ("peg_insertion", "block", None, "block: a task of kind peg_insertion has one"),
        ("peg_insertion", "block.width", 0.0, "block.width: 0; above 0 to 1 is expected"),
        ("peg_insertion", "block.clearance", -0.001, "block.clearance: -0.001; 0 to 1"),
        ("puck", "blade", None, "blade: expected in a task of kind puck and in no other; this one is of kind puck"),
        ("puck", "objects", [], "objects: expected in a task of kind puck"),
        ("reach", "objects", [PUCK], "objects: expected in a task of kind puck and in no other; this one is of kind reach"),
        ("puck", "objects", TWO, "objects: names puck, puck; each of them once is expected"),
        ("puck", "objects", [PUCK | {"name": "a/b"}], "objects.0.name: 'a/b'; a name of ROS such as 'puck' is expected"),
        ("puck", "objects", [PUCK | {"mass": 0.0}], "objects.0.mass: 0; above 0 to 100"),
        ("puck", "objects", [PUCK | {"friction": NAN}], "objects.0.friction: nan; 0 to 1"),
        ("puck", "objects", [PUCK | {"start_upper": [0.0, 0.0]}], "objects.0.start_upper: x: 0; 0.1 to 10"),
        ("puck", "blade.gap", -0.1, "blade.gap: -0.1; above 0 to 1"),
        ("puck", "blade.length", 0.2, "tool_points.0: (0.0, 0.0, 0.1); [0, 0, 0.2], the end of the blade, is expected"),
        ("puck", "cost.contact_width", 0.0, "cost.contact_width: 0; above 0 to"),
        ("reach", "cost.tip", 1.0, "cost.tip: 1; 0 is expected of a task without objects"),
        ("reach", "arm", {"lower": [], "upper": [], "steady": []}, "arm: comes from config/robots; remove it"),
        ("peg_insertion", "block.friction", NAN, "block.friction: nan; 0 to 10"),
    ],
)
def test_every_wrong_number_is_one_line_that_names_it(load_changed, name, key, value, expected):
    with pytest.raises(UsageError) as caught:
        load_changed(name, {key: value})
    assert f"{name}.yaml: {expected}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_any_whole_fraction_of_the_physics_rate_is_a_rate(load_changed):
    for substeps in (1, 7, 12, 240):
        assert load_changed("reach", {"rate_hz": 240.0 / substeps}).rate_hz == 240.0 / substeps
