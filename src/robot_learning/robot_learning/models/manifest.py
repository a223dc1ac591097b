"""What stands in the manifest of a policy's weights, and whether a policy with such a manifest can act here."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from robot_learning.core.types import Array


class Described(Protocol):
    """A policy of any kind."""

    def about(self) -> dict[str, object]:
        """Its "kind", and what else of it is no array; plain values for JSON."""

    def state(self) -> dict[str, Array]:
        """The arrays that make it up, by name."""


def manifest(
    policy: Described,
    robot: str,
    mode: str,
    task: str,
    rate_hz: float,
    observation: Sequence[str],
    action_scale: Sequence[float],
    camera: str = "",
) -> dict[str, object]:
    """What a user of the weights has to know and check; a plain value for JSON. `camera`: hash of the one that it sees through."""
    return {
        **policy.about(),
        "robot": robot,
        "mode": mode,
        "task": task,
        "rate_hz": rate_hz,
        "observation": list(observation),
        "action_scale": list(action_scale),
        "camera": camera,
        "arrays": {name: {"shape": list(array.shape), "dtype": str(array.dtype)} for name, array in policy.state().items()},
    }


def misfit(manifest: Mapping[str, Any], observation: Sequence[str], rate_hz: float, cameras: Mapping[str, str]) -> str:
    """Why a policy cannot act on these observations at this rate, Hz, with cameras of these hashes; empty if it can."""
    seen = manifest.get("observation")
    if not isinstance(seen, list) or len(seen) != len(observation):
        found = f"{len(seen)} numbers" if isinstance(seen, list) else "missing"
        return f"manifest: observation: {found}; {len(observation)} are expected"
    for i, (theirs, ours) in enumerate(zip(seen, observation, strict=True)):
        if theirs != ours:
            return f"manifest: observation: number {i} is {theirs!r}, expected {ours!r}"
    if manifest.get("rate_hz") != rate_hz:
        return f"manifest: rate_hz is {manifest.get('rate_hz')!r}, expected {rate_hz!r}"
    camera = manifest.get("camera")
    if camera != "" and camera not in cameras.values():
        return f"manifest: camera is {str(camera)[:12]!r}; no camera in config/cameras has this hash; there is {', '.join(cameras)}"
    return ""
