import json
from types import SimpleNamespace

import numpy as np
import pytest

from robot_learning.algorithms import dynamics
from robot_learning.core import gmm
from robot_learning.core.errors import UsageError
from robot_learning.core.paths import share_dir
from robot_learning.core.types import Rollouts
from robot_learning.run import provenance
from robot_learning.run.bench import command, docs, spine_ros, spine_speed
from robot_learning.run.bench.figure import Benchmark, Figure, Measurement, Reading
from robot_learning.run.bench.spine_speed import over_prepared_time, over_time_and_conditions

MORE = Figure("more", "of 8", ">= 7", ">= 8", "more is better")
LESS = Figure("less", "s", "<= 0.5", "<= 0.1", "less is better")
ABSENT = Figure("absent", "s", "<= 1", "<= 1", "cannot be measured")
VALUES = {100: (8, 0.2), 101: (7, 0.6), 102: (8, 0.1), 103: (6, 0.1)}


@pytest.fixture
def toy(monkeypatch):
    asked = []

    def measure(seed, quick):
        asked.append((seed, quick))
        more, less = VALUES[seed]
        return {"more": Reading(more, {"extra": seed}), "less": Reading(less)}

    benchmark = Benchmark(
        "toy",
        "a toy",
        (
            Measurement((MORE, LESS), measure, 3, 1, 0.1),
            Measurement((ABSENT,), lambda seed, quick: {"absent": Reading(None, reason="no robot")}, 1, 1, 0.1),
        ),
    )
    monkeypatch.setattr(command, "BENCHMARKS", {"toy": benchmark})
    monkeypatch.setattr(provenance, "commit", lambda: ("a" * 40, False))
    return benchmark, asked


def figures(path):
    return {figure["name"]: figure for figure in json.loads(path.read_text())["figures"]}


def test_the_file_has_the_agreed_fields_and_the_worst_reading(toy, tmp_path):
    path = tmp_path / "toy.json"
    assert command.run_bench("toy", path, False, None, None, None) == 1  # less misses its bar
    content = json.loads(path.read_text())
    assert {"bench", "commit", "dirty", "date", "machine", "quick", "figures"} == set(content)
    assert {"cores", "python", "torch", "ros"} == set(content["machine"])
    found = figures(path)
    assert [found["more"][key] for key in ("value", "unit", "bar", "aim", "met")] == [7, "of 8", ">= 7", ">= 8", True]
    assert (found["less"]["value"], found["less"]["met"]) == (0.6, False)
    assert (found["absent"]["value"], found["absent"]["met"], found["absent"]["reason"]) == (None, None, "no robot")
    assert [(row["seed"], row["value"]) for row in found["more"]["detail"]["per_seed"]] == [(100, 8), (101, 7), (102, 8)]
    assert found["more"]["detail"]["per_seed"][0]["extra"] == 100
    assert found["more"]["detail"]["best"] == 8


def test_figures_and_seeds_measured_one_by_one_merge_into_the_same_file(toy, tmp_path):
    whole, parts = tmp_path / "whole.json", tmp_path / "parts.json"
    command.run_bench("toy", whole, False, None, None, None)
    command.run_bench("toy", parts, False, None, "absent", None)
    for seed in (102, 100, 101):
        command.run_bench("toy", parts, False, None, "less", seed)

    def undated(path):
        return [
            {**figure, "date": "", "detail": [{**row, "date": ""} for row in figure["detail"]["per_seed"]]}
            for figure in json.loads(path.read_text())["figures"]
        ]

    assert undated(parts) == undated(whole)


def test_too_few_seeds_do_not_meet_a_bar_but_can_miss_it(toy, tmp_path):
    path = tmp_path / "toy.json"
    command.run_bench("toy", path, False, None, "more", 100)
    assert (figures(path)["more"]["met"], figures(path)["more"]["reason"]) == (None, "1 of 3 seeds")
    command.run_bench("toy", path, False, None, "more", 103)
    assert figures(path)["more"]["met"] is False


