"""Git, spoken in plumbing: no index, no work tree, no hooks, no configuration is touched unless asked for."""

from gitreg.stores.git.program import Locked, environment, identity, version, without_credentials
from gitreg.stores.git.reading import Entry, Ref
from gitreg.stores.git.repository import Repository, TagsMoved, Taken, create_repository, find_repository
from gitreg.stores.git.writing import NewCommit, RefChange

__all__ = [
    "Entry",
    "Locked",
    "NewCommit",
    "Ref",
    "RefChange",
    "Repository",
    "TagsMoved",
    "Taken",
    "create_repository",
    "environment",
    "find_repository",
    "identity",
    "version",
    "without_credentials",
]
