"""Making room: what no version, run, stage, wish or open program needs goes, and nothing else."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gitreg.errors import Conflict, GitregError, NotFound, Refused, Unreachable, Unsupported
from gitreg.registry.care.expired import Expired, delete_runs, expired_runs
from gitreg.registry.care.keep import check_whole, named_by_journals, named_in, owner_of
from gitreg.registry.care.waste import (
    Kept,
    Waste,
    cached,
    changed_at,
    environments,
    judged,
    leftovers,
    mirrors,
    snapshots,
    take_away,
    with_sizes,
)
from gitreg.registry.notes import merge_notes
from gitreg.registry.place import Registry, open_registry, writable
from gitreg.registry.progress import Progress, silent
from gitreg.registry.tombstones import drop_refs
from gitreg.stores.cache import object_path
from gitreg.stores.clock import now
from gitreg.stores.payloads import FolderStore, PayloadStore, Stored
from gitreg.stores.scratch import locked

GRACE = timedelta(days=1)
"""What is younger stays: its refs may be on their way."""

_SEEN = "refs/gitreg/gc/"


@dataclass(frozen=True)
class Swept:
    """What may go (or went, where `done`), and what stays; `size` is the bytes that become free."""

    waste: tuple[Waste, ...]
    kept: tuple[Kept, ...]
    done: bool

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(row.size for row in self.waste)

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "done": self.done,
            "size": self.size,
            "waste": [row.to_dict() for row in self.waste],
            "kept": [row.to_dict() for row in self.kept],
        }


@dataclass(frozen=True)
class _Needs:
    """What the payloads are needed by: md5 -> versions, runs or others; and what the expired runs named."""

    by: Mapping[str, str]
    last: Mapping[str, str]
    young: float

    def judge(self, stored: Stored) -> str:
        """What needs a payload, "" where nothing does."""
        if need := self.by.get(stored.name, ""):
            return need
        return "younger than the grace period" if stored.since is None or stored.since > self.young else ""


def gc(
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    runs_older_than: timedelta | None = None,
    remote: bool = False,
    grace: timedelta = GRACE,
    yes: bool = False,
    progress: Progress = silent,
) -> Swept:
    """Say what is needed by nothing; with `yes` remove it. With `remote` at the origin and in its payload store, too.

    Runs go only where `runs_older_than` is given, and never one that a version was made of, that a stage or a wish
    names, or that a program logs to. Nothing younger than `grace` goes. Unreachable where the origin does not answer,
    Refused where not all that it has can be seen.
    """
    place = writable(open_registry(registry))
    if place.remote and place.offline:
        raise Unreachable("what may go is known with the origin only, and this is offline", "give it online")
    if remote and place.mirror:
        raise Unsupported("the payload store is swept from a clone", f"git clone {place.where}, then -R CLONE")
    if remote:
        check_whole(place)
    with _alone(place):
        with _all_refs(place, everything=remote):
            old = _expired(place, runs_older_than, remote=remote)
            waste, kept = _find(place, old, grace, remote=remote)
        if not yes:
            return Swept(tuple(waste), tuple(kept), done=False)
        gone = delete_runs(place, old) if old else []
        # Again: since it was asked for, something may have become needed.
        with _all_refs(place, everything=remote):
            asked = now() - grace
            waste, kept = _find(place, gone, grace, remote=remote)
            _remove(place, waste, asked.timestamp(), progress)
    return Swept(tuple(waste), tuple(kept), done=True)


@contextmanager
def _alone(registry: Registry) -> Iterator[None]:
    """Keep other sweepers of this copy away: what one has fetched to look at is what another that was killed left."""
    home = registry.state / "gc"
    home.mkdir(parents=True, exist_ok=True)
    with locked(home, wait=False) as alone:
        if not alone:
            raise Conflict(f"another gc is at work in {registry.where}", "give the command again when it has ended")
        drop_refs(registry.git, _SEEN)
        yield


@contextmanager
def _all_refs(registry: Registry, *, everything: bool) -> Iterator[None]:
    """Have all of the origin's refs here: its tags and main, and with `everything` whatever else it shows."""
    seen = f"{_SEEN}{uuid.uuid4().hex}/"
    try:
        if registry.remote:
            registry.fetch("refs/tags/*")
            registry.fetch_main()
            if not registry.mirror:
                merge_notes(registry)
                registry.remember_fetch()
            if everything:
                registry.git.fetch(registry.remote, [f"+refs/*:{seen}*", "^refs/tags/*"])
        yield
    finally:
        with suppress(GitregError):
            drop_refs(registry.git, seen)


