"""Payloads: those that lie here hashed, and with the store asked, every one of them there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gitreg.errors import GitregError
from gitreg.registry.care.fsck.fault import REPAIR, Fault
from gitreg.registry.place import Registry
from gitreg.registry.progress import Moved, Progress
from gitreg.stores.cache import Cache, hash_file
from gitreg.stores.payloads import Item, PayloadStore


@dataclass
class Kept:
    """How payloads are kept: `broken` are files here that are not what their names say, `lost` what the store lacks."""

    faults: list[Fault] = field(default_factory=list)
    broken: list[tuple[Cache, Item]] = field(default_factory=list)
    lost: list[Item] = field(default_factory=list)


def check_payloads(place: Registry, items: Iterable[Item], *, remote: bool, progress: Progress) -> Kept:
    """Hash what is here, and with `remote` let the store tell of each payload."""
    wanted = sorted(items, key=lambda item: item.name)
    kept, store = Kept(), None
    try:
        store = place.store
    except GitregError as error:
        if wanted:
            kept.faults.append(Fault("payloads", "the payload store", error.message, error.hint))
    with progress("hashing", sum(item.payload.size for item in wanted)) as moved:
        for item in wanted:
            kept.faults += _here(place, store, item, kept)
            moved(item.payload.size)
    if remote and store is not None and not _is_cache(place, store):
        with progress("asking the store", sum(item.payload.size for item in wanted)) as moved:
            kept.faults += _there(place, store, wanted, moved, kept)
    return kept


def caches(place: Registry) -> list[Cache]:
    """Where payloads may lie on this machine."""
    return list(dict.fromkeys((place.cache, place.written)))


def _here(place: Registry, store: PayloadStore | None, item: Item, kept: Kept) -> Iterator[Fault]:
    there = False
    for cache in caches(place):
        path = cache.path(item.payload.md5)
        if not path.is_file():
            continue
        there = True
        if path.stat().st_size != item.payload.size or hash_file(path) != item.payload:
            kept.broken.append((cache, item))
            mendable = store is not None and not _is_cache(place, store)
            hint = REPAIR if mendable else f"rm {path}, and put a copy from a backup in its place"
            yield Fault("payloads", item.name, f"{path} is damaged: its bytes are not {item.payload.md5}", hint)
    if not there and store is not None and _is_cache(place, store):
        hint = "take it from a backup, or log the run again on the machine that trained it"
        yield Fault("payloads", item.name, f"the payload {item.payload.md5} is missing from {store.url}", hint)


def _is_cache(place: Registry, store: PayloadStore) -> bool:
    """Whether the payloads of this registry lie in its own cache and nowhere else."""
    return store.url == str(place.cache.root)


def _there(place: Registry, store: PayloadStore, items: list[Item], moved: Moved, kept: Kept) -> Iterator[Fault]:
    try:
        found = store.verify(items, moved)
    except GitregError as error:
        yield Fault("store", store.url, error.message, error.hint)
        return
    for item, problem in found:
        kept.lost.append(item)
        here = any(cache.has(item.payload.md5, item.payload.size) for cache in caches(place))
        hint = REPAIR if here else "gitreg push it from a machine that has it, or gitreg fsck --repair there"
        yield Fault("store", item.name, f"the payload {item.payload.md5} in {store.url} is {problem}", hint)
