"""What the stack knows about one task (config/tasks/*.yaml), and the conditions drawn from it."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from robot_learning.core.types import Array

Vector3 = tuple[float, float, float]


@dataclass(frozen=True)
class CostWeights:
    """½ l2 d² + ½ log ln(d² + alpha) + ½ action u² (+ ½ velocity q̇²), summed over the tool points' coordinates."""

    __pydantic_config__ = {"extra": "forbid"}

    l2: float = 1.0  # 1/m²
    log: float = 0.1
    alpha: float = 1e-5  # m²
    action: float = 0.1  # per squared action unit
    velocity: float = 0.0  # s²/rad²


@dataclass(frozen=True)
class Block:
    """A square block with a square hole from above; its parameters are those of the peg task."""

    __pydantic_config__ = {"extra": "forbid"}

    depth: float  # of the hole, m
    width: float  # of the peg (square), m
    clearance: float  # a side, m
    chamfer: float  # of the hole's upper edge, m
    friction: float  # Coulomb coefficient between peg and block
    peg_length: float  # from the tool frame to the tip, m


@dataclass(frozen=True)
class TaskConfig:
    """One task; the same file serves every robot."""

    __pydantic_config__ = {"extra": "forbid"}

    name: str
    kind: Literal["reach", "peg_insertion"]
    rate_hz: float  # of the policy
    horizon: int  # T, steps
    tool_points: tuple[Vector3, ...]  # in the tool frame, m
    target_lower: Vector3  # region of the targets, relative to the tool at `start`, along the base's axes, m
    target_upper: Vector3
    start_offset: Vector3 = (0.0, 0.0, 0.0)  # of the tool at the start, relative to home, base axes, m
    start_jitter: float = 0.0  # uniform, rad: of the initial joint positions, per condition
    success_distance: float = 0.01  # m, local controllers (DECISIONS: noise-free mean policy, final step)
    success_distance_global: float = 0.02  # m, global policy
    cost: CostWeights = field(default_factory=CostWeights)
    block: Block | None = None


class Condition(NamedTuple):
    """One start and goal."""

    name: str
    initial_positions: Array  # (n,), rad
    target: Array  # (4, 4), of the tool frame in the base frame, m
    parameters: dict[str, float]
