"""Records one bag per episode, from raw messages.

It always listens, so that nothing is lost while an episode begins. A request that comes before everything is there is
answered at once with ok = false and a message that begins with "waiting for "; whoever asked, asks again.
"""

import json
import sys
import time
from pathlib import Path

from robot_learning_interfaces.srv import FinishEpisode, PrepareEpisode

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.core.paths import checked_name
from robot_learning.data.bag_writer import BagWriter, unfinished
from robot_learning.data.definitions import definition
from robot_learning.data.episode_log import EpisodeLog, Roles
from robot_learning.nodes import messages, parameters
from robot_learning.nodes.ears import Ears
from robot_learning.nodes.matching import WAITING
from robot_learning.nodes.recorded_topics import Recorded, of_object, offered, topics_of
from robot_learning.nodes.spin import GraphNode, run, steady_ns
from robot_learning.run.config import available
from robot_learning.run.provenance import commit
from robot_learning.run.resolved import cameras
from robot_learning.run.robots import load_robot
from robot_learning.run.tasks import load_task

LISTEN_NS = 50_000_000
IDLE_NS = 1_000_000_000  # so that what nobody wants does not pile up
FLUSH_NS = 1_000_000_000  # a killed recorder loses no more
LATE_NS = 1_000_000_000  # how long the last messages of an episode are waited for