def _expired(registry: Registry, older: timedelta | None, *, remote: bool) -> list[Expired]:
    return [] if older is None else expired_runs(registry, now() - older, remote=remote)


def _find(
    registry: Registry, old: Sequence[Expired], grace: timedelta, *, remote: bool
) -> tuple[list[Waste], list[Kept]]:
    """Everything that may go if the runs `old` go, and what stays."""
    moment = now().timestamp()
    young = moment - grace.total_seconds()
    needs = _needs(registry, old, young)
    waste, kept = [_of_run(run) for run in old], list[Kept]()
    roots = list(dict.fromkeys((registry.cache.root, registry.written.root)))
    for root in roots:
        rows, stays = judged("here", cached(root), needs.judge, needs.last, root)
        waste += rows
        kept += stays
        waste += snapshots(root, young)
    waste += leftovers(registry, roots, young)
    waste += mirrors(registry, moment)
    waste += environments(moment)
    if remote and _has_store_apart(registry, roots):
        rows, stays = judged("store", _only_payloads(registry), needs.judge, needs.last)
        waste += rows
        kept += stays
    return with_sizes(waste), kept


def _needs(registry: Registry, old: Sequence[Expired], young: float) -> _Needs:
    # Before the refs: a run that ends meanwhile is tagged first, and then its journal goes.
    logging = named_by_journals(registry.state)
    going = {run.ref for run in old}
    tips: dict[str, list[str]] = {"versions": [], "runs": [], "others": []}
    for ref in registry.git.refs():
        if ref.name not in going:
            tips[owner_of(ref.name)].append(ref.oid)
    if head := registry.git.find_ref("HEAD"):
        tips["others"].append(head)
    by: dict[str, str] = {}
    for owner, oids in tips.items():
        for md5 in named_in(registry.git, oids, partial=registry.mirror):
            by.setdefault(md5, {"others": "other refs"}.get(owner, owner))
    for md5 in logging:
        by.setdefault(md5, "open runs")
    runs = {run.run.commit: str(run.run) for run in old}
    last = {md5: runs.get(at, "") for md5, at in named_in(registry.git, runs, partial=registry.mirror).items()}
    return _Needs(by, last, young)


def _of_run(old: Expired) -> Waste:
    where = "origin" if old.there else "here"
    return Waste("run", where, str(old.run), 0, f"it ended {old.run.ended[:10]}, and nothing was made of it", old.ref)


def _has_store_apart(registry: Registry, roots: Sequence[Path]) -> bool:
    """Whether the payload store is another place than the caches here."""
    try:
        store = registry.store
    except NotFound:
        return False
    return not (isinstance(store, FolderStore) and store.root in roots)


def _only_payloads(registry: Registry) -> Iterator[Stored]:
    """The objects of the store; Refused where plain DVC has put directories there, whose files nobody names."""
    for stored in registry.store.listing():
        if stored.name.endswith(".dir"):
            raise Refused(
                f"{registry.store.url} also holds directories that plain DVC tracks; what they need is not known",
                "give the registry a payload store of its own; until then only gc without --remote is safe",
            )
        yield stored


def _remove(registry: Registry, waste: Sequence[Waste], young: float, progress: Progress) -> None:
    """Remove all but what has come again meanwhile: a program that logs or publishes has just seen that it is there."""
    rows = [row for row in waste if row.kind != "run"]
    with progress("removing", sum(row.size for row in rows)) as moved:
        for row in rows:
            if row.where != "store":
                take_away(row, young)
            elif not _came_again(registry.store, row.name, young):
                registry.store.remove(row.name)
            moved(row.size)


def _came_again(store: PayloadStore, name: str, young: float) -> bool:
    return isinstance(store, FolderStore) and young < changed_at(object_path(store.root, name)) < float("inf")
