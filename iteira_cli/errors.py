"""What a command can end with besides success. `app.py` turns each into its exit code."""

from __future__ import annotations


class CliError(Exception):
    """Root of the command line's errors: one line that says what is wrong, and a hint what to do next."""

    exit_code = 1

    def __init__(self, text: str, hint: str | None = None) -> None:
        super().__init__(text)
        self.hint = hint


class Failed(CliError):
    """The thing asked for failed: a check is red, a call went unanswered, a threshold is crossed."""

    exit_code = 1


class AccessDenied(Failed):
    """The daemon wants an administrator, and we are none to it: to who asks it is as good as not there."""

    exit_code = 3


class NotFound(Failed):
    """The daemon does not have what was named."""


class Usage(CliError):
    """The command was not given what it needs."""

    exit_code = 2


class DaemonUnreachable(CliError):
    """Nobody answers at the daemon's address."""

    exit_code = 3
