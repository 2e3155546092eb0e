"""Which remote of a repository is a registry's origin, and which branch its main (docs/format.md 1.1)."""

from __future__ import annotations

from gitreg.stores.git import Repository

_SETTING = "gitreg.remote"


def origin_of(git: Repository) -> str:
    """The remote that is the origin, or "" where the repository is itself the authority."""
    chosen = git.config(_SETTING)
    if not chosen and git.work_tree is not None and git.config("remote.origin.url"):
        chosen = "origin"  # a bare repository has no branches of others': what it shows is its own
    return "" if chosen == "." else chosen


def default_branch(git: Repository, remote: str) -> str:
    """Main where nobody names it: what the origin's HEAD names, else HEAD."""
    if remote:
        head = git.symbolic_ref(f"refs/remotes/{remote}/HEAD")
        if head:
            return head.removeprefix(f"refs/remotes/{remote}/")
    return git.symbolic_ref("HEAD").removeprefix("refs/heads/") or "main"


def unnamed_origin(git: Repository, branch: str, file: str) -> str:
    """The remote that has the registry (`file` on its `branch`) and is not called origin, where no setting tells
    whether it is the origin; else "". A clone that was made of it must not give out numbers of its own.
    """
    if git.config(_SETTING):
        return ""
    return next((name for name in git.remotes() if git.find_ref(f"refs/remotes/{name}/{branch}:{file}")), "")
