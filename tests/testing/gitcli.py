"""Git as a person would run it, and a repository compared with itself before and after."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path


class GitFailed(AssertionError):
    """Git ended with something else than 0; the message has the command and what git said."""


def git(cwd: str | Path, *args: str | Path, input: str | bytes | None = None) -> str:
    """What `git ARGS` prints in folder `cwd`, without the last line end. Raises GitFailed."""
    command = ["git", *map(str, args)]
    stdin = input.encode() if isinstance(input, str) else input
    done = subprocess.run(
        command, cwd=cwd, input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True
    )
    if done.returncode:
        raise GitFailed(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="surrogateescape").removesuffix("\n")


def snapshot(repo: str | Path) -> dict[str, str]:
    """Everything in a repository that belongs to its user, and that gitreg may not touch.

    Index (its very bytes), work tree (modes and bytes, ignored files too), HEAD, branches with their reflogs, stash,
    operations under way, config, hooks, info. Tags, notes, objects and refs of remotes are not in it. Flat, so that
    `assert snapshot(repo) == before` shows what differs; `work/` names files, `branch/` branches.
    """
    top = Path(repo)
    private = Path(git(top, "rev-parse", "--absolute-git-dir"))
    shared = (top / git(top, "rev-parse", "--git-common-dir")).resolve()
    found = {"HEAD": (private / "HEAD").read_text().strip()}

    for line in git(top, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/stash").splitlines():
        value, name = line.split(" ", 1)
        found[name.replace("refs/heads/", "branch/", 1)] = value
    for name in ("index", "MERGE_HEAD", "ORIG_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "MERGE_MSG", "logs/HEAD"):
        found |= _hashed(private / name, name)
    for name in ("config", "config.worktree", "shallow"):
        found |= _hashed(shared / name, name)
    for folder in ("hooks", "info", "logs/refs/heads"):
        for path in _walk(shared / folder):
            found |= _hashed(path, str(path.relative_to(shared)))
    found |= _hashed(shared / "logs/refs/stash", "logs/refs/stash")

    if git(top, "rev-parse", "--is-bare-repository") == "false":
        work = Path(git(top, "rev-parse", "--show-toplevel"))
        for path in _walk(work, leave_out=".git"):
            found |= _hashed(path, f"work/{path.relative_to(work)}")
    return found


def _walk(folder: Path, leave_out: str = "") -> Iterator[Path]:
    """Files, links and empty folders below a folder, without its entry `leave_out`."""
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        if here == folder:
            folders[:] = [name for name in folders if name != leave_out]
            files = [name for name in files if name != leave_out]
        yield from (here / name for name in files)
        yield from (here / name for name in folders if (here / name).is_symlink() or not any((here / name).iterdir()))


def _hashed(path: Path, name: str) -> dict[str, str]:
    """One entry: the mode and the sha256 of the bytes; nothing where there is no such file."""
    if path.is_symlink():
        return {name: f"link to {os.readlink(path)}"}
    if path.is_dir():
        return {name: "empty folder"}
    if not path.exists():
        return {}
    return {name: f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"}
