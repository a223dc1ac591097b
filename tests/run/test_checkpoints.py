import numpy as np
import pytest

from robot_learning.algorithms import local_gps
from robot_learning.algorithms.local_gps import LocalConfig, LocalState
from robot_learning.algorithms.mdgps import MdgpsState
from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.core.types import LinearGaussian
from robot_learning.run import checkpoints
from robot_learning.run.records import Iteration, Outcome


@pytest.fixture
def saved(tmp_path):
    rng = np.random.default_rng(0)
    controllers = LinearGaussian(rng.normal(size=(2, 5, 3, 4)), rng.normal(size=(2, 5, 3)), np.tile(np.eye(3), (2, 5, 1, 1)))
    state = local_gps.start(controllers, LocalConfig())
    outcome = Outcome("local", "train", "train-0", float("nan"), 1.0, False, "fault: x")
    record = Iteration(1, 5, {"train-0": 1.5}, (), {}, (outcome,), {"episodes": 1.0}, {"gate.changed": 3}, ("note",))
    checkpoints.save(tmp_path, 1, state, [record], {"further.bin": b"abc"})
    return tmp_path, state, record


def test_what_is_saved_is_loaded_bit_by_bit(saved):
    run, state, record = saved
    found = checkpoints.load(run, 1, LocalState)
    for before, after in zip(state.controllers, found.state.controllers, strict=True):
        assert before.tobytes() == after.tobytes()
    assert repr(found.iterations) == repr((record,))  # NaN equals itself as text
    assert checkpoints.file(run, 1, "further.bin") == b"abc"


def load_all(run):
    checkpoints.load(run, 1, LocalState)
    checkpoints.file(run, 1, "further.bin")


@pytest.mark.parametrize("name", ["checkpoint.json", "learner.safetensors", "further.bin"])
@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "gone"])
def test_a_damaged_or_missing_file_is_named(saved, name, harm):
    run, _, _ = saved
    path = run / "checkpoints" / "001" / name
    data = bytearray(path.read_bytes())
    path.unlink()
    if harm == "flip":
        data[len(data) // 2] ^= 0x80
    if harm != "gone":
        path.write_bytes(data[: {"flip": len(data), "cut": len(data) // 2, "empty": 0}[harm]])
    with pytest.raises(UsageError, match=name) as caught:
        load_all(run)
    assert "\n" not in str(caught.value)


def test_only_folders_with_a_number_are_checkpoints(saved):
    folder = saved[0] / "checkpoints"
    for name in ("2²", "³", "\u0664", "4x"):
        (folder / name).mkdir()
    (folder / "009").touch()
    assert checkpoints.numbers(saved[0]) == [1]


def test_a_checkpoint_of_another_algorithm_is_refused(saved):
    with pytest.raises(UsageError, match="not a checkpoint of this algorithm"):
        checkpoints.load(saved[0], 1, MdgpsState)


def test_an_iteration_is_written_once(saved):
    run, state, record = saved
    with pytest.raises(WorkFailed, match="exists"):
        checkpoints.save(run, 1, state, [record], {})
    assert checkpoints.numbers(run) == [1]


def test_there_is_no_checkpoint_in_an_empty_run(tmp_path):
    assert checkpoints.latest(tmp_path) == 0


@pytest.mark.parametrize(
    ("old", "new"), [('"iteration": 1', '"iteration": 2'), ('"samples": 5', '"samples": 6'), ('"format": 2', '"format": 1')]
)
def test_an_edited_index_is_damaged(saved, old, new):
    path = saved[0] / "checkpoints" / "001" / checkpoints.INDEX
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UsageError, match=r"checkpoint\.json: damaged: "):
        load_all(saved[0])


def test_a_checkpoint_in_the_folder_of_another_iteration_is_named(saved):
    folder = saved[0] / "checkpoints"
    (folder / "001").rename(folder / "002")
    with pytest.raises(UsageError, match=r"iteration: 1; 2 is expected"):
        checkpoints.load(saved[0], 2, LocalState)
