import pytest
import yaml

from robot_learning.core.errors import UsageError
from robot_learning.run import experiment, folder
from robot_learning.run.config import available


@pytest.mark.parametrize("name", available("experiments"))
def test_every_experiment_can_be_read_and_reads_back_the_same(name, tmp_path):
    chosen = experiment.load(name)
    path = tmp_path / "again.yaml"
    path.write_text(experiment.as_yaml(chosen))
    assert experiment.load(str(path)) == chosen
    assert chosen.name == name


def test_settings_win_over_the_file_and_name_values_at_any_depth():
    chosen = experiment.load("reach_local", ["local.kl_step=0.5", "seed=7", "conditions={train: 2}"], ["robot:=ur5e", "conditions.seed:=3"])
    assert (chosen.local.kl_step, chosen.seed, chosen.robot) == (0.5, 7, "ur5e")
    assert (chosen.conditions.train, chosen.conditions.seed) == (2, 3)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("robot=fr33", "robot: config/robots: no 'fr33'; did you mean 'fr3'?"),
        ("task=reech", "task: config/tasks: no 'reech'; did you mean 'reach'?"),
        ("task=peg", "task: config/tasks: no 'peg'; did you mean 'peg_insertion'?"),
        ("robot=UR5E", "robot: config/robots: no 'UR5E'; did you mean 'ur5e'?"),
        ("evaluation.cameras=[overveiw]", "evaluation.cameras: config/cameras: no 'overveiw'; did you mean 'overview'?"),
        ("iteration=3", "iteration: unknown key; did you mean 'iterations'?"),
        ("local.kl_stepp=3", "local.kl_stepp: unknown key; did you mean 'kl_step'?"),
        ("conditions.trian=3", "conditions.trian: unknown key; did you mean 'train'?"),
        ("algorithm=mdgsp", "algorithm: \"mdgsp\"; 'local_gps', 'mdgps', 'augmented_lagrangian', 'badmm', 'behaviour_cloning', 'dagger', "),
        ("plato.nearness=-1", "plato.nearness: -1.0; at least 0 is expected"),
        ("dagger.mixture=1.5", "dagger.mixture: 1.5; 0 to 1 is expected"),
        ("dagger.mixture=.nan", "dagger.mixture: nan; 0 to 1 is expected"),
        ("algorithm=plato", "teaching: 4; less than iterations (4) is expected"),
        ("iterations=0", "iterations: 0; 1 to 1000 is expected"),
        ("conditions.train=5000", "conditions.train: 5000; 1 to 1000 is expected"),
        ("iterations=many", 'iterations: "many"; a whole number (1 to 1000) is expected'),
        ("iterations=2.5", "iterations: 2.5; a whole number (1 to 1000) is expected"),
        ("rollouts=nan", 'rollouts: "nan"; a whole number (1 to 1000) is expected'),
        ("required.train=1.5", "required.train: 1.5; 0 to 1 is expected"),
        ("local.kl_step=-1", "local.kl_step: -1.0; more than 0 is expected"),
        ("local.kl_step=.nan", "local.kl_step: nan; more than 0 is expected"),
        ("ilqr.iterations=0", "ilqr.iterations: 0; at least 1 is expected"),
        ("ilqr.tolerance=0", "ilqr.tolerance: 0.0; more than 0 is expected"),
        ("fit.steps=0", "fit.steps: 0; at least 1 is expected"),
        ("local.kl_step_most=0.5", "local.kl_step_least, local.kl_step_most: the multiples of kl_step must enclose 1"),
        ("badmm.weight_least=2", "badmm.weight_least, badmm.weight_most: the multiples of weight must enclose 1"),
        ("badmm.weight=0", "badmm.weight: 0.0; more than 0 is expected"),
        ("badmm.wieght=1", "badmm.wieght: unknown key; did you mean 'weight'?"),
        ("badmm.dual_step=-1", "badmm.dual_step: -1.0; at least 0 is expected"),
        ("augmented_lagrangian.penalty=-1", "augmented_lagrangian.penalty: -1.0; at least 0 is expected"),
        ("augmented_lagrangian.dual_step=.inf", "augmented_lagrangian.dual_step: inf; at least 0, and finite, is expected"),
        ("steady.slack=1", "steady.slack: 1.0; at least 0 and at most 0.05 is expected"),
        ("steady.members=1000", "steady.members: 1000; at least 1 and at most 32 is expected"),
        ("steady.jitter=10", "steady.jitter: 10.0; at least 0 and at most 3 is expected"),
        ("mdgps.samples=polcy", "mdgps.samples: \"polcy\"; 'policy' or 'controllers' is expected"),
        ("mdgps.step_rule=new", "mdgps.step_rule: \"new\"; 'global' or 'classic' is expected"),
        ("fit.least_deviation=0", "fit.least_deviation: 0.0; more than 0 is expected"),
        ("fit.decay=-1", "fit.decay: -1.0; at least 0 is expected"),
        ("turns=0", "turns: 0; 1 to 100 is expected"),
        ("seed.x=3", 'seed: {"x": 3}; a whole number (at least 0 and less than 4294967296) is expected'),
        ("seed=-1", "seed: -1; at least 0 and less than 4294967296 is expected"),
        ("conditions.seed=4294967296", "conditions.seed: 4294967296; at least 0 and less than 4294967296 is expected"),
        ("name=../../etc", 'name: "../../etc"; a text that matches ^[a-z0-9_-]{1,64}$ is expected'),
        ("hidden=[]", "hidden: []; a list of at least 1 is expected"),
        ("hidden=[8, 0]", "hidden.1: 0; 1 to 1000 is expected"),
        ("hidden=8", "hidden: 8; a list is expected"),
        ("local.memory=x", 'local.memory: "x"; a whole number is expected'),
        ("device=cpu", "device: unknown key"),
        ("nothing", "name=value is expected"),
        ("a b=3", "name=value is expected"),
    ],
)
def test_every_wrong_setting_is_one_line_that_names_it(setting, expected):
    with pytest.raises(UsageError) as caught:
        experiment.load("reach_local", [setting])
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert ".yaml" not in str(caught.value)  # the file is right


