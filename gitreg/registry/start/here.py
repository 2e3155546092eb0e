"""What is at the path that a registry shall begin at."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitreg.errors import NotFound, Refused
from gitreg.registry.place import CONFIG_FILE, Registry, is_address, open_registry, registry_in
from gitreg.stores.git import Repository, find_repository

HEADS = "refs/heads/"
BESIDE_CODE = "gitreg"
"""The branch of a registry that shares its repository with code."""


@dataclass(frozen=True)
class Here:
    """What is at PATH. `registry` has a main of this repository's own; `code`: the repository holds more than that."""

    folder: Path
    git: Repository | None = None
    registry: Registry | None = None
    code: bool = False

    @property
    def main(self) -> str:
        """The commit that this repository's own main is at, or ""."""
        return self.registry.git.find_ref(HEADS + self.registry.branch) if self.registry else ""

    @property
    def unfinished(self) -> bool:
        """Whether an earlier init was interrupted near its end: no setting yet, or nothing checked out."""
        git, registry = self.git, self.registry
        if git is None or registry is None:
            return False
        if self.code:
            return not registry.remote and not git.config("gitreg.branch")
        return bool(self.main) and git.work_tree is not None and not (git.git_dir / "index").exists()


def look_here(path: str | os.PathLike[str]) -> Here:
    text = os.fspath(path)
    if is_address(text) or "#" in text:
        raise Refused(f"{text} is no folder of this machine", f"gitreg init FOLDER --origin {text}")
    folder = Path(text.removeprefix("file://")).expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        raise Refused(f"{folder} is a file", "name a folder, or give none for this one")
    if not folder.exists() or not any(folder.iterdir()):
        return Here(folder)
    git = find_repository(folder)
    if git is None:
        raise Refused(f"{folder} holds files and is no git repository", f"git init {folder}, or name a new folder")
    folder = git.work_tree or git.common_dir
    empty = git.work_tree is None or all(entry.name == ".git" for entry in git.work_tree.iterdir())
    if empty and not git.find_ref("HEAD") and not git.refs(HEADS):
        return Here(folder, git)
    head = git.text("symbolic-ref", "--quiet", "--short", "HEAD")
    with suppress(NotFound):
        found = open_registry(folder, offline=True)
        return Here(folder, git, found, code=found.branch != head)
    for branch in filter(None, dict.fromkeys((git.config("gitreg.branch"), BESIDE_CODE, head))):
        if _own_main(git, branch):
            return Here(folder, git, registry_in(git, "", branch, str(folder)), code=branch != head)
    return Here(folder, git, code=True)


def _own_main(git: Repository, branch: str) -> str:
    return git.find_ref(f"{HEADS}{branch}:{CONFIG_FILE}")
