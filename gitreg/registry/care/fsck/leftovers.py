"""What lies beside Git on this machine: open runs and registrations that can be read, and nothing left half-written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from gitreg.errors import GitregError
from gitreg.registry.care.fsck.fault import REPAIR, Fault
from gitreg.registry.care.fsck.payloads import caches
from gitreg.registry.journal import open_runs
from gitreg.registry.place import Registry
from gitreg.registry.seen import check_file
from gitreg.registry.wishes import read_wishes
from gitreg.stores.clock import now
from gitreg.stores.scratch import locked

_OLD = 3600  # seconds: nothing that gitreg writes stays half-written that long, or it is locked
_RANDOM = re.compile(r".*[0-9a-f]{32}")
_GITS = re.compile(r"(tmp_(obj|pack|idx|rev|midx)_|\.tmp-).*")


def check(place: Registry) -> Iterator[Fault]:
    """Journals, wishes, the memory of what was seen, and leftovers."""
    damage: list[GitregError] = []
    list(open_runs(place.state, damage))
    for error in damage:
        yield Fault("state", "an open run", error.message, error.hint)
    try:
        list(read_wishes(place.state))
    except GitregError as error:
        yield Fault("state", "a pending registration", error.message, error.hint)
    try:
        check_file(place)
    except GitregError as error:
        yield Fault("state", "what was seen", error.message, error.hint)
    for path in leftovers(place):
        yield Fault("leftovers", str(path), "a program that was killed left it half-written", REPAIR, remark=True)


def leftovers(place: Registry) -> list[Path]:
    """Files and folders of programs that were killed, held by nobody and older than an hour."""
    until = now().timestamp() - _OLD
    found = []
    for path in _candidates(place):
        try:
            young = path.lstat().st_mtime > until
        except OSError:
            continue
        if not young and not (path.is_dir() and _held(path)):
            found.append(path)
    return sorted(found)


def _candidates(place: Registry) -> Iterator[Path]:
    for cache in caches(place):
        yield from _named(cache.root / "tmp", _RANDOM)
    for folder in (place.state, *(place.state / name for name in ("runs", "wishes", "notes"))):
        yield from (path for path in _named(folder, _RANDOM) if path.name.startswith("."))
    objects = place.git.common_dir / "objects"
    for folder in (objects / "pack", *sorted(objects.glob("[0-9a-f][0-9a-f]"))):
        yield from _named(folder, _GITS)
    try:
        url = place.store.url
    except GitregError:
        return
    if "://" not in url:
        for folder in sorted((Path(url) / "files" / "md5").glob("[0-9a-f][0-9a-f]")):
            yield from (path for path in _named(folder, _RANDOM) if path.name.startswith("."))


def _named(folder: Path, pattern: re.Pattern[str]) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            yield from sorted(Path(entry.path) for entry in entries if pattern.fullmatch(entry.name))
    except OSError:
        return


def _held(folder: Path) -> bool:
    try:
        with locked(folder, wait=False) as ours:
            return not ours
    except OSError:
        return True
