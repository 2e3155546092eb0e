"""Errors and warnings as a person reads them, and the exit code each ends with."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import sys
from typing import TYPE_CHECKING, TextIO

import click

from gitreg.cli._interrupt import INTERRUPTED, was_interrupted
from gitreg.errors import GitregError

if TYPE_CHECKING:
    from gitreg.cli._session import Session

USAGE, BUG, ERROR = 2, 70, 128

# `gitreg env` alone: its message is the help of the group. click has it since 8.2; before, it printed that itself.
_NO_COMMAND: tuple[type[click.ClickException], ...] = tuple(
    filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)])
)

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LOCKED = {errno.EROFS, errno.EACCES, errno.EPERM}
_WRONG_PLACE = {
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "a part of it is a file, not a folder",
    errno.EISDIR: "it is a folder",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "its symbolic links go in a circle",
    errno.EEXIST: "it is there already",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ETXTBSY: "it is being run",
}


def report(error: BaseException, session: Session) -> int:
    """Say on stderr what went wrong; the exit code to end with."""
    if isinstance(error, KeyboardInterrupt | click.Abort) or was_interrupted():
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # Whoever read the answer had enough of it. Python would complain about the rest when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if not isinstance(error, Exception):
        raise error
    _flush()
    known = _known(error)
    traced = (session.verbose or bool(os.environ.get("GITREG_TRACEBACK"))) and not isinstance(
        error, click.ClickException
    )
    if traced and (known is None or known.__cause__ or os.environ.get("GITREG_TRACEBACK")):
        import traceback

        _print("".join(traceback.format_exception(error)).rstrip("\n"))
    if isinstance(error, _NO_COMMAND):
        _print(error.format_message())
        return USAGE
    if isinstance(error, click.ClickException):
        _say(*_usage(error))
        return USAGE
    if known is not None:
        _say(known.message, _for_a_shell(known.hint))
        return known.exit_code
    hint = "" if traced else "add -v (or set GITREG_TRACEBACK=1) to see where, and report it"
    _say(f"this is a bug in gitreg: {type(error).__name__}: {str(error) or 'no message'}".replace("\n", " "), hint)
    return BUG


def _for_a_shell(hint: str) -> str:
    """Python's `trust=['a', 'b']` as the options of `predict` and `serve`."""
    names = r"'[^']*'"

    def options(found: re.Match[str]) -> str:
        return " ".join(f"--trust {shlex.quote(name[1:-1])}" for name in re.findall(names, found[0]))

    return re.sub(rf"\btrust=\[{names}(, {names})*\]", options, hint)


def _known(error: Exception) -> GitregError | None:
    if isinstance(error, GitregError):
        return error
    if isinstance(error, OSError):
        return _of_the_system(error)
    return None


def _of_the_system(error: OSError) -> GitregError | None:
    """What the operating system refused, in words; None where that can only be a mistake of ours."""
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    if error.errno in _FULL:
        at = f" for {where}" if where else ""
        return GitregError(f"no space left on the disk{at}", "free some space and give the same command again")
    if error.errno == errno.EIO:
        at = f" for {where}" if where else ""
        return GitregError(f"the disk reports an error{at}", "look at the disk, then give the same command again")
    if not where:
        return None
    if error.errno in _LOCKED:
        reason = "the disk is read-only" if error.errno == errno.EROFS else "permission denied"
        where = _what_is_there(where)
        return GitregError(f"{where}: {reason}", f"ls -ld {where}")
    if error.errno in _WRONG_PLACE:
        return GitregError(f"{where}: {_WRONG_PLACE[error.errno]}")
    return None


def _what_is_there(where: str) -> str:
    """`where`, or the folder in which it could not be made."""
    while not os.path.lexists(where) and os.path.dirname(os.path.abspath(where)) != where:
        where = os.path.dirname(os.path.abspath(where))
    return where


def _usage(error: click.ClickException) -> tuple[str, str]:
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx else "gitreg"
    possibilities = getattr(error, "possibilities", None)
    message = getattr(error, "message", "") if possibilities else error.format_message()
    message = " ".join(message.split()).removesuffix(".")
    hint = f"did you mean {' or '.join(possibilities)}?" if possibilities else f"{path} --help"
    return message[:1].lower() + message[1:], getattr(error, "hint", "") or hint


def show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    """What Python calls for a warning: one line on stderr."""
    _print(f"{_styled('warning:', 'yellow')} {str(message).strip()}")


def _say(message: str, hint: str) -> None:
    _print(f"{_styled('error:', 'red')} {message}")
    for line in hint.splitlines():
        _print(f"{_styled('hint:', 'cyan')} {line}")


def _styled(text: str, colour: str) -> str:
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour)


def _print(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody is left to be told
        click.echo(text, err=True)


def _flush() -> None:
    """What was printed before the error comes before it."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