def test_what_was_measured_at_this_commit_is_not_measured_again(toy, tmp_path, monkeypatch):
    _, asked = toy
    path = tmp_path / "toy.json"
    command.run_bench("toy", path, False, 2, "more", None)
    command.run_bench("toy", path, False, None, "more", None)
    assert asked == [(100, False), (101, False), (102, False)]
    command.run_bench("toy", path, False, None, "more", 101)  # asked for by name: measured again
    assert asked[-1] == (101, False)
    monkeypatch.setattr(provenance, "commit", lambda: ("b" * 40, False))
    command.run_bench("toy", path, False, 1, "more", None)
    rows = figures(path)["more"]["detail"]["per_seed"]
    assert [row["commit"][0] for row in rows] == ["b", "a", "a"]


def test_quick_results_are_marked_and_never_mixed_with_full_ones(toy, tmp_path):
    path = tmp_path / "quick.json"
    command.run_bench("toy", path, True, None, None, None)
    assert json.loads(path.read_text())["quick"] is True
    assert figures(path)["more"]["met"] is True  # one seed is what --quick asks for
    with pytest.raises(UsageError, match="holds results of toy --quick"):
        command.run_bench("toy", path, False, None, None, None)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"figures": [{"name": "x"}]}', '{"bench": "other", "figures": []}'])
def test_a_file_of_another_kind_is_not_overwritten(toy, tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="name another file"):
        command.run_bench("toy", path, False, None, None, None)
    assert path.read_text() == text


