"""Where a run's code comes from."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from gitreg.errors import GitregError
from gitreg.format.runs import Source
from gitreg.stores.git import find_repository, without_credentials

_COMMANDS = ("gitreg", "git-reg")
_PACKAGE = Path(__file__).resolve().parents[2]


def source_of_process() -> Source:
    """The code this process was started from, as its repository tells."""
    script = _script()
    entry = Path(script).resolve() if script else Path.cwd()
    folders = dict.fromkeys((entry if entry.is_dir() else entry.parent, Path.cwd()))
    repository = None
    with contextlib.suppress(GitregError):  # in a kind of repository that no registry may be, code runs all the same
        repository = next(filter(None, map(find_repository, filter(_may_be_in_one, folders))), None)
    if repository is None or repository.work_tree is None:
        return Source(entry=entry.name if script else "")
    inside = entry.is_relative_to(repository.work_tree)
    return Source(
        commit=repository.find_ref("HEAD"),
        remote=without_credentials(repository.config("remote.origin.url")),
        dirty=repository.dirty(),
        entry=entry.relative_to(repository.work_tree).as_posix() if script and inside else "",
    )


def _script() -> str | None:
    """The program that runs; None where that is only gitreg's own command."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    own = script and (Path(script).name in _COMMANDS or Path(script).resolve().is_relative_to(_PACKAGE))
    return None if own else script


def _may_be_in_one(folder: Path) -> bool:
    """Whether it is worth asking git: a work tree has a `.git` at its top."""
    return any((parent / ".git").exists() for parent in (folder, *folder.parents))
