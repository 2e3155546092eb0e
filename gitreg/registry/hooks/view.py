"""The repository as it would be if a push were taken: for rules that read more than a few objects."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitreg.registry.hooks.push import Push
from gitreg.registry.place import Registry
from gitreg.stores.cache import Cache
from gitreg.stores.git import Repository


@contextmanager
def view(push: Push) -> Iterator[Repository]:
    """A repository with the refs that are pushed, and all objects; but with the registry's branch as it is.

    It lies in a folder of its own that borrows the objects of the quarantine and of the server's repository.
    """
    incoming = push.incoming
    with tempfile.TemporaryDirectory(prefix="gitreg-") as folder:
        home = Path(folder)
        (home / "objects/info").mkdir(parents=True)
        (home / "refs").mkdir()
        (home / "HEAD").write_text(f"ref: {push.main}\n")
        shared = Path(incoming.git_dir, "objects")
        borrowed = [incoming.quarantine, str(shared)] if incoming.quarantine else [str(shared)]
        (home / "objects/info/alternates").write_text("".join(f"{path}\n" for path in borrowed))
        shutil.copy(Path(incoming.git_dir, "config"), home / "config")
        (home / "packed-refs").write_text(_refs(push), encoding="utf-8", errors="surrogateescape")
        yield Repository(home, home, None)


def _refs(push: Push) -> str:
    listed = push.incoming.start("for-each-ref", "--format=%(objectname) %(refname)").out()
    refs = {line[41:]: line[:40] for line in listed.decode("utf-8", "surrogateescape").splitlines()}
    for update in push.updates:
        if update.ref != push.main:
            refs[update.ref] = update.new
    lines = (f"{oid} {ref}\n" for ref, oid in sorted(refs.items()) if oid)
    return "# pack-refs with: sorted \n" + "".join(lines)


def registry_of(push: Push, git: Repository) -> Registry:
    """The registry in a view: it is its own authority, and its main is the one before the push."""
    return Registry(git, "", push.branch, git.git_dir / "state", Cache(git.git_dir / "cache"), push.incoming.git_dir)
