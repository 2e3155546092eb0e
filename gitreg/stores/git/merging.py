"""A merge made without any index or work tree of the user's: main, with what a branch made of its files on top."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gitreg.errors import Conflict, Refused
from gitreg.stores.git.changes import changed_blobs, merge_base
from gitreg.stores.git.repository import Repository
from gitreg.stores.git.signing import write_tree_commit

_GONE = "0" * 40


def clashing_files(git: Repository, main: str, head: str) -> list[str]:
    """The paths that both `head` and `main` changed since they parted. Refused where they have nothing in common."""
    base = merge_base(git, main, head)
    if not base:
        raise Refused(f"{head[:12]} has no history in common with main", "propose a branch that was made from main")
    return sorted(set(changed_blobs(git, base, main)) & set(changed_blobs(git, base, head)))


def write_merge(git: Repository, main: str, head: str, message: str, author: str, when: int) -> str:
    """A commit of parents `main` and `head` that has main's files and, on top, those that `head` changed; its id.

    Files keep their modes. Conflict where a file would lie where a folder is.
    """
    tree = _merged_tree(git, main, head)
    return write_tree_commit(git, tree, [main, head], message, author, when)


def _merged_tree(git: Repository, main: str, head: str) -> str:
    base = merge_base(git, main, head)
    changed = changed_blobs(git, base, head)
    modes = {path: mode for mode, path in _modes(git, head)}
    lines = [
        f"{modes.get(path, '100644') if after else '0'} {after or _GONE}\t{path}\0"
        for path, (_, after) in sorted(changed.items(), key=lambda item: bool(item[1][1]))  # what goes makes room
    ]
    with tempfile.TemporaryDirectory(prefix="gitreg-") as folder:
        env = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git.write("read-tree", f"{main}^{{tree}}", what="cannot merge", env=env)
        git.write("update-index", "-z", "--index-info", data="".join(lines).encode("utf-8", "surrogateescape"),
                  what="cannot merge", env=env)  # fmt: skip
        tree = git.write("write-tree", "--missing-ok", what="cannot merge", env=env).decode().strip()
    made = changed_blobs(git, main, tree)
    wanted = {path: after for path, (_, after) in changed.items()}
    if any(wanted.get(path) != after for path, (_, after) in made.items()):
        other = next(path for path, (_, after) in made.items() if wanted.get(path) != after)
        raise Conflict(f"{other} on main is in the way of what is merged", "rename one of the two")
    return tree


def _modes(git: Repository, commit: str) -> list[tuple[str, str]]:
    out = git.read("ls-tree", "-r", "-z", "--full-tree", commit).out.decode("utf-8", "surrogateescape")
    lines = (line.partition("\t") for line in out.split("\0")[:-1])
    return [(facts.split()[0], path) for facts, _, path in lines]
