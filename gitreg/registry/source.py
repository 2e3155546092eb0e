"""Where a run's code comes from."""

from __future__ import annotations

import sys
from pathlib import Path

from gitreg.format.runs import Source
from gitreg.stores.git import find_repository, without_credentials


def source_of_process() -> Source:
    """The code this process was started from, as its repository tells."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    entry = Path(script).resolve() if script else Path.cwd()
    repository = find_repository(entry if entry.is_dir() else entry.parent) or find_repository(Path.cwd())
    if repository is None or repository.work_tree is None:
        return Source(entry=entry.name if script else "")
    inside = entry.is_relative_to(repository.work_tree)
    return Source(
        commit=repository.find_ref("HEAD"),
        remote=without_credentials(repository.config("remote.origin.url")),
        dirty=repository.dirty(),
        entry=entry.relative_to(repository.work_tree).as_posix() if script and inside else "",
    )
