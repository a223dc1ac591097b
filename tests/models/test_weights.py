"""Only a whole, right, newer file is accepted; everything else is refused with a reason and leaves the old one as it was."""

import io
import json
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_learning.core.errors import WorkFailed
from robot_learning.models.weights import HEADER_CAP, PART_BYTES, Assembler, Assemblers, Part, Refused, load, pack, split, store, unpack


def file(version=1, scale=1.0, policy="global", hidden=40, **extra):
    rng = np.random.default_rng(version)
    tensors = {"w0": scale * rng.normal(size=(32, hidden)), "b0": np.zeros(hidden, np.float32)}
    return pack(tensors, {"policy": policy, "version": version, "robot": "fr3", **extra})


def feed(assembler, parts):
    """The file that the parts make up; None if it was refused or is incomplete."""
    result = None
    for part in parts:
        try:
            result = assembler.add(part)
        except Refused:
            return None
    return result


OLD = split(file(1, hidden=4000), "global", 1)
NEW = split(file(2, hidden=4000), "global", 2)


def running():
    assembler = Assembler({"policy": "global", "robot": "fr3"})
    assert feed(assembler, OLD) is not None
    return assembler


def test_a_file_comes_back_bit_for_bit():
    tensors = {"a": np.array([[1.5, -0.0], [np.nextafter(0, 1), 1e300]]), "n": np.arange(3)}
    weights = unpack(pack(tensors, {"policy": "p", "version": 3, "action_scale": [0.1, 2.0]}))
    assert {name: t.tobytes() for name, t in weights.tensors.items()} == {name: t.tobytes() for name, t in tensors.items()}
    assert (weights.policy, weights.version, weights.manifest["action_scale"]) == ("p", 3, [0.1, 2.0])


def test_the_same_weights_make_the_same_bytes():
    assert file(5) == file(5)


def test_parts_are_small_and_make_up_the_file():
    assert len(NEW) > 1
    assert max(len(part.data) for part in NEW) <= PART_BYTES
    assert b"".join(part.data for part in NEW) == file(2, hidden=4000)
    assert feed(Assembler(), NEW).version == 2


def spoiled():
    wrong_shape = split(file(2, hidden=4001), "global", 2)
    yield "missing", NEW[:1] + NEW[2:], "part"
    yield "duplicate", NEW[:2] + NEW[1:], "part"
    yield "reordered", [NEW[0], NEW[2], NEW[1], *NEW[3:]], "part"
    yield "old version", split(file(1, hidden=4000), "global", 1), "version"
    yield "mixed files", NEW[:1] + wrong_shape[1:], "part"
    yield "version on the envelope only", [replace(part, version=3) for part in NEW], "manifest"
    yield "other policy", split(file(2, policy="other"), "other", 2), "name"
    yield "other robot", split(pack({"w": np.ones(2)}, {"policy": "global", "version": 2, "robot": "ur5"}), "global", 2), "manifest"
    yield "count too large", [replace(NEW[0], count=4_000_000_000)], "size"
    yield "empty part", [replace(NEW[0], data=b"")], "size"
    yield "large part", [replace(NEW[0], data=b"x" * (PART_BYTES + 1))], "size"


@pytest.mark.parametrize(("parts", "kind"), [pytest.param(p, k, id=name) for name, p, k in spoiled()])
def test_what_is_wrong_is_refused_counted_and_changes_nothing(parts, kind):
    assembler = running()
    before = assembler.current
    assert feed(assembler, parts) is None
    assert assembler.current is before
    assert dict(assembler.refused) == {kind: 1}
    assert feed(assembler, NEW).version == 2  # a good file still gets through


def test_a_sender_that_died_in_the_middle_does_not_block_the_next():
    assembler = running()
    assert feed(assembler, NEW[:-1]) is None
    assert assembler.current.version == 1
    assert feed(assembler, split(file(3, hidden=4000), "global", 3)).version == 3


def test_the_size_cap_holds_before_memory_is_used():
    assembler = Assembler(size_cap=PART_BYTES)
    with pytest.raises(Refused, match="at most 262144 bytes"):
        assembler.add(NEW[0])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_never_accepted(place, bit):
    data = bytearray(file(2))
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(Refused):  # even without the digest of the envelope
        unpack(bytes(data))
    part = Part("global", 2, split(file(2), "global", 2)[0].sha256, 0, 1, bytes(data))
    assembler = running()
    with pytest.raises(Refused):
        assembler.add(part)
    assert assembler.current.version == 1


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_garbage_is_refused(data):
    with pytest.raises(Refused):
        unpack(data)


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x) | st.dictionaries(st.text(max_size=9), x)))
def test_any_json_header_is_refused(header):
    text = json.dumps({"__metadata__": {"manifest": json.dumps(header)}, "w": header}).encode()
    with pytest.raises(Refused):
        unpack(len(text).to_bytes(8, "little") + text)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(range(len(NEW))), max_size=2 * len(NEW)))
