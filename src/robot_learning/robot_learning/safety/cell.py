"""What surrounds a robot, and which of its own parts may be near each other (config/cells, config/self_collision)."""

from dataclasses import dataclass

OPEN = "open"  # the cell that limits nothing but the robot's own parts
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Cell:
    """Where the robot may be. Everything in the robot's base frame, in m; what is left out does not limit."""

    __pydantic_config__ = {"extra": "forbid"}

    name: str
    tool_lower: Point | None = None  # the tool frame's origin, and a held tool's tip, stay within these
    tool_upper: Point | None = None
    floor: float | None = None  # height above which everything stays that is beyond the shoulder's second joint
    held_length: float = 0.0  # of a rod in the hand, along the tool's z axis from the tool frame on
    held_radius: float = 0.0  # 0: nothing is held
    margin: float = 0.01  # kept from tool_lower, tool_upper and floor
    deceleration: float = 1.0  # m/s², with which any two parts can be brought to rest relative to each other, or to the floor


@dataclass(frozen=True)
class SelfCollision:
    """How far the parts of one robot stay from each other."""

    __pydantic_config__ = {"extra": "forbid"}

    robot: str
    margin: float  # m
    exempt: tuple[tuple[str, str], ...] = ()  # pairs of links that are not kept apart
