"""What a run remembers of itself: one record an iteration, kept in every checkpoint, in summary.json and shown in the report."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """One noise-free evaluation episode."""

    __pydantic_config__ = {"extra": "forbid"}

    controller: str  # "local" or "policy"
    split: str  # "train" or "heldout"
    condition: str
    distance: float  # of the tool to the target at the last step, m
    cost: float  # summed over the episode
    success: bool
    ending: str
    bag: str = ""  # relative to the run folder; empty if none was recorded


@dataclass(frozen=True)
class Update:
    """What the algorithm did with the controller of one condition."""

    __pydantic_config__ = {"extra": "forbid"}

    condition: str
    kl: float  # from the previous controller, nats per time step; NaN: the algorithm does not limit it
    kl_limit: float  # nats per time step; NaN likewise
    outcome: str  # such as "met", "inactive", "short" (of the allowed step), "converged" or "rejected: <reason>"


@dataclass(frozen=True)
class Iteration:
    """One turn of the loop: collect, learn, evaluate, save."""

    __pydantic_config__ = {"extra": "forbid"}

    iteration: int  # from 1
    samples: int  # training rollouts per condition so far
    costs: dict[str, float]  # mean over this iteration's rollouts, by condition
    updates: tuple[Update, ...]
    policy: dict[str, float]  # what the algorithm says about the global policy, such as its divergence; empty without one
    outcomes: tuple[Outcome, ...]
    seconds: dict[str, float]  # wall time by phase
    counts: dict[str, int]  # summed over this iteration's episodes, such as "gate.changed"
    notes: tuple[str, ...] = ()  # what was refused or repaired beyond `updates`


@dataclass(frozen=True)
class Final:
    """The evaluation after the last iteration, for the last iterate and the best one on the training conditions."""

    __pydantic_config__ = {"extra": "forbid"}

    last_iteration: int
    last: tuple[Outcome, ...]
    best_iteration: int
    best: tuple[Outcome, ...]
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # such as a better iterate that cannot be used any more


def chosen(outcomes: Iterable[Outcome], controller: str, split: str) -> list[Outcome]:
    """The outcomes of one kind of controller on one split."""
    return [o for o in outcomes if o.controller == controller and o.split == split]


def rate(outcomes: Sequence[Outcome]) -> float:
    """The fraction of successes; NaN of nothing."""
    return sum(o.success for o in outcomes) / len(outcomes) if outcomes else float("nan")


def score(outcomes: Sequence[Outcome]) -> tuple[int, float]:
    """How good a set of outcomes is: more successes first, then the shorter mean distance. Larger is better."""
    return sum(o.success for o in outcomes), -sum(o.distance for o in outcomes) / max(len(outcomes), 1)


def rejected(iterations: Iterable[Iteration]) -> list[dict[str, Any]]:
    """Every update that was not applied, with its reason."""
    return [{"iteration": i.iteration, **asdict(u)} for i in iterations for u in i.updates if u.outcome.startswith("rejected")]


def added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Counts summed by name."""
    total: Counter[str] = Counter()
    for part in counts:
        total.update(part)
    return dict(sorted(total.items()))


def as_plain(value: Any) -> Any:
    """`value` with lists in the place of tuples, for JSON and YAML."""
    if isinstance(value, dict):
        return {key: as_plain(inner) for key, inner in value.items()}
    return [as_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
