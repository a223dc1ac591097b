"""One experiment (config/experiments/*.yaml): which robot learns which task, how, and from what."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from robot_learning.algorithms.augmented_lagrangian import AugmentedRules
from robot_learning.algorithms.badmm import BadmmRules
from robot_learning.algorithms.dagger import DaggerRules
from robot_learning.algorithms.local_gps import LocalConfig
from robot_learning.algorithms.mdgps import MdgpsRules
from robot_learning.algorithms.plato import PlatoRules
from robot_learning.algorithms.policy_fit import FitConfig
from robot_learning.algorithms.steady_gps import SteadyRules
from robot_learning.control.demonstration import DemonstrationRules
from robot_learning.control.ilqr import IlqrConfig
from robot_learning.core.errors import UsageError
from robot_learning.core.paths import share_dir
from robot_learning.models.planner import PlanningRules
from robot_learning.robots.description import Mode
from robot_learning.run import overrides
from robot_learning.run.config import DUMPER, available, build, load_yaml, named_file
from robot_learning.run.near import near
from robot_learning.run.records import as_plain

Count = Annotated[int, Field(ge=1, le=1000)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Algorithm = Literal[
    "local_gps",
    "mdgps",
    "augmented_lagrangian",
    "badmm",
    "behaviour_cloning",
    "dagger",
    "plato",
    "nearest_neighbour",
    "steady_local",
    "steady_gps",
    "ilqr",
    "mpc",
]
IMITATION = ("behaviour_cloning", "dagger", "plato", "steady_gps")  # a policy learns from local controllers that can do the task already
COMMAND_LINE = "command line"
LOCAL = ("local_gps", "steady_local", "ilqr")  # no policy
ABOVE_ZERO = (
    "local.kl_step",
    "local.kl_step_least",
    "fit.rate",
    "fit.least_deviation",
    "badmm.weight",
    "badmm.weight_least",
    "steady.trust",
    "steady.deviation",
    "demonstration.variance",
    "ilqr.tolerance",
)
AT_LEAST_ONE = (
    "local.memory",
    "local.points_per_component",
    "fit.steps",
    "fit.batch",
    "steady.members",
    "steady.patience",
    "ilqr.iterations",
)
AT_LEAST_ZERO = (
    "local.mixture_components",
    "local.covariance_floor",
    "fit.decay",
    "augmented_lagrangian.penalty",
    "augmented_lagrangian.dual_step",
    "badmm.dual_step",
    "plato.nearness",
    "steady.errors",
    "steady.alone",
    "steady.easy",
    "steady.slack",
    "steady.bond",
    "steady.velocity",
    "steady.jitter",
)
AT_MOST = {"steady.slack": 0.05, "steady.jitter": 3.0, "steady.members": 32}  # more is a slip of the keyboard


@dataclass(frozen=True)
class Conditions:
    """How many starts and goals are drawn."""

    __pydantic_config__ = {"extra": "forbid"}

    train: Count = 4
    heldout: Annotated[int, Field(ge=0, le=1000)] = 0
    seed: Seed = 0


@dataclass(frozen=True)
class Evaluation:
    """Noise-free episodes between iterations and at the end; they are not counted as samples."""

    __pydantic_config__ = {"extra": "forbid"}

    every: Count = 1  # iterations
    cameras: tuple[str, ...] = ()  # recorded in the final evaluation, names in config/cameras
    film: Annotated[int, Field(ge=0, le=20)] = 3  # conditions shown in the report


@dataclass(frozen=True)
class Required:
    """Success rates of the last iterate at which the task counts as learned."""

    __pydantic_config__ = {"extra": "forbid"}

    train: Fraction = 1.0
    heldout: Fraction = 0.0


@dataclass(frozen=True)
class Experiment:
    """What `robot-learning train` needs to know."""

    __pydantic_config__ = {"extra": "forbid"}

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
    robot: str  # name in config/robots
    task: str  # name in config/tasks
    algorithm: Algorithm
    iterations: Count
    rollouts: Count = 5  # per condition and iteration
    mode: Mode | None = None  # the robot's default one if none is given
    cell: str | None = None  # name in config/cells: what the robot must not come near to; in simulation nothing if none is given
    conditions: Conditions = field(default_factory=Conditions)
    evaluation: Evaluation = field(default_factory=Evaluation)
    required: Required = field(default_factory=Required)
    local: LocalConfig = field(default_factory=LocalConfig)
    hidden: Annotated[tuple[Count, ...], Field(min_length=1, max_length=8)] = (40, 40)  # layers of the global policy
    fit: FitConfig = field(default_factory=FitConfig)
    mdgps: MdgpsRules = field(default_factory=MdgpsRules)
    augmented_lagrangian: AugmentedRules = field(default_factory=AugmentedRules)
    badmm: BadmmRules = field(default_factory=BadmmRules)
    turns: Annotated[int, Field(ge=1, le=100)] = 2  # of the steps of augmented_lagrangian and badmm, on the same rollouts
    teaching: Count = 4  # of the iterations: in which local controllers learn; the policy of an imitation learns from them in the rest
    dagger: DaggerRules = field(default_factory=DaggerRules)
    plato: PlatoRules = field(default_factory=PlatoRules)
    steady: SteadyRules = field(default_factory=SteadyRules)
    demonstration: DemonstrationRules = field(default_factory=DemonstrationRules)
    ilqr: IlqrConfig = field(default_factory=lambda: IlqrConfig(iterations=2))  # of each iteration
    mpc: PlanningRules = field(default_factory=PlanningRules)
    seed: Seed = 0

    @property
    def has_policy(self) -> bool:
        """Whether the algorithm has a global policy: something that can act in any condition."""
        return self.algorithm not in LOCAL

    @property
    def judged(self) -> str:
        """The kind of controller by which a run is judged: "policy" if there is one, or "local"."""
        return "policy" if self.has_policy else "local"


def load(where: str, settings: Sequence[str] = (), remaps: Sequence[str] = ()) -> Experiment:
    """The experiment in a file (or named in config/experiments) with the command line's changes; UsageError is one line."""
    path = find(where)
    return changed(path, settings, remaps)