def test_parts_in_any_order_give_the_file_only_when_they_came_in_order(order):
    assembler = Assembler()
    results = []
    for index in order:
        try:
            results.append(assembler.add(NEW[index]))
        except Refused:
            results.append(None)
    complete = any(order[i : i + len(NEW)] == list(range(len(NEW))) for i in range(len(order)))
    assert any(result is not None for result in results) == complete


def test_pickles_zips_and_huge_headers_are_named():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("data.pkl", pickle.dumps([1, 2]))
    with pytest.raises(Refused, match="zip archive"):
        unpack(archive.getvalue())
    with pytest.raises(Refused, match="pickle"):
        unpack(pickle.dumps({"w": [1.0] * 9}))
    with pytest.raises(Refused, match=f"at most {HEADER_CAP}"):
        unpack((10_000_000_000).to_bytes(8, "little") + b"{}" + bytes(100))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_packed(bad):
    with pytest.raises(Refused, match="'w' is not finite"):
        pack({"w": np.array([1.0, bad])}, {"policy": "p", "version": 1})


def test_shapes_and_types_are_those_of_the_manifest():
    tensors = {"w": np.zeros((2, 3))}
    data = pack(tensors, {"policy": "p", "version": 1})
    for wrong in (data.replace(b'[2,3],"data', b'[3,2],"data'), data.replace(b'"dtype":"F64"', b'"dtype":"I64"')):
        assert wrong != data
        with pytest.raises(Refused, match="'w': manifest says"):
            unpack(wrong)
    with pytest.raises(Refused, match="tensors is"):
        unpack(data, {"tensors": {"w": {"dtype": "float64", "shape": [3, 3]}}})


def test_stored_files_are_whole_and_named_in_errors(tmp_path):
    path = tmp_path / "policy.safetensors"
    store(path, file(1))
    tensors, manifest = load(path, {"robot": "fr3"})
    assert tensors["w0"].shape == (32, 40)
    assert manifest["version"] == 1
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    with pytest.raises(Refused, match=r"policy.safetensors: manifest: robot is 'fr3', expected 'ur5'"):
        load(path, {"robot": "ur5"})
    path.write_bytes(file(1)[:-3])
    with pytest.raises(Refused, match="policy.safetensors"):
        load(path)
    with pytest.raises(WorkFailed, match="No such file"):
        load(tmp_path / "none")


def other(name, version=1):
    """The parts of somebody else's policy."""
    return split(file(version, policy=name, hidden=4000), name, version)


def test_each_policy_has_its_own_rising_versions():
    both = Assemblers({"robot": "fr3"}, 4)
    pairs = zip(OLD, other("second"), strict=True)
    found = [weights for pair in pairs for weights in map(both.add, pair) if weights is not None]
    assert [(weights.policy, weights.version) for weights in found] == [("global", 1), ("second", 1)]
    with pytest.raises(Refused, match="version 1 is not newer than 1"):
        both.add(OLD[0])
    assert "global" in both


def test_names_that_are_refused_take_no_room():
    few = Assemblers({"robot": "fr3"}, 2)
    for number in range(20):
        for bad in (
            replace(OLD[1], policy=f"p{number}"),
            replace(OLD[0], policy=f"../{number}"),
            replace(OLD[0], policy=f"q{number}", data=b""),
        ):
            with pytest.raises(Refused):
                few.add(bad)
            assert bad.policy not in few
    assert feed(few, OLD) is not None


def test_any_number_of_good_looking_names_keeps_no_policy_out():
    few = Assemblers({"robot": "fr3"}, 3)
    for number in range(20):
        few.add(replace(OLD[0], policy=f"p{number}"))
    assert feed(few, OLD).version == 1
    for number in range(20):
        few.add(replace(OLD[0], policy=f"p{number}"))
    assert "global" in few, "complete ones stay"
    assert feed(few, NEW).version == 2
    for number in range(20):
        assert feed(few, other(f"complete{number}")) is not None
    assert [f"complete{number}" in few for number in range(16, 20)] == [False, True, True, True]


def test_incomplete_files_together_are_no_larger_than_one_may_be():
    few = Assemblers({"robot": "fr3"}, 16, size_cap=3 * PART_BYTES)
    parts = [replace(part, count=3) for part in OLD[:2]]
    for number in range(5):
        for part in parts:
            few.add(replace(part, policy=f"p{number}"))
    assert [f"p{number}" in few for number in range(5)] == [False] * 4 + [True]
