"""One episode's bag while it is recorded: when each message happened, and whether all of them have come."""

from collections import Counter
from collections.abc import Mapping

from robot_learning.data.bag_writer import BagWriter
from robot_learning.data.cdr import header_stamp_ns
from robot_learning.data.messages import BadMessage


class Roles:
    """Which topics make up the chain from a joint state to the robot's next one."""

    def __init__(self, joint_states: str, command: str, outputs: tuple[str, ...], with_states: tuple[str, ...] = ()) -> None:
        """`outputs`: the robot's command topics, of which one is in use; `with_states`: what comes with each state, as images do."""
        self.joint_states, self.command, self.outputs, self.with_states = joint_states, command, outputs, with_states


class EpisodeLog:
    """Messages go in as they arrive.

    In lockstep there is no time but that of the joint states: a message happens at the stamp of the newest one. What arrives before
    the episode's first joint state waits for it.
    """

    def __init__(self, writer: BagWriter, roles: Roles, stamped: Mapping[str, bool], lockstep: bool) -> None:
        """`stamped`: the topics of the bag, and whether their messages begin with a header."""
        self.writer = writer
        self._roles, self._stamped, self._lockstep = roles, stamped, lockstep
        self._early: list[tuple[str, bytes, int]] = []
        self._now_ns = 0  # lockstep: stamp of the newest joint state
        self._states: list[int] = []  # stamps of the joint states
        self._commands: list[int] = []  # and of those that commands answer
        self._newest: Counter[str] = Counter()  # stamp by topic of those that come with every joint state
        self._outputs = 0
        self._sequence: dict[str, int] = {}  # of the newest message by topic
        self.lost: Counter[str] = Counter()  # messages that were sent and never came, by topic
        self.bad: Counter[str] = Counter()  # messages without a usable stamp, by topic; they are in the bag as they came

    def add(self, topic: str, raw: bytes, wall_ns: int, sequence: int = 0) -> None:
        """One message that arrived at `wall_ns`; `sequence`: as its publisher counts. Topics that the bag does not have are left out.

        A message whose stamp cannot be used is written with the time of its arrival, and is none of those that are waited for.
        """
        if topic not in self._stamped:
            return
        self._count_lost(topic, sequence)
        stamp = 0
        try:
            if self._stamped[topic]:
                stamp = header_stamp_ns(raw)
            self._note(topic, stamp)
        except BadMessage:
            self.bad[topic] += 1
        if self._lockstep and not self._states:
            self._early.append((topic, raw, sequence))
        else:
            self._write_early()
            now = self._now_ns if self._lockstep else wall_ns
            self.writer.write(topic, now, stamp or now, raw, sequence)

    def _note(self, topic: str, stamp: int) -> None:
        """What the message means for how far the episode is."""
        roles = self._roles
        if topic == roles.joint_states:
            self._states.append(stamp)
            self._now_ns = max(self._now_ns, stamp)
        elif topic == roles.command:
            self._commands.append(stamp)
        elif topic in roles.outputs:
            self._outputs += 1
        elif topic in roles.with_states:
            self._newest[topic] = max(self._newest[topic], stamp)

    def _count_lost(self, topic: str, sequence: int) -> None:
        """A publisher counts by ones; a number that is not larger than the last one is another publisher's."""
        last = self._sequence.get(topic, 0)
        if last and sequence > last + 1:
            self.lost[topic] += sequence - last - 1
        if sequence:
            self._sequence[topic] = sequence

    def missing(self, last_stamp_ns: int) -> str:
        """What has not come yet of an episode whose last joint state has this stamp (0: there was none); empty if nothing."""
        roles, newest = self._roles, max(self._states, default=0)
        if newest < last_stamp_ns:
            return f"{roles.joint_states} of {last_stamp_ns / 1e9:.3f} s"
        if not self._lockstep:
            return ""
        first = min(self._commands, default=last_stamp_ns)
        needed = max(len({stamp for stamp in self._states if stamp > first}), self._outputs)
        if len(self._commands) < needed:
            return f"{needed - len(self._commands)} messages on {roles.command}"
        if self._outputs < needed:
            return f"{needed - self._outputs} messages on {' or '.join(roles.outputs)}"
        return next((topic for topic in roles.with_states if self._newest[topic] < last_stamp_ns), "")

    def close(self) -> None:
        """Writes what still waits for a joint state."""
        self._states = self._states or [0]
        self._write_early()

    def _write_early(self) -> None:
        early, self._early = self._early, []
        for topic, raw, sequence in early:
            self.writer.write(topic, self._now_ns, self._now_ns, raw, sequence)