def changed(path: Path, settings: Sequence[str], remaps: Sequence[str]) -> Experiment:
    """The experiment in a file with the command line's changes; UsageError names the file, or the command line if the file is right."""
    own, changes = content(path), overrides.parse(settings, remaps)
    try:
        return checked(overrides.apply(own, changes, str(path)), str(path))
    except UsageError:
        if not changes:
            raise
        checked(own, str(path))
        return checked(overrides.apply(own, changes, COMMAND_LINE), COMMAND_LINE)


def content(path: Path) -> Any:
    """What the file of an experiment says, not yet checked. The paths of demonstrations in it are relative to its folder."""
    found = load_yaml(path)
    inner = found.get("demonstration") if isinstance(found, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("bags"), list):
        return found
    folder = path.absolute().parent
    bags = [str(folder / bag) if isinstance(bag, str) else bag for bag in inner["bags"]]
    return {**found, "demonstration": {**inner, "bags": bags}}


def find(where: str) -> Path:
    """The path of an experiment given as a path or as a name in config/experiments."""
    path = Path(where)
    if path.is_file():
        return path
    if path.parent == Path() and path.suffix == "":
        return named_file("experiments", where)
    meant = near(path.stem, available("experiments"))
    hint = f"; did you mean {share_dir() / 'config' / 'experiments' / meant}.yaml?" if meant else ""
    raise UsageError(f"{where}: no such file{hint}")


def checked(content: Any, where: str) -> Experiment:
    """`content` as an experiment whose robot, task and cameras exist."""
    experiment = build(Experiment, content, where)
    _check_positive(experiment, where)
    _check_multiples(experiment, where)
    _check_imitation(experiment, where)
    _check_planning(experiment, where)
    for label, folder, names in (
        ("robot", "robots", (experiment.robot,)),
        ("task", "tasks", (experiment.task,)),
        ("evaluation.cameras", "cameras", experiment.evaluation.cameras),
    ):
        for name in names:
            try:
                named_file(folder, name)
            except UsageError as error:
                raise UsageError(f"{where}: {label}: {error}") from None
    return experiment


def _check_positive(experiment: Experiment, where: str) -> None:
    for name in (*ABOVE_ZERO, *AT_LEAST_ONE, *AT_LEAST_ZERO):
        value, least, most = attrgetter(name)(experiment), 1 if name in AT_LEAST_ONE else 0, AT_MOST.get(name, float("inf"))
        if not (least <= value <= most) or value == float("inf") or (name in ABOVE_ZERO and value == 0):
            lower = "more than 0" if name in ABOVE_ZERO else f"at least {least}"
            upper = f" and at most {most:g}" if name in AT_MOST else ", and finite," if value == float("inf") else ""
            raise UsageError(f"{where}: {name}: {value}; {lower}{upper} is expected")


def _check_multiples(experiment: Experiment, where: str) -> None:
    local, badmm = experiment.local, experiment.badmm
    for section, name, least_multiple, most_multiple in (
        ("local", "kl_step", local.kl_step_least, local.kl_step_most),
        ("badmm", "weight", badmm.weight_least, badmm.weight_most),
    ):
        if not least_multiple <= 1.0 <= most_multiple < float("inf"):
            raise UsageError(f"{where}: {section}.{name}_least, {section}.{name}_most: the multiples of {name} must enclose 1")


def _check_imitation(experiment: Experiment, where: str) -> None:
    if not 0.0 <= experiment.dagger.mixture <= 1.0:
        raise UsageError(f"{where}: dagger.mixture: {experiment.dagger.mixture}; 0 to 1 is expected")
    if experiment.algorithm in IMITATION and experiment.teaching >= experiment.iterations:
        raise UsageError(f"{where}: teaching: {experiment.teaching}; less than iterations ({experiment.iterations}) is expected")


def _check_planning(experiment: Experiment, where: str) -> None:
    wrong = experiment.mpc.wrong()
    if wrong:
        raise UsageError(f"{where}: mpc.{wrong}")
    if experiment.algorithm == "mpc" and experiment.local.prior != "neural":
        raise UsageError(f"{where}: local.prior: {experiment.local.prior}; mpc plans on the network, neural is expected")


def as_mapping(experiment: Experiment) -> dict[str, Any]:
    """The experiment as a mapping of plain values, as it would stand in a YAML file."""
    mapping: dict[str, Any] = as_plain(asdict(experiment))
    return mapping


def as_yaml(experiment: Experiment) -> str:
    """The experiment as the text of a YAML file that reads back the same."""
    return str(yaml.dump(as_mapping(experiment), Dumper=DUMPER, sort_keys=False))
