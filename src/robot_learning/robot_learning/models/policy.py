"""Policies of every kind, as values that learners make, weights carry, and nodes act by."""

from typing import TypeAlias

from robot_learning.models import gaussian_policy, planner
from robot_learning.models.gaussian_policy import GaussianPolicy
from robot_learning.models.planner import Planner
from robot_learning.models.weights import Refused, Weights

Policy: TypeAlias = GaussianPolicy | Planner


def restored(update: Weights) -> Policy:
    """The policy in a checked file, by the kind that its manifest names; Refused if there is no such kind or its parts do not fit."""
    name, kind = f"{update.policy}:{update.version}", update.manifest.get("kind")
    try:
        if kind == gaussian_policy.KIND:
            return GaussianPolicy.from_state(update.tensors)
        if kind == planner.KIND:
            return Planner.from_weights(update.tensors, update.manifest)
    except ValueError as error:  # LinAlgError of the covariance is one, too
        raise Refused("tensor", f"{name}: {error}") from None
    raise Refused("manifest", f"{name}: kind is {kind!r}; {gaussian_policy.KIND} or {planner.KIND} is expected")
