"""One line for whatever goes wrong, and the exit code that it stands for."""

import errno
import os
from typing import Protocol, TypeGuard

from robot_learning.core.errors import UsageError, WorkFailed


class _ParserError(Protocol):
    def format_message(self) -> str: ...


def explain(error: BaseException) -> str:
    """One line, without a traceback; errors of the program itself are called so."""
    if isinstance(error, UsageError | WorkFailed):
        return " ".join(str(error).split())
    if _of_the_command_line(error):
        return " ".join(error.format_message().split())
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{error.filename or 'disk'}: disk full ({error.strerror})"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'operating system'}: {error.strerror}"
    return f"an error of the program: {type(error).__name__}: {' '.join(str(error).split())[:300]} (ROBOT_LEARNING_DEBUG=1 shows where)"


def exit_code(error: BaseException) -> int:
    """2 for wrong use or bad input, 1 for the rest."""
    return 2 if isinstance(error, UsageError) or _of_the_command_line(error) else 1


def _of_the_command_line(error: BaseException) -> TypeGuard[_ParserError]:
    """Whether typer's parser refused the words of a command; it has no public name for the class of all these errors."""
    return hasattr(error, "format_message")


def debugging() -> bool:
    """Whether the user wants to see where in the program an error came from."""
    return bool(os.environ.get("ROBOT_LEARNING_DEBUG"))
