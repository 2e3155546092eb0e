"""Payload stores: a folder of this machine, or any other DVC remote (gitreg.stores.payloads.dvc).

Objects lie as DVC lays them, `<url>/files/md5/<2 hex>/<30 hex>`, so plain DVC reads what is pushed here. A folder
needs no import of DVC, which takes longer than copying most models.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gitreg.errors import Damaged, GitregError, NotFound, Refused, Unreachable
from gitreg.stores.cache import Cache, Payload, copy_verified, hash_file, object_path, sync_folder
from gitreg.stores.disk import told_of
from gitreg.stores.scratch import scratch

_NAME = re.compile(r"[0-9a-f]{2}/(?:[0-9a-f]{30}(?:\.dir)?|\.[0-9a-f]{30}\.[0-9a-f]{32})")

Progress = Callable[[int], None]
"""Called with the number of bytes just moved."""


@dataclass(frozen=True)
class Item:
    """A payload and the name it goes by in a run, for messages."""

    payload: Payload
    name: str


@dataclass(frozen=True)
class Stored:
    """An object in a store: `name` is its md5 and `size` its bytes.

    A directory of plain DVC's has `.dir` at its end; `partial` is an upload that was under way. `since` is when it
    came there, in seconds since 1970; None where the store does not tell.
    """

    name: str
    size: int
    since: float | None

    @property
    def partial(self) -> bool:
        """Whether it is no object yet, and will be none where whoever uploads it was killed."""
        return self.name[2:3] == "."


class PayloadStore(Protocol):
    """Where payloads are published."""

    @property
    def url(self) -> str:
        """The store's address, as people know it."""

    def path(self, payload: Payload) -> Path | None:
        """The payload's file, where the store is a folder of this machine and has it."""

    def check(self) -> None:
        """Unreachable where it does not answer, Unsupported where DVC's plug-in for it is missing; writes nothing."""

    def push(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        """Put payloads there and verify that they are; Unreachable or Damaged where they are not."""

    def pull(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        """Bring payloads into the cache; NotFound, naming one, where the store has it not."""

    def verify(self, items: Sequence[Item], progress: Progress) -> Sequence[tuple[Item, str]]:
        """The payloads that are not there whole and right, each with what is wrong: "missing", "of 3 bytes, not 7",
        "of other bytes". The store's own hash is trusted where `push` trusts it; writes nothing."""

    def listing(self) -> Iterator[Stored]:
        """Every object that lies as DVC lays them; what else is in the store is no business of ours."""

    def remove(self, name: str) -> None:
        """Delete an object that `listing` told of; nothing happens where it is gone."""


@dataclass(frozen=True)
class FolderStore:
    """A DVC remote that is a folder of this machine (or mounted on it)."""

    root: Path

    @property
    def url(self) -> str:
        return str(self.root)

    def path(self, payload: Payload) -> Path | None:
        found = object_path(self.root, payload.md5)
        try:
            return found if found.stat().st_size == payload.size else None
        except OSError:
            return None

    def check(self) -> None:
        if not self.root.is_dir() and not (self.root.parent.is_dir() and os.access(self.root.parent, os.W_OK)):
            raise Unreachable(f"the payload store {self.root} is not there", "mount it, then give the command again")

    def push(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        if self.root == cache.root:
            _all_there(items, cache)
            return
        self._reachable()
        for item in items:
            payload, final = item.payload, object_path(self.root, item.payload.md5)
            there = hash_file(final) if self.path(payload) else None
            if there != payload:
                if there and there.md5 == payload.md5:
                    raise Refused(f"{item.name} has the md5 of another payload, {payload.md5}, and other bytes",
                                  "one of the two was made to collide; save the model again")  # fmt: skip
                source = cache.path(payload.md5)
                if not source.exists():
                    raise NotFound(f"the payload {item.name} is neither in {self.root} nor in {cache.root}",
                                   "log the run again on the machine that trained it")  # fmt: skip
                with scratch(self.root / "tmp") as folder:  # what was half copied when its program was killed goes
                    partial = folder / "payload"
                    copy_verified(source, partial, payload.sha256, item.name, mode=0o444, moved=progress)
                    final.parent.mkdir(parents=True, exist_ok=True)
                    partial.replace(final)
                sync_folder(final.parent)
            else:
                with contextlib.suppress(OSError):  # so that no gc takes it for old before its tags are published
                    os.utime(final)
                progress(payload.size)

    def pull(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        self._reachable()
        for item in items:
            if self.path(item.payload) is None:
                raise _missing(item, object_path(self.root, item.payload.md5), self.url)
            progress(item.payload.size)

    def listing(self) -> Iterator[Stored]:
        self.check()
        for path in sorted((self.root / "files" / "md5").glob("??/*")):
            name = object_name(*path.parts[-2:])
            with contextlib.suppress(FileNotFoundError):
                facts = path.lstat()
                if name and stat.S_ISREG(facts.st_mode):
                    # A file that is moved keeps the time of its last change, but not that of its move.
                    yield Stored(name, facts.st_size, max(facts.st_mtime, facts.st_ctime))

    def remove(self, name: str) -> None:
        with told_of(self.root, f"ls -ld {self.root}/files/md5; use an account that may delete there"):
            object_path(self.root, name).unlink(missing_ok=True)

    def verify(self, items: Sequence[Item], progress: Progress) -> Sequence[tuple[Item, str]]:
        self.check()
        found = []
        for item in items:
            path = object_path(self.root, item.payload.md5)
            if not path.is_file():
                found.append((item, "missing"))
            elif path.stat().st_size != item.payload.size:
                found.append((item, f"of {path.stat().st_size} bytes, not {item.payload.size}"))
            elif hash_file(path) != item.payload:
                found.append((item, "of other bytes"))
            progress(item.payload.size)
        return found

    def _reachable(self) -> None:
        self.check()
        self.root.mkdir(exist_ok=True)


def object_name(folder: str, name: str) -> str:
    """The name of the object (or part of one) that lies at `<folder>/<name>`, "" where neither DVC nor we put it."""
    return folder + name if _NAME.fullmatch(f"{folder}/{name}") else ""


def _missing(item: Item, found: Path, url: str) -> GitregError:
    if found.exists():
        return Damaged(
            f"{item.name} is damaged in {url}: {found.stat().st_size} bytes, not {item.payload.size}",
            "gitreg push it again from a machine that has it",
        )
    return NotFound(f"the payload {item.name} is not in {url}", "gitreg push it from the machine that logged it")


def _all_there(items: Sequence[Item], cache: Cache) -> None:
    for item in items:
        if not cache.has(item.payload.md5, item.payload.size):
            raise _missing(item, cache.path(item.payload.md5), str(cache.root))
