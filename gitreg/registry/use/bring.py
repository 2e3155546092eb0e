"""Payloads at hand: in the cache, or in a store that is a folder of this machine; and copies of a model's files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gitreg.errors import Damaged, GitregError, Unreachable
from gitreg.format.names import check_path
from gitreg.format.sums import format_sums, make_sums
from gitreg.registry.contents import SUMS
from gitreg.registry.files import CommittedFile
from gitreg.registry.place import Registry
from gitreg.registry.progress import Moved, Progress
from gitreg.registry.use.locate import Located
from gitreg.stores.cache import Payload, copy_verified, hash_file, sha256_file, write_durably
from gitreg.stores.payloads import Item
from gitreg.stores.scratch import scratch


def bring(registry: Registry, found: Located, files: Iterable[CommittedFile], progress: Progress) -> None:
    """Have the payloads of `files` at hand. NotFound, naming one, where the store has it not."""
    items = [
        Item(f.payload, f"{found.path}/{f.path}") for f in files if f.payload and not _at_hand(registry, f.payload)
    ]
    if not items:
        return
    if registry.offline and "://" in registry.store.url:
        raise Unreachable(
            f"{items[0].name} of {found.name} is not on this machine, and this is offline",
            f"gitreg pull {found.name}, online",
        )
    with progress("downloading", sum(item.payload.size for item in items)) as moved:
        registry.store.pull(items, registry.cache, moved)


def _at_hand(registry: Registry, payload: Payload) -> Path | None:
    for cache in (registry.cache, registry.written):  # the second has what was logged by address and waits
        if cache.has(payload.md5, payload.size):
            return cache.path(payload.md5)
    return registry.store.path(payload)


def payload_size(files: Iterable[CommittedFile]) -> int:
    """The bytes of all payloads."""
    return sum(file.size for file in files if file.payload)


def write_copies(
    registry: Registry, found: Located, files: Sequence[CommittedFile], target: Path, progress: Progress
) -> None:
    """Bring the model's files and write verified copies into the folder `target`, with their SHA256SUMS."""
    bring(registry, found, files, progress)
    write_git_files(registry, found, files, target)
    with progress("copying", payload_size(files)) as moved:
        for file in files:
            if file.payload:
                copy_payload(registry, found, file, target / file.path, moved)


def write_git_files(registry: Registry, found: Located, files: Sequence[CommittedFile], target: Path) -> None:
    """Write what Git has of the model, verified, and SHA256SUMS; make the folders of its payloads."""
    blobs = {oid: content for oid, _, content in registry.git.objects({file.blob for file in files if file.blob})}
    for file in files:
        path = target / check_path(file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.payload is None:
            write_durably(path, blobs[file.blob])
            if sha256_file(path) != file.sha256:
                raise Damaged(
                    f"{file.path} of {found.name} is damaged in git: its sha256 is not {file.sha256}", "git fsck"
                )
    write_durably(target / SUMS, format_sums(make_sums({file.path: file.sha256 for file in files})).encode())


def copy_payload(registry: Registry, found: Located, file: CommittedFile, path: Path, moved: Moved) -> None:
    """A verified copy of a payload; what is damaged in the cache is brought again, if the store has it whole."""
    assert file.payload
    name = f"{file.path} of {found.name}"
    source = _at_hand(registry, file.payload) or registry.cache.path(file.payload.md5)
    done = _Counted(moved)
    try:
        copy_verified(source, path, file.sha256, name, moved=done)
    except Damaged as damaged:
        moved(-done.bytes)
        mend(registry, found, file, damaged)
        source = _at_hand(registry, file.payload) or registry.cache.path(file.payload.md5)
        copy_verified(source, path, file.sha256, name, moved=moved)
    cached = registry.cache.path(file.payload.md5)
    if source != cached and not registry.cache.has(file.payload.md5, file.size):
        cached.unlink(missing_ok=True)  # one of another size: the whole one is elsewhere


class _Counted:
    def __init__(self, moved: Callable[[int], None]) -> None:
        self.bytes = 0
        self._moved = moved

    def __call__(self, count: int) -> None:
        self.bytes += count
        self._moved(count)


def mend(registry: Registry, found: Located, file: CommittedFile, damaged: Damaged) -> None:
    """Take a damaged payload out of the cache and bring it from the store; raise `damaged` if that has no better.

    Returns where it is not in the cache: another program was quicker, or the damage is the store's.
    """
    assert file.payload
    payload, cached = file.payload, registry.cache.path(file.payload.md5)
    if not cached.exists():
        return
    try:
        stored = registry.store.path(payload)
        if stored:
            if os.path.samefile(stored, cached) or hash_file(stored) != payload:
                raise damaged
            cached.unlink(missing_ok=True)
            return
        with scratch(registry.cache.root / "tmp") as folder:
            spoilt = folder / "spoilt"
            cached.rename(spoilt)
            try:
                registry.store.pull([Item(payload, f"{found.path}/{file.path}")], registry.cache, lambda _: None)
            finally:
                if not cached.exists():
                    spoilt.rename(cached)
    except GitregError:
        raise damaged from None
