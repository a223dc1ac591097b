"""Runs time-varying linear-Gaussian controllers by time index."""

import sys

from robot_learning_interfaces.srv import LoadController, PrepareEpisode

from robot_learning.core.errors import UsageError
from robot_learning.data.messages import VersionedController
from robot_learning.nodes import messages
from robot_learning.nodes.actor import ActorNode
from robot_learning.nodes.spin import run
from robot_learning.run.actor import Act, local
from robot_learning.tasks.description import TaskConfig

MOST = 256  # controllers that are kept; the one that was loaded first goes first


class LocalController(ActorNode):
    """Controllers come by /local_controller/load; an episode names one by id and version."""

    def __init__(self) -> None:
        super().__init__("local_controller")
        self._loaded: dict[str, VersionedController] = {}
        self.create_service(LoadController, "/local_controller/load", self._on_load)

    def _on_load(self, request: LoadController.Request, response: LoadController.Response) -> LoadController.Response:
        try:
            value = messages.linear_gaussian(request.controller)
        except messages.BadMessage as error:
            response.message = f"local_controller: controller {request.controller.id!r} is not loaded: {error}"
            return response
        self._loaded.pop(value.id, None)
        self._loaded[value.id] = value
        if len(self._loaded) > MOST:
            self._loaded.pop(next(iter(self._loaded)))
        response.ok = True
        return response

    def choose(self, request: PrepareEpisode.Request, task: TaskConfig) -> tuple[Act, str]:
        """The loaded controller with the request's id and version."""
        value = self._loaded.get(request.id)
        if request.controller != "local" or value is None or value.version != request.version:
            there = f"version {value.version}" if value else "no such controller"
            raise UsageError(f"{request.controller} controller {request.id!r} version {request.version} is not loaded ({there})")
        T, du, dx = value.controller.K.shape
        self.fits(f"controller {value.id!r}", task, dx, du)
        if request.horizon > T:
            raise UsageError(f"controller {value.id!r} has {T} steps; the episode wants {request.horizon}")
        return local(value.controller), f"{value.id}:{value.version}"


def main() -> None:
    """Console entry."""
    sys.exit(run(LocalController))


if __name__ == "__main__":
    main()