def test_a_folder_that_is_not_there_is_named_before_anything_is_measured(toy, tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        command.run_bench("toy", tmp_path / "no" / "x.json", False, None, None, None)
    assert toy[1] == []


def test_bars_are_read_as_written():
    assert MORE.met(7)
    assert not MORE.met(6.9)
    assert LESS.met(0.5)
    assert not LESS.met(0.51)


def test_every_figure_of_every_benchmark_has_a_bar_and_a_place():
    for benchmark in command.BENCHMARKS.values():
        names = [figure.name for figure in benchmark.figures()]
        assert len(set(names)) == len(names)
        for figure in benchmark.figures():
            figure.met(0.0)
    assert [figure.name for figure in command.BENCHMARKS["spine"].figures()] == [
        "reach_samples_worst",
        "mdgps_reach_train_worst",
        "mdgps_reach_heldout_worst",
        "ros_wall_ratio",
        "ros_equals_inprocess",
        "lockstep_episode_s",
        "fit_batched_speedup",
        "update_cpu_s",
        "frame_64px_speedup",
        "lockstep_bit_equal",
    ]
    assert {figure.name for figure in command.BENCHMARKS["gps"].figures()} == {
        "peg4_inserted",
        "peg4_samples_median",
        "peg2_inserted",
        "prior_ratio_reach",
        "prior_ratio_peg",
        "nn_prior_ratio",
        "peg_global_train_last_worst",
        "peg_global_heldout_last_worst",
        "mdgps_reach_train_worst",
        "mdgps_reach_heldout_worst",
        "badmm_reach_train_worst",
        "badmm_reach_heldout_worst",
        "alm_reach_train_worst",
        "alm_reach_heldout_worst",
        "plato_minus_bc_low",
        "dagger_minus_bc_low",
        "nearest_neighbour_minus_bc_low",
        "plato_training_failures",
        "demo_start_ratio",
        "mpc_first_trial_success",
        "cartpole_return_worst",
        "full_update_cpu_s",
        "robustness_exceptions",
        "robustness_nonfinite",
        "robustness_negative_kl",
        "robustness_kl_above",
        "robustness_wellposed_rejected_pct",
        "robustness_wellposed_kl_below_pct",
        "robustness_wellposed_cost_not_lower_pct",
    }


def test_the_documentation_is_what_the_results_say():
    folder, page = share_dir() / "benchmarks" / "results", share_dir() / "docs" / "benchmarks.md"
    expected = docs.page(folder, list(command.BENCHMARKS.values()))
    assert page.read_text(encoding="utf-8") == expected, "run: robot-learning bench --docs"


def test_the_page_shows_each_figure_with_its_commit(toy, tmp_path):
    benchmark, _ = toy
    command.run_bench("toy", tmp_path / "toy.json", False, None, None, None)
    page = docs.page(tmp_path, [benchmark])
    assert "| more | 7 | of 8 | >= 7 | >= 8 | yes | aaaaaaaa |" in page
    assert "| less | 0.6 | s | <= 0.5 | <= 0.1 | **no** | aaaaaaaa |" in page
    assert "| absent | – | s | <= 1 | <= 1 | – no robot | aaaaaaaa |" in page
    assert "robot-learning bench toy --json benchmarks/results/toy.json --only more" in page
    assert "Not measured yet" in docs.page(tmp_path / "nothing", [benchmark])


def test_a_number_of_the_detail_stands_beside_its_figure_once_it_is_measured(toy, tmp_path, monkeypatch):
    benchmark, _ = toy
    beside = MORE._replace(beside="extra")
    monkeypatch.setitem(
        command.BENCHMARKS, "toy", benchmark._replace(measurements=(benchmark.measurements[0]._replace(figures=(beside, LESS)),))
    )
    command.run_bench("toy", tmp_path / "toy.json", False, 2, None, None)
    assert "- `more`: more is better (seed by seed 100, 101)\n" in docs.page(tmp_path, [command.BENCHMARKS["toy"]])
    content = json.loads((tmp_path / "toy.json").read_text())
    for row in content["figures"][0]["detail"]["per_seed"]:
        del row["extra"]
    (tmp_path / "toy.json").write_text(json.dumps(content))
    assert "- `more`: more is better\n" in docs.page(tmp_path, [command.BENCHMARKS["toy"]])


def test_loops_over_time_fit_the_same_steps():
    rng = np.random.default_rng(0)
    data = Rollouts(rng.normal(size=(2, 6, 4, 3)), rng.normal(size=(2, 6, 3, 2)))
    together, single = dynamics.fit(data, None), over_time_and_conditions(data, None)
    assert len(single) == 6
    assert single[4].F.shape == together.F[1:, 1:2].shape


def test_the_loop_that_prepares_the_prior_once_fits_what_the_batch_fits():
    rng = np.random.default_rng(1)
    data = Rollouts(rng.normal(size=(2, 6, 4, 3)), rng.normal(size=(2, 6, 3, 2)))
    prior = gmm.fit(dynamics.transitions(data).reshape(-1, 8), 2, 0).mixture
    together = dynamics.fit(data, prior)
    for t, step in enumerate(over_prepared_time(data, prior)):
        for found, expected in zip(step, together, strict=True):
            np.testing.assert_allclose(found, expected[:, t], rtol=1e-9, atol=1e-12)


def test_the_speed_of_the_fit_is_told_against_both_loops_over_time(monkeypatch):
    rng = np.random.default_rng(2)
    data = Rollouts(rng.normal(size=(2, 6, 4, 3)), rng.normal(size=(2, 6, 3, 2)))
    prior = gmm.fit(dynamics.transitions(data).reshape(-1, 8), 2, 0).mixture
    found = SimpleNamespace(data=data, state=SimpleNamespace(prior=SimpleNamespace(mixture=prior)))
    monkeypatch.setattr(spine_speed, "explored", lambda *_: found)
    reading = spine_speed.fit_speedup(0, True)["fit_batched_speedup"]
    seconds = reading.detail
    assert reading.value == seconds["loop_cpu_s"] / seconds["batched_cpu_s"]
    assert seconds["against_prepared_loop"] == seconds["prepared_loop_cpu_s"] / seconds["batched_cpu_s"]


def test_the_ratio_of_one_graph_stands_beside_that_of_two(monkeypatch):
    walls = {"process": 2.0, "ros": 5.0, "ros_one_graph": 8.0}

    def trained(name, seed, settings, place):
        way = "process" if place.through == "process" else "ros_one_graph" if place.graphs == 1 else "ros"
        return {"wall_s": walls[way], "seconds": {}, "success": {"last": {}}}

    monkeypatch.setattr(spine_ros, "no_ros", lambda: False)
    monkeypatch.setattr(spine_ros, "trained", trained)
    monkeypatch.setattr(spine_ros, "outcomes", lambda content: None)
    reading = spine_ros.ros_against_process(0, True)["ros_wall_ratio"]
    assert (reading.value, reading.detail["one_graph_ratio"]) == (2.5, 4.0)
