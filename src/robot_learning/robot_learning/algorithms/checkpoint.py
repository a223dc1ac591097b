"""An algorithm's state as named arrays and back, bit for bit: for safetensors or npz, without pickle.

A state is a NamedTuple of arrays, integers, policies, further NamedTuples, tuples of those, and None where its type allows that.
Names are the path of fields: "local.controllers.K", "local.memory.2.states", "policy.layer0.weight".
"""

from collections.abc import Mapping
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from robot_learning.core.types import Array
from robot_learning.models.gaussian_policy import GaussianPolicy

T = TypeVar("T")


def pack(state: Any, name: str = "") -> dict[str, Array]:
    """The arrays of `state`, by name."""
    if state is None:
        return {}
    if isinstance(state, GaussianPolicy):
        return {_join(name, key): np.array(array) for key, array in state.state().items()}
    if isinstance(state, tuple):
        fields = getattr(state, "_fields", range(len(state)))
        return {key: array for field, part in zip(fields, state, strict=True) for key, array in pack(part, _join(name, field)).items()}
    return {name: np.array(state)}


def unpack(kind: type[T], arrays: Mapping[str, Array]) -> T:
    """The state of class `kind` (a NamedTuple) that `arrays` were made from; KeyError or ValueError if they do not fit."""
    state: T = _restore(kind, arrays, "")
    return state


def _restore(kind: Any, arrays: Mapping[str, Array], name: str) -> Any:
    if NoneType in get_args(kind):
        (kind,) = (option for option in get_args(kind) if option is not NoneType)
        return _restore(kind, arrays, name) if _present(arrays, name) else None
    if kind is GaussianPolicy:
        return GaussianPolicy.from_state({key[len(name) + 1 :]: array for key, array in arrays.items() if key.startswith(f"{name}.")})
    if kind is int:
        return int(arrays[name])
    if hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        return kind(*(_restore(hints[field], arrays, _join(name, field)) for field in kind._fields))
    if get_origin(kind) is tuple:
        parts: list[Any] = []
        while _present(arrays, _join(name, len(parts))):
            parts.append(_restore(get_args(kind)[0], arrays, _join(name, len(parts))))
        return tuple(parts)
    return arrays[name]


def _present(arrays: Mapping[str, Array], name: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for key in arrays)


def _join(name: str, field: object) -> str:
    return f"{name}.{field}" if name else str(field)
