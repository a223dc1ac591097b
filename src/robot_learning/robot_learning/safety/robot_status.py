"""What the robot says of itself, and whether it may be moved then. A pure library."""

from collections.abc import Mapping, Sequence

from robot_learning.robots.description import StatusTopic

Value = bool | int


class RobotStatus:
    """The last value of each topic that is watched. What has not been heard forbids motion as much as a wrong value does."""

    def __init__(self, topics: Sequence[StatusTopic]) -> None:
        """`topics`: those whose messages can be read here."""
        self._topics = tuple(topics)
        self._values: dict[str, Value] = {}

    def heard(self, topic: str, value: Value) -> None:
        """A message arrived."""
        self._values[topic] = value

    @property
    def reason(self) -> str:
        """Why the robot must not be moved now; empty if it may."""
        for one in self._topics:
            if one.topic not in self._values:
                return f"the robot says nothing on {one.topic}"
            value = self._values[one.topic]
            if int(value) not in one.allowed:
                return f"{one.topic}: {_name(value, one.names)}"
        return ""


def _name(value: Value, names: Mapping[str, str]) -> str:
    return names.get(str(int(value)), str(int(value)))
