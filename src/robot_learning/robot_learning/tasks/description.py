"""What the stack knows about one task (config/tasks/*.yaml), and the conditions drawn from it."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from robot_learning.core.errors import UsageError
from robot_learning.core.types import Array

Vector2 = tuple[float, float]
Vector3 = tuple[float, float, float]


@dataclass(frozen=True)
class CostWeights:
    """½ l2 d² + ½ log ln(d² + alpha) + ½ action u² (+ ½ velocity q̇²) and the terms of tasks/cost_terms.py; weights of 0 leave them out."""

    __pydantic_config__ = {"extra": "forbid"}

    l2: float = 1.0  # 1/m²
    log: float = 0.1
    alpha: float = 1e-5  # m²
    action: float = 0.1  # per squared action unit
    velocity: float = 0.0  # s²/rad²
    final: float = 1.0  # how many times l2 and log count at the last state
    smooth: float = 0.0  # per squared action unit
    limits: float = 0.0  # 1/rad, of joint positions beyond their limits
    limits_width: float = 0.1  # rad, before a limit, where that begins to count
    contact: float = 0.0  # 1/m, of the first tool point below its place at the target
    contact_width: float = 0.01  # m
    turn: float = 0.0  # 1/m², of the other tool points against the first
    height: float = 0.0  # 1/m², of the first tool point against its height at the target
    aside: float = 0.0  # 1/m², of the first tool point from the vertical through its target
    tip: float = 0.0  # 1/m², from the first tool point to the first object, seen from above
    moves: float = 0.0  # s²/m², of the first object's velocity against the one that takes it to its target


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
class Blade:
    """A square rod in the hand that pushes things over the table with its sides."""

    __pydantic_config__ = {"extra": "forbid"}

    width: float  # m
    length: float  # from the tool frame to its lower end, m
    gap: float  # between its lower end and the table at the start and at the target, m


@dataclass(frozen=True)
class Disc:
    """A cylinder that lies on the table and slides; its place is part of the state."""

    __pydantic_config__ = {"extra": "forbid"}

    name: str
    radius: float  # m
    height: float  # m
    mass: float  # kg
    friction: float  # Coulomb coefficient between it and the table
    start_lower: Vector2  # region of the starts, from the first tool point at the start, base axes, m
    start_upper: Vector2


@dataclass(frozen=True)
class Arm:
    """What the cost has to know of a robot."""

    lower: tuple[float, ...]  # limits of the joint positions, rad
    upper: tuple[float, ...]
    steady: tuple[float, ...]  # action units per rad/s: the action that keeps a joint's velocity


@dataclass(frozen=True)
class TaskConfig:
    """One task; the same file serves every robot."""

    __pydantic_config__ = {"extra": "forbid"}

    name: str
    kind: Literal["reach", "peg_insertion", "puck"]
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
    blade: Blade | None = None
    objects: tuple[Disc, ...] = ()  # the target is the place of the first tool point and of all of them
    arm: Arm | None = None  # not in files: tasks/cost_terms.py fills it in where the cost needs it


class Condition(NamedTuple):
    """One start and goal."""

    name: str
    initial_positions: Array  # (n,), rad
    target: Array  # (4, 4), of the tool frame in the base frame, m
    parameters: dict[str, float]  # such as the block's, and "<object>.x", "<object>.y" (base frame, m): where each object starts


def start_of(condition: Condition, name: str) -> tuple[float, float]:
    """Where an object starts, x and y in the base frame, m; UsageError if the condition does not say."""
    try:
        return condition.parameters[f"{name}.x"], condition.parameters[f"{name}.y"]
    except KeyError:
        raise UsageError(f"condition {condition.name}: parameters: {name}.x and {name}.y are expected, the start of the object") from None
