import json
import re
import xml.etree.ElementTree as ElementTree
from datetime import datetime
from html import unescape
from itertools import pairwise

import numpy as np
import pytest
from fake_runner import FakeRunner

from robot_learning.run import experiment, film, folder, report, summary
from robot_learning.run.png import encode
from robot_learning.run.setting import prepare
from robot_learning.run.svg import Chart, Line, draw
from robot_learning.run.train import Trainer


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    settings = ["conditions.train=2", "conditions.heldout=1", "rollouts=2", "iterations=2", "fit.steps=20", "hidden=[8]"]
    chosen = experiment.load("reach_state", [*settings, "evaluation.film=0", "local.mixture_components=0"])
    path = folder.create(chosen, tmp_path_factory.mktemp("report") / "run", datetime(2030, 1, 2))
    Trainer(path, FakeRunner(prepare(chosen)), "process").train()
    return path


def test_the_report_shows_the_numbers_of_the_summary(run):
    content, page = summary.load(run), unescape((run / "report.html").read_text())
    text = re.sub(r"<[^>]+>", "|", page)
    for ratio in (*content["success"]["last"].values(), *content["success"]["best"].values()):
        assert f"|{ratio}|" in text
    for outcome in content["final"]["last"]:
        assert re.search(rf"\|{outcome['condition']}\|.*{100 * outcome['distance']:.2f} cm", text)
    for phase, seconds in content["seconds"].items():
        assert f"|{phase}|" in text
        assert f"|{seconds:.1f} s|" in text
    for name, number in content["gate"].items():
        assert f"|{name.removeprefix('gate.')}|" in text
        assert f"|{number:,}|" in text
    assert content["commit"][:12] in text
    assert f"{content['samples_per_condition']} per condition" in text


def test_the_summary_holds_all_that_a_run_promises(run):
    content = json.loads((run / "summary.json").read_text())
    assert {"config", "commit", "dirty", "versions", "machine", "seed", "condition_seed", "seconds", "gate", "rejected"} <= set(content)
    assert experiment.as_mapping(folder.read_experiment(run)).items() <= content["config"].items()
    assert content["wall_s"] == pytest.approx(sum(content["seconds"].values()))


def test_the_report_needs_nothing_from_outside(run):
    page = (run / "report.html").read_text()
    assert not re.search(r"(src|href)=[\"'](?!data:)", page)
    assert "<script" not in page
    assert "url(" not in page
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).lower().split()


def test_the_report_is_well_formed(run):
    page = (run / "report.html").read_text()
    body = re.sub(r"<meta[^>]*>|<!doctype html>", "", page).replace('"><small>', '"/><small>')
    ElementTree.fromstring(body)


def test_names_are_escaped(run):
    content = summary.load(run)
    content["ending"] = "<script>alert(1)</script>"
    assert "<script>" not in report.page(content, [])


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.0], [float("nan"), 2.0], [], [0.0, 1e-9], [-5.0, 1e6]])
@pytest.mark.parametrize("log", [False, True])
def test_a_chart_keeps_all_points_inside(values, log):
    line = Line("x", range(1, len(values) + 1), values, values, values)
    figure = draw(Chart("title", "x", "y", [line, line], log=log, marks=[("mark", 1.0)]))
    ElementTree.fromstring(figure)
    for x, y in re.findall(r'cx="([-\d.]+)" cy="([-\d.]+)"', figure):
        assert 0 <= float(x) <= 440
        assert 0 <= float(y) <= 270
    assert "nan" not in figure


def test_equal_curves_do_not_hide_each_other():
    line = Line("x", [1, 2], [1.0, 1.0])
    figure = draw(Chart("title", "x", "y", [line, line, line]))
    widths = [float(w) for w in re.findall(r'<polyline[^>]*stroke-width="([\d.]+)"', figure)]
    assert len(widths) == 3
    assert widths == sorted(set(widths), reverse=True)
    radii = [float(r) for r in re.findall(r'r="([\d.]+)"', figure)]
    assert len(set(radii)) == 3


def test_labels_of_marks_lie_beside_the_curves_and_not_on_each_other():
    line = Line("x", [1, 2], [0.0, 10.0])
    figure = draw(Chart("title", "x", "y", [line], marks=[("one", 5.0), ("two", 5.01), ("three", 5.0)]))
    labels = sorted((float(y), float(x)) for x, y in re.findall(r'class="mark" x="([\d.]+)" y="([\d.]+)"', figure))
    right = max(float(x) for x in re.findall(r'cx="([\d.]+)"', figure) if float(x) < 440)
    assert len(labels) == 3
    assert all(x > right for _, x in labels)
    assert all(below - above >= 12 for (above, _), (below, _) in pairwise(labels))


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "No command went through the gate."),
        ({"gate.passed": 1200}, "No interventions: all 1,200 commands"),
        ({"gate.passed": 90, "gate.changed": 10, "gate.barrier": 10}, "10 (10 %) changed and none refused."),
        ({"gate.passed": 90, "gate.refused": 10}, "none changed and 10 (10 %) refused."),
    ],
)
def test_the_gate_says_what_it_did_even_if_that_is_nothing(run, counts, said):
    page = report.page(summary.load(run) | {"gate": counts, "counts": {**counts, "simulator.commands": 1}}, [])
    text = re.sub(r"<[^>]+>", "|", page)
    assert said in text
    for name in ("passed", "changed", "refused"):
        assert f"|{name}||{counts.get('gate.' + name, 0):,}|" in text


def test_all_values_of_nested_configurations_are_there_and_fold(run):
    content = summary.load(run)
    limits = {f"joint{i}": {"lower": -1.5 - i, "upper": 1.5 + i, "name": f"<{i}>"} for i in range(20)}
    content["config"] = {"name": "x", "seed": 3, "resolved": {"robot": {"limits": limits, "tool": "hand"}, "task": {"rate_hz": 20}}}
    page = report.page(content, [])
    start = page.index("<details><summary>Resolved configuration")
    folded = ElementTree.fromstring(page[start : page.rindex("</section>")])
    assert folded.find("details/details/summary").text == "robot"
    text = "".join(folded.itertext())
    assert all(f"lower: {-1.5 - i}" in text and f"<{i}>" in text for i in range(20))
    assert "rate_hz: 20" in text


def test_a_film_follows_the_way_of_the_tool():
    way = np.minimum(np.arange(101) / 40.0, 1.0)  # at 20 Hz: two seconds of motion, three of rest
    path = np.stack([way, 0 * way, 0 * way], axis=1)
    steps = film.moments(path, 20.0)
    assert (steps[0], steps[-1], len(steps)) == (0, 100, film.PICTURES)
    assert all(step % 2 == 0 for step in steps)
    assert np.diff(way[steps]) == pytest.approx(1 / (film.PICTURES - 1), abs=0.05)


@pytest.mark.parametrize("last", [1, 2, 3, 5, 100])
def test_a_film_of_an_arm_at_rest_has_different_times_from_start_to_end(last):
    steps = film.moments(np.zeros((last + 1, 3)), 20.0)
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (0, last)


def test_a_png_holds_the_image_bit_by_bit(tmp_path):
    cv2 = pytest.importorskip("cv2")
    image = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    decoded = cv2.imdecode(np.frombuffer(encode(image), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decoded[..., ::-1], image)