def test_an_error_is_told_of_the_command_line_or_of_the_file_wherever_it_is(tmp_path):
    text = experiment.as_yaml(experiment.load("reach_local"))
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"^command line: robot: config/robots: no 'fr4'; did you mean 'fr3'\?"):
        experiment.load(str(path), (), ["robot:=fr4"])
    path.write_text(text.replace("robot: fr3", "robot: fr4"))
    with pytest.raises(UsageError, match=r"mine\.yaml: robot: config/robots: no 'fr4'; did you mean 'fr3'\?"):
        experiment.load(str(path), ["seed=1"])
    assert experiment.load(str(path), (), ["robot:=ur5"]).robot == "ur5"


def test_a_continuation_with_a_wrong_word_is_told_of_the_command_line(tmp_path):
    folder.adopt("reach_local", tmp_path)
    with pytest.raises(UsageError, match="^command line: iterations: 0; 1 to 1000 is expected"):
        folder.resume(tmp_path, ["iterations=0"], ())


@pytest.mark.parametrize(("word", "meant"), [("iteratons", "iterations"), ("Robot", "robot"), ("tsk", "task")])
def test_a_required_key_that_is_misspelt_is_not_called_missing(tmp_path, word, meant):
    path = tmp_path / "mine.yaml"
    path.write_text(experiment.as_yaml(experiment.load("reach_local")).replace(f"\n{meant}:", f"\n{word}:"))
    with pytest.raises(UsageError, match=f"mine.yaml: {word}: unknown key; did you mean '{meant}'"):
        experiment.load(str(path))


@pytest.mark.parametrize("where", ["reach_lcal", "config/experiments/reach_lcal.yaml"])
def test_an_experiment_that_is_not_there_is_named_with_the_near_one(where):
    with pytest.raises(UsageError, match="did you mean .*reach_local"):
        experiment.load(where)


@pytest.mark.parametrize("text", ["", "[]", "name: x\nname: y", "a: &b 1\nc: *b", "{" * 100, "\x00"])
def test_a_file_that_is_no_experiment_is_refused_by_name(tmp_path, text):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"wrong\.yaml"):
        experiment.load(str(path))


def test_a_run_folder_is_made_with_the_whole_configuration_or_not_at_all(tmp_path, monkeypatch):
    from datetime import datetime

    chosen = experiment.load("reach_local")
    monkeypatch.chdir(tmp_path)
    run = folder.create(chosen, None, datetime(2030, 1, 2, 3, 4, 5))
    assert run == tmp_path / "runs" / "reach_local-20300102-030405"
    assert yaml.safe_load((run / "config.yaml").read_text())["local"]["memory"] == chosen.local.memory
    assert folder.read_experiment(run) == chosen
    with pytest.raises(UsageError, match="exists already.*--resume"):
        folder.create(chosen, run, datetime(2030, 1, 1))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="exists already"):
        folder.create(chosen, tmp_path / "file", datetime(2030, 1, 1))
    with pytest.raises(UsageError, match="Not a directory"):
        folder.create(chosen, tmp_path / "file" / "below", datetime(2030, 1, 1))


def test_a_folder_that_others_use_already_becomes_a_run_folder_once(tmp_path):
    (tmp_path / "bags").mkdir()
    assert folder.adopt("reach_local", tmp_path) == tmp_path
    assert folder.read_experiment(tmp_path) == experiment.load("reach_local")
    folder.adopt("reach_state", tmp_path)
    assert folder.read_experiment(tmp_path).name == "reach_local"
