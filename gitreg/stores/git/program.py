"""Running the git program, and telling what its failures mean.

GitPython runs what writes and what travels. What only reads starts git directly: importing GitPython takes longer
than reading ten thousand tags. Options are constants; what users name goes behind `--end-of-options`, into
standard input, or was checked by format/names.py.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gitreg.errors import Conflict, GitregError, Refused, Unreachable, Unsupported

if TYPE_CHECKING:
    import git

_KEPT = re.compile(
    r"GIT_(EXEC_PATH|SSH|SSH_COMMAND|SSH_VARIANT|SSL_.*|ASKPASS|AUTHOR_(NAME|EMAIL)|COMMITTER_(NAME|EMAIL)|CONFIG_GLOBAL"
    r"|CONFIG_NOSYSTEM|CONFIG_SYSTEM|CONFIG_COUNT|CONFIG_(KEY|VALUE)_\d+|CEILING_DIRECTORIES|HTTP_.*|PROXY_.*|TRACE.*)"
)
_GUARDS = (
    "core.fsmonitor=false", "core.hooksPath=/dev/null", "protocol.ext.allow=never", "core.symlinks=false",
    "transfer.fsckObjects=true", "core.fsync=all", "core.quotePath=false", "advice.detachedHead=false",
    "core.filesRefLockTimeout=2000", "core.packedRefsTimeout=2000",  # milliseconds that another git is waited for
    "user.useConfigOnly=true", "maintenance.auto=false", "gc.auto=0", "submodule.recurse=false", "push.gpgSign=false",
)  # fmt: skip
_UNREACHABLE = re.compile(
    r"Could not (?:read from remote|resolve host)|unable to access|Connection (?:refused|reset|timed out|closed)"
    r"|does not appear to be a git repository|early EOF|hung up unexpectedly|[Nn]etwork is unreachable"
    r"|repository '.*' does not exist|Permission denied|unexpected disconnect|RPC failed|Host key verification failed"
)
_REFUSED = re.compile(
    r"Authentication failed|could not read (?:User|Pass)|returned error: 40[13]\b|HTTP 40[13]\b"
    r"|Permission denied (?:\(|, please)|Host key verification failed|Too many authentication failures"
)
_PASSING = re.compile(
    r"returned error: (?:429|5\d\d)|HTTP (?:429|5\d\d)|early EOF|hung up unexpectedly|unexpected disconnect"
    r"|Connection reset|Empty reply|Recv failure|transfer closed|kex_exchange_identification|bad line length"
)
_FINAL = re.compile(r"Operation too slow|does not support --atomic")  # though the other end hangs up, too
_BUSY = re.compile(
    r"Unable to create '.*\.lock'|cannot lock ref|failed to update ref|unable to lock|File exists"
    r"|shallow file has changed"
)
_LOCK = re.compile(r"Unable to create '([^']+\.lock)': File exists")


class Locked(Unreachable):
    """A git at work, or one that was killed, holds a lock: nothing was done, and may be done later."""


def busy(answer: Answer) -> bool:
    """Whether another git holds what this one wanted to write."""
    return bool(_BUSY.search(answer.err))


@dataclass(frozen=True)
class Answer:
    code: int
    out: bytes
    err: str = field(default="")


def environment(**more: str) -> dict[str, str]:
    """The caller's environment without what would point git elsewhere; English, and no prompts."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or _KEPT.fullmatch(k)}
    # What replaces an object here would be taken for what everybody has under its id.
    return {**kept, "LC_ALL": "C", "LANGUAGE": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_REPLACE_OBJECTS": "1", **more}  # fmt: skip


def guarded(args: Sequence[str]) -> list[str]:
    """`args` behind the settings without which no repository is touched: it may be anybody's."""
    return [*(word for guard in _GUARDS for word in ("-c", guard)), *args]


def read_git(
    argv: Sequence[str], data: bytes | None = None, cwd: Path | None = None, env: dict[str, str] | None = None
) -> Answer:
    try:
        done = subprocess.run(
            ["git", *argv], input=data if data is not None else b"", capture_output=True, env=env or environment(),
            cwd=cwd, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise Unsupported("git is not installed", "apt install git (2.36 or newer)") from None
    return Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace").strip())


def write_git(
    argv: Sequence[str], data: bytes = b"", cwd: Path | None = None, env: dict[str, str] | None = None
) -> Answer:
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import git

    try:
        running = git.Git(cwd).execute(
            ["git", *argv], istream=subprocess.PIPE, as_process=True, env=env or environment(), universal_newlines=False
        )
    except git.GitCommandNotFound:
        raise Unsupported("git is not installed", "apt install git (2.36 or newer)") from None
    child = _child(running)
    out, err = child.communicate(data)
    return Answer(child.returncode, out, err.decode(errors="replace").strip())


def _child(running: git.Git.AutoInterrupt) -> subprocess.Popen[bytes]:
    if running.proc is None:  # it ended between two lines of GitPython
        raise GitregError("git ended before it was asked")
    return running.proc


def version() -> tuple[int, ...]:
    """Git's version: (2, 39, 5). Unsupported where git is not installed."""
    found = re.search(rb"\d+(?:\.\d+)+", read_git(["version"]).out)
    return tuple(int(part) for part in found[0].split(b".")) if found else ()


def identity() -> str:
    """`Name <email>` of whoever writes, where there is no repository yet; Refused where nothing tells it."""
    answer = read_git(guarded(["var", "GIT_AUTHOR_IDENT"]))
    return identity_from(answer.out.decode(errors="replace").strip() if answer.code == 0 else "")


def identity_from(shown: str) -> str:
    if shown:
        return shown.rsplit(" ", 2)[0]
    for variable, host in (
        ("GITREG_USER", ""),
        ("GITHUB_ACTOR", "users.noreply.github.com"),
        ("GITLAB_USER_EMAIL", ""),
    ):
        if given := os.environ.get(variable, "").strip():
            given = f"{given} <{given}@{host}>" if host else given
            found = re.fullmatch(r"(?:([^<>\x00-\x1f]+?) *<)?([^<>\s\x00-\x1f]+@[^<>\s\x00-\x1f]+?)>?", given)
            if not found:
                raise Refused(f"{variable} is {given!r}", "write it as: Ana Analyst <ana@example.org>")
            return f"{found[1] or found[2].split('@')[0]} <{found[2]}>"
    raise Refused(
        "nobody is named as the author",
        'git config --global user.name "Your Name"; git config --global user.email you@example.org',
    )


def without_credentials(url: str) -> str:
    """`url` without a password, and over https without a user, whose name may be a token."""
    return re.sub(r"^(https?://)[^/]*@|^(\w[\w+.-]*://[^/:@]*):[^/]*@", lambda found: found[1] or f"{found[2]}@", url)


def passing(answer: Answer) -> bool:
    """Whether a server failed in a way that may be over in a moment."""
    return bool(answer.code and _PASSING.search(answer.err) and not _FINAL.search(answer.err))


def failed(answer: Answer, what: str, *, travelling: bool = False, who: str = "") -> GitregError:
    """What a failure of git means; it begins with `what`. `who` is the hint where a server refused who asked."""
    lines = [line for line in answer.err.splitlines() if line.strip()]
    reason = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
    if "Could not read from remote repository" in reason and not lines[0].startswith("fatal:"):
        reason = lines[0]  # ssh says why; git only that it did not go
    reason = re.sub(r"^(fatal|error): ", "", reason)
    if re.search("No space left|File too large|Disk quota exceeded", answer.err) or answer.code == -signal.SIGXFSZ:
        return GitregError(f"{what}: no space left on the disk", "free some space and give the same command again")
    if re.search(r"Read-only file system|insufficient permission|Permission denied", answer.err) and not travelling:
        return Refused(f"{what}: {reason}", "the folder cannot be written by you: ls -ld it, or work in a clone")
    if travelling and _REFUSED.search(answer.err):
        return Unreachable(f"{what}: the server refused who you are: {_plainly(reason)}", who)
    if travelling and (absent := re.search(r"repository '(.*?)/?' not found", answer.err)):
        hint = "check the address; some hosts say this of what you may not see: set GITREG_TOKEN"
        return Unreachable(f"{what}: there is no repository {without_credentials(absent[1])}", hint)
    if travelling and _UNREACHABLE.search(answer.err):
        return Unreachable(f"{what}: {reason}", "check the address (in a clone: git remote -v), then try again")
    if held := _LOCK.search(answer.err):
        hint = "another git is at work there, or was killed: try again; gitreg doctor tells what to do if it stays"
        return Locked(f"{what}: {os.path.normpath(held[1])} is in the way", hint)
    if busy(answer):
        return Conflict(f"{what}: {reason}", "another git is at work here, or was killed: gitreg doctor")
    return GitregError(f"{what}: {reason or 'git ended with ' + str(answer.code)}")


def _plainly(reason: str) -> str:
    """What git says of a refusal, without the address, which is in the message already."""
    found = re.search(r"(?:returned error: |HTTP )(\d+)", reason)
    if found:
        return f"it answers {found[1]}"
    if "could not read" in reason:
        return "it asks for a name and a password, and nothing here tells them"
    return "authentication failed" if reason.startswith("Authentication failed") else reason