class Recorder(GraphNode):
    """Joint states, commands, the gate's outputs and status, the episode's cameras."""

    def __init__(self) -> None:
        super().__init__("recorder")
        given = parameters.declare(self, "robot", "run_dir", optional=("clock",))
        self._robot, self._lockstep, self._given = load_robot(given.robot), given.clock == "lockstep", given
        self._bags = Path(given.run_dir).absolute() / "bags"
        self._topics = topics_of(self._robot, available("cameras"), self._lockstep)
        self._ears = Ears(self)
        for topic in self._topics:
            self._ears.listen(topic.kind, topic.name, topic.qos)
        self._latched = {topic.name for topic in self._topics if topic.latched}
        self._last: dict[str, bytes] = {}  # of the latched topics
        self._log: EpisodeLog | None = None
        self.period_ns, self._flushed_ns = IDLE_NS, 0
        self._episode = ""
        self._deadline_ns = 0  # of what finish waits for
        self._answer: FinishEpisode.Response | None = None  # of the last finished episode, in case it got lost
        self._commit = commit()
        for topic in self._topics:
            definition(topic.type_name)  # the first time takes 0.1 s
        self.create_service(PrepareEpisode, "/recorder/prepare", self._on_prepare)
        self.create_service(FinishEpisode, "/recorder/finish", self._on_finish)
        left = unfinished(self._bags)
        if left:
            self.get_logger().warning(f"{len(left)} recordings in {self._bags} did not end, such as {left[-1].name}")

    def _listen(self) -> None:
        """Takes in what has come; without an open bag only the latched topics matter."""
        for heard in self._ears.take():
            if heard.topic in self._latched:
                self._last[heard.topic] = heard.raw
            if self._log is not None:
                self._log.add(heard.topic, heard.raw, heard.received_ns, heard.sequence)

    def tick(self, now_ns: int) -> None:
        """What was received goes to the operating system once a second, and the disk must not become full."""
        self._listen()
        if self._log is not None and now_ns - self._flushed_ns > FLUSH_NS:
            self._flushed_ns = now_ns
            writer, failed = self._log.writer, self._log.writer.failure
            writer.flush()
            writer.check_space()
            if writer.failure is not failed:
                self.get_logger().error(f"recording of {self._episode} stopped: {writer.failure}")

    def _on_prepare(self, request: PrepareEpisode.Request, response: PrepareEpisode.Response) -> PrepareEpisode.Response:
        try:
            response.message = self._prepare(request)
        except (UsageError, WorkFailed) as error:
            response.message = f"recorder: {error}"
        response.ok = not response.message
        return response

    def _prepare(self, request: PrepareEpisode.Request) -> str:
        if request.robot != self._robot.name:
            raise UsageError(f"this is {self._robot.name}, not {request.robot}")
        if not request.record:
            return ""
        for camera in request.cameras:
            if checked_name(camera, "camera") not in available("cameras"):
                raise UsageError(f"no camera {camera!r}; there is {', '.join(available('cameras'))}")
        self._discard("another episode began")
        objects = [one.name for one in load_task(request.task).objects]
        self._listen_to(objects)
        wanted = [topic for topic in self._topics if topic.only in ("", *request.cameras, *objects)]
        found = {topic.name: offered(self, topic) for topic in wanted}
        self._match_reliability(wanted, found)
        missing = self._unmatched(wanted, found)
        if missing:
            return f"{WAITING}publishers of {', '.join(missing)}"
        self._open(request, [topic for topic in wanted if found[topic.name]], found)
        return ""

    def _listen_to(self, objects: list[str]) -> None:
        """Objects are known when the first task with them comes."""
        for topic in map(of_object, objects):
            if topic.name not in {known.name for known in self._topics}:
                self._topics.append(topic)
                self._ears.listen(topic.kind, topic.name, topic.qos)

    def _match_reliability(self, wanted: list[Recorded], found: dict[str, tuple]) -> None:
        """A best-effort publisher never reaches a reliable reader; such readers are replaced."""
        for index, topic in enumerate(self._topics):
            if topic in wanted and topic.reliable and any(qos.reliability == "best_effort" for qos in found[topic.name]):
                self._topics[index] = weak = topic.best_effort()
                self._ears.listen(weak.kind, weak.name, weak.qos)

    def _unmatched(self, wanted: list[Recorded], found: dict[str, tuple]) -> list[str]:
        """The topics without a publisher; of the robot's command topics one is enough."""
        none = [topic for topic in wanted if not (found[topic.name] and self._ears.publishers(topic.name))]
        outputs = [topic for topic in wanted if topic.role == "output"]
        missing = [topic.name for topic in none if topic.role in ("required", "camera", "object")]
        return missing + ([" or ".join(topic.name for topic in outputs)] if all(topic in none for topic in outputs) else [])

    def _open(self, request: PrepareEpisode.Request, topics: list[Recorded], found: dict[str, tuple]) -> None:
        fields = {name: getattr(request, name) for name in ("robot", "task", "controller", "id", "version", "horizon", "seed", "noise")}
        condition = messages.condition(request.condition)
        plain = {"name": condition.name, "initial_positions": condition.initial_positions.tolist(), "target": condition.target.tolist()}
        about = {name: str(value) for name, value in fields.items()} | {
            "condition": json.dumps(plain | {"parameters": condition.parameters}),
            "cameras": json.dumps(cameras(request.cameras)),  # all values by name, with their hash
            "config": request.metadata,
            "commit": self._commit[0] + (" with changes" if self._commit[1] else ""),
            "clock": self._given.clock,
            "started_ns": str(time.time_ns()),
        }
        writer = BagWriter(self._bags, request.episode, about, request.fsync)
        for topic in topics:
            writer.add_topic(topic.name, topic.type_name, found[topic.name])
        with_states = tuple(topic.name for topic in topics if topic.role in ("camera", "object"))
        outputs = tuple(topic.name for topic in topics if topic.role == "output")
        roles = Roles(self._robot.joint_states_topic, "/joint_command", outputs, with_states)
        self._listen()  # what came before does not belong to the episode
        self._log = EpisodeLog(writer, roles, {topic.name: topic.stamped for topic in topics}, self._lockstep)
        for name, raw in self._last.items():
            self._log.add(name, raw, time.time_ns(), 0)
        self._episode, self._deadline_ns, self._answer, self.period_ns = request.episode, 0, None, LISTEN_NS

    def _on_finish(self, request: FinishEpisode.Request, response: FinishEpisode.Response) -> FinishEpisode.Response:
        if self._answer is not None and request.episode == self._episode:
            return self._answer
        if self._log is None or request.episode != self._episode:
            response.message = f"recorder: episode {request.episode!r} is not being recorded"
            return response
        self._listen()
        now, missing = steady_ns(), self._log.missing(messages.stamp_ns(request.last_stamp))
        self._deadline_ns = self._deadline_ns or now + LATE_NS
        if missing and now < self._deadline_ns:
            response.message = f"{WAITING}{missing}"
            return response
        late = f"recorder: {missing} did not come" if missing and request.ending == "time" else ""
        self._answer = self._finish(f"fault: {late}" if late else request.ending, response)
        response.message = response.message or late
        return response

    def _finish(self, ending: str, response: FinishEpisode.Response) -> FinishEpisode.Response:
        assert self._log is not None
        log, self._log, self.period_ns = self._log, None, IDLE_NS
        log.close()
        try:
            response.bag = str(log.writer.commit(ending))
            response.ok = True
        except WorkFailed as error:
            response.message = f"recorder: {error}"
        counts = log.writer.counts()
        dropped = {f"dropped{name}": count.dropped for name, count in counts.items() if count.dropped}
        lost = {f"lost{name}": count for name, count in log.lost.items()}
        bad = {f"bad{name}": count for name, count in log.bad.items()}
        messages.set_counts(response, {name: count.received for name, count in counts.items()} | dropped | lost | bad)
        return response

    def _discard(self, why: str) -> None:
        """An episode that nobody finished stays as a partial folder."""
        if self._log is not None:
            self._log.writer.abandon()
            self.get_logger().warning(f"recording of {self._episode} was given up: {why}")
            self._log, self.period_ns = None, IDLE_NS

    def close(self) -> None:
        """An open bag is closed in good order."""
        if self._log is not None:
            self._listen()
            self._finish("fault: the recorder was stopped", FinishEpisode.Response())
        self._ears.close()


def main() -> None:
    """Console entry."""
    sys.exit(run(Recorder))


if __name__ == "__main__":
    main()
