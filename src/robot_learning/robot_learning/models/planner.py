"""A policy that plans: a learned model of the dynamics, and how far and how hard to plan on it at every step.

What it does is in run/replanning.py; here it is a value that can be stored and sent like a network's weights.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, NamedTuple

from robot_learning.core.types import Array
from robot_learning.models.dynamics_net import DynamicsNet

KIND = "planner"
MOST = 100  # steps ahead, and iterations


@dataclass(frozen=True)
class PlanningRules:
    """Settings."""

    __pydantic_config__ = {"extra": "forbid"}

    horizon: int = 15  # steps that are planned ahead
    iterations: int = 3  # of iLQR at each step
    velocity: float = 0.03  # s²/rad², least weight of joint velocities
    limit: float = 100.0  # 1/rad², weight of positions beyond the margin
    margin: float = 0.1  # rad, from the limits of position

    def wrong(self) -> str:
        """The first setting that makes no sense, and what is expected; "" if all do."""
        for name in ("horizon", "iterations"):
            value = getattr(self, name)
            if not 1 <= value <= MOST:
                return f"{name}: {value}; 1 to {MOST} is expected"
        for name in ("velocity", "limit", "margin"):
            value = getattr(self, name)
            if not (isfinite(value) and value >= 0.0):
                return f"{name}: {value}; at least 0 is expected"
        return ""


class Planner(NamedTuple):
    """See the module."""

    net: DynamicsNet
    rules: PlanningRules

    @property
    def state_dim(self) -> int:
        """Length dx of the states on which it acts."""
        return len(self.net.shift)

    @property
    def action_dim(self) -> int:
        """Length du of its actions."""
        return len(self.net.center) - len(self.net.shift)

    def state(self) -> dict[str, Array]:
        """The arrays that make it up, by name."""
        return self.net.state()

    def about(self) -> dict[str, object]:
        """See models/manifest.py."""
        return {"kind": KIND, "planning": asdict(self.rules)}

    @classmethod
    def from_weights(cls, tensors: Mapping[str, Array], manifest: Mapping[str, Any]) -> "Planner":
        """The planner with these arrays and the rules of its manifest; ValueError if they make no sense."""
        return cls(DynamicsNet.from_state(tensors), _rules(manifest.get("planning")))


def _rules(content: Any) -> PlanningRules:
    names = asdict(PlanningRules())
    if not isinstance(content, dict) or content.keys() != names.keys():
        raise ValueError(f"planning: {content!r}; {', '.join(names)} are expected")
    for name, default in names.items():
        value = content[name]
        if isinstance(value, bool) or not isinstance(value, int | type(default)):
            raise ValueError(f"planning: {name}: {value!r}; {'a number' if isinstance(default, float) else 'a whole number'} is expected")
    rules = PlanningRules(**content)
    if rules.wrong():
        raise ValueError(f"planning: {rules.wrong()}")
    return rules
