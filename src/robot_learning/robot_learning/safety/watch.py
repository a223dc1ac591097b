"""When silence is too long: the law of the guard, which watches the safety gate. A pure library; time is an argument."""

TIMEOUT_S = 0.12  # of the gate's heartbeat, which comes every 10 ms: a busy computer may keep it waiting for several of them


class Watch:
    """Heartbeats come in; `due` says when the robot must be stopped because they stopped while the robot was moving.

    A gate that ends in order says before that nothing is in force any more: its silence is no reason.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        """`timeout_s`: on the steady clock."""
        self._timeout_ns = round(timeout_s * 1e9)
        self._last_ns: int | None = None
        self._moving = False
        self.tripped = ""  # why the robot had to be stopped; stays until `reset`

    def beat(self, moving: bool, now_ns: int) -> None:
        """A heartbeat arrived at `now_ns` on the steady clock. After a stop it changes nothing: a gate that comes back is not trusted."""
        self._last_ns, self._moving = now_ns, moving

    def watching(self, now_ns: int) -> bool:
        """Whether heartbeats arrive."""
        return self._last_ns is not None and now_ns - self._last_ns <= self._timeout_ns

    def due(self, now_ns: int) -> bool:
        """Whether the robot must be stopped now, or was already and has not been reset since."""
        if not self.tripped and self._moving and self._last_ns is not None and not self.watching(now_ns):
            silence_ns = now_ns - self._last_ns
            self.tripped = f"the safety gate was silent for {silence_ns / 1e6:.0f} ms while the robot was moving"
        return bool(self.tripped)

    def reset(self, now_ns: int) -> str:
        """Ends a stop. Returns why not, or "": the gate must be heard again, at rest."""
        if not self.watching(now_ns):
            return "the safety gate is not heard"
        if self._moving:
            return "the safety gate still moves the robot"
        self.tripped = ""
        return ""
