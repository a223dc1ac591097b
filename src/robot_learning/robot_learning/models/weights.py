"""A policy's weights on their way from the learner to its users: safetensors, in parts, checked before anything changes.

A file holds tensors and a manifest (JSON in the safetensors metadata): format, policy, version, the shape and dtype of every tensor,
a digest of all of it, and whatever the policy needs to be used rightly (robot, observation layout, action scale, normalization,
camera hash).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse
from safetensors.numpy import save as serialize

from robot_learning.core.atomic import work_failed, write_atomic
from robot_learning.core.paths import NAME

FORMAT = 1
PART_BYTES = 262_144
SIZE_CAP = 256 * 1024 * 1024
HEADER_CAP = 1024 * 1024
DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "I64": "int64", "I32": "int32", "U8": "uint8", "BOOL": "bool"}
_FOREIGN = {b"PK": "a zip archive (torch.save?)", b"\x80": "a pickle", b"\x93NUMPY": "a numpy file"}

Tensors = dict[str, NDArray[Any]]
Manifest = dict[str, Any]


class Refused(ValueError):
    """Weights that must not be used. `kind` is a word to count by; the text says what is wrong."""

    def __init__(self, kind: str, text: str) -> None:
        """`kind` is one of "size", "foreign", "header", "manifest", "tensor", "non_finite", "part", "hash", "version", "name"."""
        super().__init__(text)
        self.kind = kind


class Weights(NamedTuple):
    """A checked file."""

    policy: str
    version: int
    sha256: str  # of `data`
    tensors: Tensors
    manifest: Manifest
    data: bytes


@dataclass(frozen=True)
class Part:
    """One part of a file, as in WeightsPart."""

    policy: str
    version: int
    sha256: str  # of the whole file
    index: int
    count: int
    data: bytes


def _file(part: Part) -> tuple[str, int, str, int]:
    return part.policy, part.version, part.sha256, part.count


def pack(tensors: Mapping[str, Any], manifest: Mapping[str, Any]) -> bytes:
    """The file; `manifest` must name "policy" and "version". Arrays or torch tensors on the CPU."""
    arrays = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    shapes = {name: {"dtype": str(array.dtype), "shape": list(array.shape)} for name, array in sorted(arrays.items())}
    complete = {**manifest, "format": FORMAT, "tensors": shapes}
    complete["digest"] = _digest(complete, arrays)
    data = bytes(serialize(arrays, metadata={"manifest": json.dumps(complete, sort_keys=True, allow_nan=False)}))
    unpack(data)
    return data


def _digest(manifest: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of the manifest without the digest itself, and of the tensors by name: notices a flipped bit anywhere."""
    rest = {key: value for key, value in manifest.items() if key != "digest"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True, allow_nan=False).encode())
    for name in sorted(tensors):
        digest.update(tensors[name].tobytes())
    return digest.hexdigest()


