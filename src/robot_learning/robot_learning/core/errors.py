"""The two ways in which a command can fail, and the exit codes they stand for."""


class UsageError(Exception):
    """Wrong use or bad input (exit 2): one line with the file, the field and what is allowed."""


class WorkFailed(Exception):
    """The work itself failed (exit 1): one line that says what, and what was kept."""
