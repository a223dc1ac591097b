"""What the stack knows about one robot (config/robots/*.yaml)."""

from dataclasses import dataclass
from dataclasses import field as default
from typing import Literal

Mode = Literal["effort", "velocity", "position", "trajectory"]
Numbers = tuple[float, ...]


@dataclass(frozen=True)
class NearStops:
    """Speeds that shrink towards a robot's own stops: towards `upper` at most √(slope · (upper − q)) − offset, likewise to `lower`."""

    __pydantic_config__ = {"extra": "forbid"}

    lower: Numbers  # rad, the maker's, outside of the position limits
    upper: Numbers  # rad
    slope: Numbers  # rad/s²
    offset: Numbers  # rad/s


@dataclass(frozen=True)
class Limits:
    """Per joint, in joint order. SI units."""

    __pydantic_config__ = {"extra": "forbid"}

    position_lower: Numbers  # rad
    position_upper: Numbers  # rad
    velocity: Numbers  # rad/s
    acceleration: Numbers  # rad/s²
    jerk: Numbers  # rad/s³
    effort: Numbers  # N·m
    effort_rate: Numbers  # N·m/s
    near_stops: NearStops | None = None


@dataclass(frozen=True)
class ModeConfig:
    """How one command mode reaches the robot, and the first controller that explores in it."""

    __pydantic_config__ = {"extra": "forbid"}

    controller: str  # of ros2_control
    topic: str  # "/<controller>/commands" or "/<controller>/joint_trajectory"
    action_scale: Numbers  # one unit of action in the mode's unit (position, trajectory: rad per step from the measured position)
    stiffness: Numbers  # initial PD controller, action units per rad
    damping: Numbers  # initial PD controller, action units per rad/s
    variance: float = 0.1  # of the initial exploration, action units squared


@dataclass(frozen=True)
class Plant:
    """How the simulated robot differs from its URDF's rigid bodies."""

    __pydantic_config__ = {"extra": "forbid"}

    joint_damping: Numbers  # N·m·s/rad, applied at the physics rate
    rotor_inertia: float  # kg·m² about each joint axis, already in the URDF as a disc diag(r/2, r/2, r)
    watchdog_s: float = 0.0  # robot-side: without a command for so long the robot stops itself; 0: off


@dataclass(frozen=True)
class Gripper:
    """The fingers, fixed during an episode unless a task moves them."""

    __pydantic_config__ = {"extra": "forbid"}

    joints: tuple[str, ...]
    open_m: float
    closed_m: float


@dataclass(frozen=True)
class StatusTopic:
    """A topic on which a real robot says whether it may be moved."""

    __pydantic_config__ = {"extra": "forbid"}

    topic: str
    type: str  # "package/Message"; not watched where the package is not installed
    field: str  # of the message: a bool or a whole number
    allowed: tuple[int, ...]  # true is 1
    meaning: str  # what is not noticed if it is not watched
    names: dict[str, str] = default(default_factory=dict)  # of the values
    latched: bool = True  # whether the last message is there for late comers


@dataclass(frozen=True)
class Robot:
    """One robot; all arrays in the order of `joints`."""

    __pydantic_config__ = {"extra": "forbid"}

    name: str
    urdf: str  # file name in urdf/
    base_link: str
    tool_link: str  # the tool frame of all tasks
    joints: tuple[str, ...]
    home: Numbers  # rad
    limits: Limits
    joint_states_topic: str
    update_rate_hz: float  # of the real robot's controller_manager
    command_mode: Mode  # the default one
    modes: dict[Mode, ModeConfig]
    plant: Plant
    gripper: Gripper | None = None
    status: tuple[StatusTopic, ...] = ()  # of the real robot
    simulation_only: bool = False
