"""What somebody who misspelt a name may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def near(word: str, names: Iterable[str]) -> str | None:
    """The name that is like `word`, whatever its case, or begins with it; None if there is none."""
    lower = {name.lower(): name for name in sorted(names, reverse=True)}
    word = word.lower()
    alike = get_close_matches(word, lower, n=1) or sorted(name for name in lower if word and name.startswith(word))
    return lower[alike[0]] if alike else None