def unpack(data: bytes, expected: Mapping[str, Any] | None = None) -> Weights:
    """The checked content of a file. `expected` entries must stand in its manifest just so. Refused says what is wrong."""
    header = _header(data)
    manifest = _manifest(header)
    declared = manifest["tensors"]
    found = {
        name: {"dtype": DTYPES.get(str(entry.get("dtype")), "?"), "shape": entry.get("shape")}
        for name, entry in header.items()
        if name != "__metadata__" and isinstance(entry, dict)
    }
    for name in sorted({*declared, *found}):
        if declared.get(name) != found.get(name):
            raise Refused("tensor", f"tensor {name!r}: manifest says {declared.get(name)}, file has {found.get(name)}")
    for key, value in (expected or {}).items():
        if manifest.get(key) != json.loads(json.dumps(value)):
            raise Refused("manifest", f"manifest: {key} is {manifest.get(key)!r}, expected {value!r}")
    try:
        tensors = parse(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise Refused("header", f"not a safetensors file: {error}") from None
    if manifest.get("digest") != _digest(manifest, tensors):
        raise Refused("hash", "the manifest's digest does not fit the tensors")
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise Refused("non_finite", f"tensor {name!r} is not finite")
    return Weights(manifest["policy"], manifest["version"], hashlib.sha256(data).hexdigest(), tensors, manifest, data)


def _header(data: bytes) -> dict[str, Any]:
    """The JSON header, looked at before the parser allocates anything."""
    if len(data) > SIZE_CAP:
        raise Refused("size", f"{len(data)} bytes; at most {SIZE_CAP} are allowed")
    size = int.from_bytes(data[:8], "little")
    if len(data) < 10 or size > min(HEADER_CAP, len(data) - 8):
        foreign = next((what for magic, what in _FOREIGN.items() if data.startswith(magic)), "")
        if foreign:
            raise Refused("foreign", f"{foreign}, not safetensors")
        raise Refused("header", f"header of {size} bytes in a file of {len(data)}; at most {HEADER_CAP} are allowed")
    try:
        header = json.loads(data[8 : 8 + size], object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Refused("header", f"header: {error}") from None
    if not isinstance(header, dict):
        raise Refused("header", "header: not a JSON object")
    return header


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _manifest(header: Mapping[str, Any]) -> Manifest:
    metadata = header.get("__metadata__")
    text = metadata.get("manifest") if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise Refused("manifest", "no manifest in the file")
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused("manifest", f"manifest: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise Refused("manifest", f"manifest: format {FORMAT} is expected")
    if not isinstance(manifest.get("policy"), str) or not NAME.fullmatch(manifest["policy"]):
        raise Refused("name", f"manifest: policy {manifest.get('policy')!r}; names match {NAME.pattern}")
    if type(manifest.get("version")) is not int or not 0 <= manifest["version"] < 2**32:
        raise Refused("version", f"manifest: version {manifest.get('version')!r} is not an unsigned 32-bit number")
    if not isinstance(manifest.get("tensors"), dict):
        raise Refused("manifest", "manifest: no tensors")
    return manifest


def split(data: bytes, policy: str, version: int) -> list[Part]:
    """The file in parts of at most 256 KiB."""
    digest = hashlib.sha256(data).hexdigest()
    pieces = [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)]
    return [Part(policy, version, digest, index, len(pieces), piece) for index, piece in enumerate(pieces)]


class Assembler:
    """Collects the parts of the next version and hands out a file only when all of it is right.

    Parts must come in order, as a reliable topic delivers them. After a refusal the next file starts at its part 0.
    """

    def __init__(self, expected: Mapping[str, Any] | None = None, size_cap: int = SIZE_CAP) -> None:
        """`expected`: manifest entries that every file must have, such as {"policy": "global", "robot": "fr3"}."""
        self.expected = dict(expected or {})
        self.size_cap = size_cap
        self.current: Weights | None = None  # the last good file
        self.refused: Counter[str] = Counter()  # by kind
        self._parts: list[Part] = []
        self._size = 0

    @property
    def pending(self) -> int:
        """Bytes of the incomplete file."""
        return self._size

    def add(self, part: Part) -> Weights | None:
        """The new file with its last part, None before. Refused (and counted) leaves `current` as it was."""
        try:
            self._check(part)
            self._parts.append(part)
            self._size += len(part.data)
            return self._complete() if part.index + 1 == part.count else None
        except Refused as refusal:
            self.refused[refusal.kind] += 1
            self._parts, self._size = [], 0
            raise

    def _check(self, part: Part) -> None:
        if part.index == 0:
            self._parts, self._size = [], 0
        self._check_identity(part)
        if part.index != len(self._parts):
            raise Refused("part", f"part {part.index} of {part.count} when part {len(self._parts)} was due")
        if self._parts and _file(part) != _file(self._parts[0]):
            raise Refused("part", f"part {part.index} belongs to another file")

    def _check_identity(self, part: Part) -> None:
        wanted = self.expected.get("policy", part.policy)
        if not NAME.fullmatch(part.policy) or part.policy != wanted:
            raise Refused("name", f"policy {part.policy!r}, expected {wanted!r}")
        if self.current is not None and part.version <= self.current.version:
            raise Refused("version", f"version {part.version} is not newer than {self.current.version}")
        if not 0 < len(part.data) <= PART_BYTES:
            raise Refused("size", f"part of {len(part.data)} bytes; 1 to {PART_BYTES} are allowed")
        if not 0 < part.count <= -(-self.size_cap // PART_BYTES) or self._size + len(part.data) > self.size_cap:
            raise Refused("size", f"{part.count} parts; at most {self.size_cap} bytes are allowed")

    def _complete(self) -> Weights:
        first, data = self._parts[0], b"".join(part.data for part in self._parts)
        self._parts, self._size = [], 0
        if hashlib.sha256(data).hexdigest() != first.sha256:
            raise Refused("hash", f"version {first.version}: the parts do not make up the announced file")
        weights = unpack(data, self.expected)
        if (weights.policy, weights.version) != (first.policy, first.version):
            raise Refused("manifest", f"{first.policy}:{first.version} contains {weights.policy}:{weights.version}")
        self.current = weights
        return weights


class Assemblers:
    """The files of several policies, by name: each has its own rising versions.

    Whatever names arrive, only so many are kept, and all incomplete files together are no larger than one may be. What must go is what
    has been silent longest, incomplete files before complete ones.
    """

    def __init__(self, expected: Mapping[str, Any], most: int, size_cap: int = SIZE_CAP) -> None:
        """`expected`: as for `Assembler`, without the name."""
        self._expected, self._most, self._size_cap = dict(expected), most, size_cap
        self._by_name: dict[str, Assembler] = {}  # the newest last

    def add(self, part: Part) -> Weights | None:
        """The new file with its last part, None before. A name is kept from its first good part on. Refused as by `Assembler`."""
        name = part.policy
        assembler = self._by_name.pop(name, None) or Assembler(self._expected | {"policy": name}, self._size_cap)
        try:
            return assembler.add(part)
        finally:
            if assembler.pending or assembler.current is not None:
                self._by_name[name] = assembler
            self._make_room(name)

    def __contains__(self, name: str) -> bool:
        """Whether a policy of this name is kept."""
        return name in self._by_name

    def _make_room(self, newest: str) -> None:
        kept = self._by_name
        while (large := sum(one.pending for one in kept.values()) > self._size_cap) or len(kept) > self._most:
            others = {name: (one.current is not None, large and not one.pending) for name, one in kept.items() if name != newest}
            del kept[min(others, key=others.__getitem__)]


def store(path: Path, data: bytes) -> None:
    """Writes a file atomically; WorkFailed if that fails."""
    write_atomic(path, data)


def load(path: Path, expected: Mapping[str, Any] | None = None) -> tuple[Tensors, Manifest]:
    """Reads and checks a file; WorkFailed if it cannot be read, Refused if it must not be used (both name the file)."""
    try:
        if path.stat().st_size > SIZE_CAP:
            raise Refused("size", f"{path}: more than {SIZE_CAP} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise work_failed(path, error) from None
    try:
        weights = unpack(data, expected)
    except Refused as refusal:
        raise Refused(refusal.kind, f"{path}: {refusal}") from None
    return weights.tensors, weights.manifest
