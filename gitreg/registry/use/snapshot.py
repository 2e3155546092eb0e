"""Snapshots: model directories on this machine that all programs load from, read-only and verified once.

<cache>/snapshots/<digest>/       files 0444, folders 0555; a payload is a hard link to the cache's file of it
<cache>/snapshots/<digest>.json   how each file stood when it was verified
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitreg.errors import Damaged, GitregError, NotFound
from gitreg.registry.contents import SUMS
from gitreg.registry.files import CommittedFile
from gitreg.registry.place import Registry
from gitreg.registry.progress import Moved, Progress, silent
from gitreg.registry.use.bring import bring, copy_payload, mend, payload_size, write_git_files
from gitreg.registry.use.locate import Located, model_files
from gitreg.registry.use.verified import Spoilt, is_as_recorded, look, record_of, verify, write_record
from gitreg.stores.disk import remove_folder, told_of
from gitreg.stores.scratch import locked, scratch

SNAPSHOTS = "snapshots"
_ATTEMPTS = 5


@dataclass(frozen=True)
class Snapshot:
    """A model directory to load from. `wanted` are the sha256 of its files, by path."""

    path: Path
    wanted: Mapping[str, str]

    def is_there(self) -> bool:
        """Whether all its files are still there."""
        try:
            return look(self.path, self.wanted) is not None
        except OSError:
            return False


def snapshot(registry: Registry, found: Located, progress: Progress = silent) -> Snapshot:
    """The model's snapshot, made if it is not there: every byte was verified, and none has changed since.

    What is damaged is made again from the cache or the store; Damaged, naming the file, where neither has it whole.
    Refused where the cache cannot be written to.
    """
    files = model_files(registry, found)
    digest = found.digest.removeprefix("sha256:")
    there = Snapshot(
        registry.cache.root / SNAPSHOTS / digest, {SUMS: digest, **{file.path: file.sha256 for file in files}}
    )
    if is_as_recorded(there.path, there.wanted):
        return there
    size = sum(file.size for file in files)
    with told_of(registry.cache.root, _unlock(registry)):
        for _ in range(_ATTEMPTS):
            try:
                if _is_good(there, size, progress) or _make(registry, found, files, there, progress):
                    return there
            except FileNotFoundError:  # the cache was emptied meanwhile: from the start
                continue
    raise NotFound(
        f"{registry.cache.root} changes while {found.name} is put there", "give the command again when that is over"
    )


def _unlock(registry: Registry) -> str:
    chmod = f"chmod -R u+w {registry.cache.root}"
    own = registry.git.work_tree is not None
    return f"ls -ld it, then {chmod}" if own else f"name another folder: export GITREG_CACHE=FOLDER; or {chmod}"


def remove_snapshot(path: Path) -> None:
    """Remove a snapshot and its record. A program that has files of it open reads on."""
    record_of(path).unlink(missing_ok=True)
    if path.is_dir():
        gone = path.with_name(f".{uuid.uuid4().hex}")  # a name that the next one to come sweeps
        path.rename(gone)
        remove_folder(gone)


def _is_good(there: Snapshot, size: int, progress: Progress) -> bool:
    """Whether the snapshot is there and whole; one that is spoilt is removed."""
    try:
        fd = os.open(there.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        there.path.unlink(missing_ok=True)
        return False
    try:
        if is_as_recorded(there.path, there.wanted):
            return True
        try:
            with progress("verifying", size) as moved:
                _protect(there.path)
                seen = verify(there.path, there.wanted, there.wanted, moved)
        except Spoilt:
            # Whoever mended it meanwhile has put another folder there: this one is told apart by its descriptor.
            with locked(there.path.parent, wait=True):
                if os.path.samestat(os.fstat(fd), os.stat(there.path)):
                    remove_snapshot(there.path)
            return False
        _record(there, seen)
        return True
    finally:
        os.close(fd)


def _record(there: Snapshot, seen: Mapping[str, list[int]] | None) -> None:
    try:
        write_record(there.path, seen)
    except PermissionError:  # somebody else's cache: it is verified at every load
        pass
    except OSError as error:
        if error.errno != errno.EROFS:
            raise


def _make(
    registry: Registry, found: Located, files: Sequence[CommittedFile], there: Snapshot, progress: Progress
) -> bool:
    """Make the snapshot; False where that has to be begun again, as something was damaged and is mended now."""
    bring(registry, found, files, progress)
    there.path.parent.mkdir(parents=True, exist_ok=True)
    with scratch(there.path.parent, ".") as partial:
        write_git_files(registry, found, files, partial)
        with progress("verifying", payload_size(files)) as moved:
            linked = _put_payloads(registry, found, files, partial, moved)
            _protect(partial)
            try:
                seen = verify(partial, there.wanted, linked, moved)
            except Spoilt as spoilt:
                _mend(registry, found, files, spoilt, partial)
                return False
        with locked(there.path.parent, wait=True):
            try:
                partial.rename(there.path)
            except OSError as error:
                if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                    return False  # another program was quicker
                raise
        _record(there, seen)
    return True


def _put_payloads(
    registry: Registry, found: Located, files: Sequence[CommittedFile], target: Path, moved: Moved
) -> list[str]:
    """Put payloads into `target`; those that are links, whose bytes are not verified yet."""
    linked = []
    for file in files:
        if file.payload is None:
            continue
        if _link(registry, found, file, target / file.path):
            linked.append(file.path)
        else:
            copy_payload(registry, found, file, target / file.path, moved)
    return linked


def _link(registry: Registry, found: Located, file: CommittedFile, target: Path) -> bool:
    """Let a payload of the cache be the snapshot's file. Never the only one of its bytes: a published copy exists."""
    assert file.payload
    payload, cached = file.payload, registry.cache.path(file.payload.md5)
    if found.version is None or not registry.cache.has(payload.md5, payload.size) or cached.is_symlink():
        return False
    try:
        stored = registry.store.path(payload)
    except GitregError:  # no store is named
        return False
    if stored is not None and os.path.samefile(stored, cached):
        return False
    try:
        os.link(cached, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        return False
    return True


def _mend(registry: Registry, found: Located, files: Sequence[CommittedFile], spoilt: Spoilt, partial: Path) -> None:
    for file in files:
        if file.path == spoilt.path:
            cached = registry.cache.path(file.payload.md5) if file.payload else partial / file.path
            damaged = Damaged(
                f"{file.path} of {found.name} is damaged: its sha256 is {spoilt.found}, not {file.sha256}",
                f"look at {cached}",
            )
            mend(registry, found, file, damaged)


def _protect(folder: Path) -> None:
    """Make files 0444 and folders 0555, as far as they are not."""
    for parent, _, names in os.walk(folder, topdown=False):
        for path, mode in [*((Path(parent, name), 0o444) for name in names), (Path(parent), 0o555)]:
            if not path.is_symlink() and path.stat().st_mode & 0o7777 != mode:
                path.chmod(mode)
