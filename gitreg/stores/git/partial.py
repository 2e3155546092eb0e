"""A repository that holds what was asked for so far: gitreg's own mirror of an address.

What is read and not here is brought in one batch, never object by object over a connection each, as git would.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gitreg.errors import Damaged, GitregError, NotFound, Unreachable
from gitreg.stores.git.names import names_at
from gitreg.stores.git.program import Answer, environment, read_git
from gitreg.stores.git.repository import Repository

ONE_COMMIT = ("--no-filter", "--refetch", "--depth=1")
"""How a commit is fetched with all that is in it, whatever of that may be here already."""

_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LACKING = re.compile(r"promisor remote|transport '[^']*' not allowed")
_MANY_PACKS = 50
_TURNS = 3  # a commit, then its trees, then its blobs


@dataclass(frozen=True)
class PartialRepository(Repository):
    """A bare partial clone of its remote. Reading brings what is missing; Unreachable where it is `offline`."""

    remote: str = "origin"
    offline: bool = False

    def read(self, *args: str, data: bytes | None = None) -> Answer:
        return read_git(self._argv(args), data, env=environment(GIT_ALLOW_PROTOCOL=""))

    def fetch(self, remote: str, refspecs: Sequence[str], *, extra: Sequence[str] = ()) -> None:
        super().fetch(remote, refspecs, extra=extra)
        with contextlib.suppress(GitregError):  # what was asked for is here, and a crowded mirror works
            self.tidy()

    def tidy(self) -> None:
        super().tidy()
        with contextlib.suppress(OSError):
            packs = sum(entry.name.endswith(".pack") for entry in os.scandir(self.git_dir / "objects" / "pack"))
            if packs > _MANY_PACKS:
                # A bitmap needs every object.
                self.write("-c", "repack.writeBitmaps=false", "repack", "-a", "-d", "-q", what="cannot pack objects")

    @cached_property
    def _kept(self) -> None:
        """None: a git that is kept would bring what is lacking object by object."""

    def _batch(self, asked: list[str]) -> Answer:
        answer = super()._batch(asked)
        for _ in range(_TURNS):
            if not _LACKING.search(answer.err):
                break
            try:
                self._bring_named([name.rstrip("\n") for name in asked])
            except GitregError as error:
                if "not our ref" not in error.message:
                    raise
                break  # the origin has it not either
            answer = super()._batch(asked)
        return answer

    def _list_tree(self, spec: str) -> Answer:
        answer = super()._list_tree(spec)
        for _ in range(_TURNS):
            if not _LACKING.search(answer.err):
                break
            names = self.read("ls-tree", "-r", "-z", "--full-tree", spec)
            if names.code:
                self.bring_whole([spec.partition(":")[0]])
            else:
                self._bring_objects(line.split()[2] for line in names.out.decode(errors="replace").split("\0")[:-1])
            answer = super()._list_tree(spec)
        return answer

    def _bring_named(self, names: Iterable[str]) -> None:
        """Bring objects by their ids or names, as far as they are lacking."""
        oids, commits = set(), set()
        for name in names:
            if _OID.fullmatch(name):
                oids.add(name)
                continue
            answer = self.read("rev-parse", "--verify", "--quiet", "--end-of-options", name)
            if _LACKING.search(answer.err):  # a tree on the way
                commits.add(re.split("[:^]", name)[0])
            elif answer.code == 0:
                oids.add(answer.out.decode().strip())
        if commits:
            self.bring_whole(commits)
        else:
            self._bring_objects(oids)

    def _bring_objects(self, oids: Iterable[str]) -> None:
        lacking = set(oids) - self._here()
        if lacking:
            self._fetch_objects(lacking, "--filter=blob:none", "--refetch")  # else what is said to be here is left out

    def bring_whole(self, revisions: Iterable[str]) -> None:
        """Bring commits (named by ids, refs, tags) with all that is in them, in one batch."""
        commits = {self.find_ref(f"{revision}^{{commit}}") or revision for revision in revisions}
        if commits:
            self._fetch_objects(commits, *ONE_COMMIT)

    def _fetch_objects(self, oids: Iterable[str], *how: str) -> None:
        if self.offline:
            raise Unreachable(
                f"{self.address(self.remote)}: what is asked for was never brought here, and this is offline",
                "give the command once without --offline",
            )
        self.fetch(self.remote, sorted(oids), extra=["--quiet", *how])

    def _here(self) -> set[str]:
        """The ids of all objects that are here."""
        asked = ["--batch-all-objects", "--unordered", "--batch-check=%(objectname)"]
        return set(self.read("cat-file", *asked).out.decode().split())

    def names(self, *prefixes: str) -> dict[str, str]:
        """The remote's refs that begin with one of the prefixes, with their objects, none of which is received."""
        found = names_at(self, self.remote, *prefixes)
        if found is None:
            found = {name: oid for name, oid in self.remote_refs(self.remote).items() if not name.endswith("^{}")}
        return {name: oid for name, oid in found.items() if name.startswith(prefixes)}


def clone_partially(folder: Path, address: str, branch: str = "") -> PartialRepository:
    """A bare copy of a branch's last commit in the empty `folder`, without its files; its HEAD names that branch.

    NotFound where there is no such branch.
    """
    made = PartialRepository(folder, folder, None)
    how = ["--bare", "--depth=1", "--no-tags", "--single-branch", "--filter=blob:none", "--quiet"]
    answer = made._travel(
        address, ["clone", *how, *(["--branch", branch] if branch else []), "--", address, str(folder)]
    )
    made.__dict__.pop("settings", None)
    if "Could not find remote branch" in answer.err or "not found in upstream" in answer.err:
        raise NotFound(f"{made.address(address)} has no branch {branch}", "name another one: URL#BRANCH")
    if answer.code:
        raise made.away(answer, address, "reach")
    if not made.find_ref("HEAD"):
        raise NotFound(f"no registry at {made.address(address)}: it has no branch", "gitreg init --origin ADDRESS")
    if not made.symbolic_ref("HEAD"):
        raise Damaged(f"{made.address(address)}: {branch} is no branch", "name a branch: URL#BRANCH")
    return made
