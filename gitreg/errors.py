"""What can go wrong, in the words a user reads.

Only the command line's group catches `GitregError`; everything else lets it pass.
"""

from __future__ import annotations

import sys
import warnings

_PACKAGE = __name__.partition(".")[0]


class GitregError(Exception):
    """Something a user can act on: what was wrong, and the next thing to type.

    `message` names the thing that is wrong; `hint` is the next command or edit, or empty.
    `exit_code` is what the command line ends with.
    """

    exit_code = 128

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # a traceback ends with it


class NotFound(GitregError):
    """A registry, model, version, stage, run or file that is not there."""


class Conflict(GitregError):
    """The thing is there already, and is another one."""


class Damaged(GitregError):
    """What was read is not what was written: bytes, trailers, tags."""


class Refused(GitregError):
    """Against a rule of the format or of the registry."""


class Unreachable(GitregError):
    """An origin or payload store that does not answer, or is too busy: try again."""

    exit_code = 75


class Unsupported(GitregError):
    """Not possible with this version, this repository or what is installed."""


def shown(value: object, longest: int = 60) -> str:
    """A value as an error repeats it: its repr, cut where it is longer than `longest` characters."""
    text = repr(value)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def check_type(value: object, kinds: type | tuple[type, ...], what: str, rule: str) -> None:
    """Refuse an argument that is none of `kinds`, naming it `what`; `rule` says what to pass."""
    if not isinstance(value, kinds):
        raise Refused(f"bad {what} {shown(value)}", rule)


def warn(message: str) -> None:
    """Warn at the line that called gitreg, however deep in gitreg this is."""
    frame, level = sys._getframe(), 1
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)
