"""When to say that a robot is silent, and that it speaks."""

FIRST_NS = 3_000_000_000
AGAIN_NS = 60_000_000_000


class Silence:
    """Whether joint states come on a topic; time is an argument, in ns on the steady clock."""

    def __init__(self, topic: str, now_ns: int) -> None:
        """Nothing has come yet at `now_ns`."""
        self._topic, self._last_ns, self._due_ns = topic, now_ns, now_ns + FIRST_NS
        self._stamp_ns, self._silent = -1, True

    def look(self, stamp_ns: int, now_ns: int) -> str:
        """What is to be said now, mostly nothing. `stamp_ns`: of the last joint state, -1 before the first."""
        if stamp_ns != self._stamp_ns:
            self._stamp_ns, self._last_ns, self._due_ns = stamp_ns, now_ns, now_ns + FIRST_NS
            speaks, self._silent = self._silent, False
            return f"joint states arrive on {self._topic}" if speaks else ""
        if now_ns < self._due_ns:
            return ""
        self._due_ns, self._silent = now_ns + AGAIN_NS, True
        seconds = (now_ns - self._last_ns) / 1e9
        return f"no usable joint state on {self._topic} for {seconds:.0f} s; waiting (is the robot's driver up, on this ROS domain?)"
