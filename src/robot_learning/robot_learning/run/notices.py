"""Lines in a node's log that are for whoever started the graph: nodes `tell`, and `robot-learning up` shows what is `fresh`."""

from collections.abc import Iterable
from pathlib import Path

MARK = "notice: "


def tell(text: str) -> None:
    """One line on the standard output of a node, which is its log."""
    print(f"{MARK}{text}", flush=True)


class Notices:
    """What the nodes of a graph have told."""

    def __init__(self, logs: Iterable[Path]) -> None:
        """`logs`: one file a node; one that is not there yet has told nothing."""
        self._read = dict.fromkeys(logs, 0)  # bytes

    def fresh(self) -> list[str]:
        """The texts since the last call; a line that is not complete yet is left for the next one."""
        found = []
        for log, start in self._read.items():
            try:
                with log.open("rb") as file:
                    file.seek(start)
                    lines = file.read()
            except FileNotFoundError:
                continue
            whole = lines[: lines.rfind(b"\n") + 1]
            self._read[log] = start + len(whole)
            told = [line for line in whole.decode(errors="replace").splitlines() if line.startswith(MARK)]
            found += [line.removeprefix(MARK) for line in told]
        return found
