"""Learning curves: numbers are kept seed by seed, pictures show their medians and ranges."""

import json
from xml.etree import ElementTree

import pytest

from robot_learning.core.errors import UsageError
from robot_learning.run.bench import curve_files, curve_sources, curves
from robot_learning.run.bench.curves import Arm, Curve


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A curve whose height is that of its seed over 100, in a tree of its own."""
    (tmp_path / "benchmarks").mkdir()

    def measure(seed):
        return {"up & down": [(5, seed - 99.0), (10, float("inf") if seed == 101 else seed - 98.0)], "level": [(5, 4.0), (10, 4.0)]}

    monkeypatch.setattr(curve_files, "CURVES", (Curve("toy", "A toy < a tool", "cm", measure),))
    monkeypatch.setattr(curve_files, "share_dir", lambda: tmp_path)
    return tmp_path


def test_a_picture_is_well_formed_and_says_how_it_was_made(toy, capsys):
    curve_files.run_curves(None, None)
    path = toy / "docs" / "algorithms" / "curves" / "toy.svg"
    assert str(path) in capsys.readouterr().out
    texts = [element.text for element in ElementTree.parse(path).iter() if element.text]
    for text in ("A toy < a tool", "up & down", "robot-learning bench --curves --only toy"):
        assert text in texts
    assert any(text.startswith("seeds 100 to 102: ") for text in texts)


def test_points_are_medians_and_bands_the_range_and_what_is_not_finite_is_kept_as_such(toy):
    for seed in (102, 100, 101):
        curve_files.run_curves("toy", seed)
    seeds = json.loads((toy / "benchmarks" / "curves.json").read_text())["toy"]["seeds"]
    assert list(seeds) == ["100", "101", "102"]
    assert seeds["101"]["up & down"] == [[5, 2.0], [10, None]]
    line = curve_files._line("up & down", seeds)
    assert (line.x, line.y, line.low, line.high) == ([5, 10], [2.0, 4.0], [1.0, 2.0], [3.0, float("inf")])


def test_an_unknown_curve_is_named_with_its_neighbours(toy):
    with pytest.raises(UsageError, match="--only tyo: no such curve; did you mean 'toy'"):
        curve_files.run_curves("tyo", None)


def test_arms_of_one_training_share_it(monkeypatch):
    asked = []

    def trained(name, seed, settings):
        asked.append((name, seed, *settings))
        outcomes = [
            {"controller": "policy", "split": split, "success": near, "distance": distance}
            for split, near, distance in (("train", True, 0.01), ("train", False, None), ("train", True, 0.02), ("heldout", False, 0.3))
        ]
        return {"iterations": [{"samples": 5, "outcomes": outcomes}, {"samples": 10, "outcomes": []}]}

    monkeypatch.setattr(curves, "trained", trained)
    arms = (Arm("a", "x"), Arm("b", "x", split="heldout"), Arm("c", "x", settings=("rollouts=2",)))
    found = curves.learned(arms, curves.success, 7)
    assert found == {"a": [(5, pytest.approx(200 / 3))], "b": [(5, 0.0)], "c": [(5, pytest.approx(200 / 3))]}
    assert asked == [("x", 7, "evaluation.cameras=[]"), ("x", 7, "evaluation.cameras=[]", "rollouts=2")]
    assert curves.learned(arms[:2], curves.distance, 7) == {"a": [(5, 2.0)], "b": [(5, 30.0)]}


def test_the_curves_of_demonstrations_can_be_made(monkeypatch):
    monkeypatch.setattr(curve_sources, "PEG_ITERATIONS", 2)
    found = curve_sources.peg_starts(0)
    assert {label: [samples for samples, _ in points] for label, points in found.items()} == {
        "from rest": [5.0, 10.0],
        "demonstrated half-way": [6.0, 11.0],
    }
