"""Sending runs and pending registrations to the origin, and bringing what others sent."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from gitreg.errors import GitregError, NotFound, Unreachable
from gitreg.forges.local import LocalForge
from gitreg.format.references import OfRun, parse_reference
from gitreg.format.runs import Run
from gitreg.format.tags import run_ref
from gitreg.format.versions import ModelVersion
from gitreg.registry.catalog import parse_runs, read_run
from gitreg.registry.notes import merge_notes, push_notes
from gitreg.registry.place import Registry, open_registry, writable
from gitreg.registry.progress import Progress, silent
from gitreg.registry.publish import publish_payloads, push_runs
from gitreg.registry.register import propose, register_wished
from gitreg.registry.resolve import resolve
from gitreg.registry.runs.recover import finish_ended_runs
from gitreg.registry.seen import remember_main, remember_seen
from gitreg.registry.settle import settle, waiting_runs
from gitreg.registry.wishes import Wish, read_wishes


@dataclass(frozen=True)
class Pushed:
    """What a push sent: runs by id, the versions that pending wishes became, and pull requests in bare Git."""

    runs: tuple[str, ...]
    versions: tuple[ModelVersion, ...]
    pulls: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        versions = [version.to_dict() for version in self.versions]
        return {"runs": list(self.runs), "versions": versions, "pulls": list(self.pulls)}


def push(
    *refs: str,
    all: bool = False,
    registry: str | os.PathLike[str] | Registry | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Pushed:
    """Send runs named by `refs` (or `all` of this repository) with their payloads, complete what was wished while the
    origin was away, and send notes.

    NotFound without an origin, Unreachable where it does not answer.
    """
    place = writable(open_registry(registry))
    if not place.remote:
        raise NotFound(f"{place.where} has no origin to push to", "gitreg init --origin PATH-OR-URL")
    if place.offline:
        raise Unreachable("a push needs the origin, and this is offline", "give the command again without --offline")
    runs = [_run(place, ref, progress, dry_run) for ref in refs]
    if all:
        runs += list(parse_runs(place, unpushed_runs(place).values()))
    wishes = list(read_wishes(place.state))
    if dry_run:
        proposed = tuple(propose(place, wish) for wish in wishes)
        return Pushed(tuple(run.id for run in runs if run), proposed, tuple(_pulls(place).waiting()))
    finish_ended_runs(place)
    versions, refused = _register_all(place, wishes, progress)
    push_runs(place, [run for run in runs if run], progress)
    push_notes(place)
    pulls = tuple(_pulls(place).send())
    _settle_all(place)
    if refused:
        raise refused[0]
    return Pushed(tuple(run.id for run in runs if run), versions, pulls)


def _pulls(registry: Registry) -> LocalForge:
    """Those kept in Git: on a forge nothing waits."""
    return LocalForge(registry.git, registry.remote, registry.branch)


def unpushed_runs(registry: Registry) -> dict[str, str]:
    """The ended runs that are here and not at the origin, which is asked: id -> commit."""
    there = registry.git.remote_refs(registry.remote, run_ref("*"))
    here = {ref.name.removeprefix(run_ref("")): ref.oid for ref in registry.git.refs(run_ref(""))}
    # What else is in a mirror came from the origin, and may have been deleted there since.
    mine = {run.id for run in waiting_runs(registry)} if registry.mirror else set(here)
    return {run_id: oid for run_id, oid in here.items() if run_id in mine and there.get(run_ref(run_id)) != oid}


def _settle_all(registry: Registry) -> None:
    """Let go of runs that the origin has, though whoever sent them was killed before it could."""
    waiting = waiting_runs(registry) if registry.mirror else []
    if waiting:
        there = registry.git.remote_refs(registry.remote, run_ref("*"))
        # The mirror may have been deleted and made again meanwhile: what is not in it is not done with.
        here = {ref.name: ref.oid for ref in registry.git.refs(*(run_ref(run.id) for run in waiting))}
        for run in waiting:
            if there.get(run_ref(run.id), "") == here.get(run_ref(run.id)):
                settle(registry, run.id)


def _register_all(
    registry: Registry, wishes: Sequence[Wish], progress: Progress
) -> tuple[tuple[ModelVersion, ...], list[GitregError]]:
    """The versions that became of the wishes, and why others could not: those stay until they are registered."""
    versions, refused = [], []
    for wish in wishes:
        try:
            versions.append(register_wished(registry, wish, progress))
        except GitregError as error:
            refused.append(error)
    return tuple(versions), refused


def _run(registry: Registry, ref: str, progress: Progress, dry_run: bool) -> Run | None:
    if ":" not in ref and "@" not in ref:
        ref = f"run:{ref}"
    target = parse_reference(ref).target
    if isinstance(target, OfRun):
        return read_run(registry, target.run_id)
    version = resolve(ref, registry=registry)  # published already: only its payloads may need mending
    run = read_run(registry, version.run_id)
    if not dry_run:
        publish_payloads(registry, run, progress)
    return None


def fetch(*, registry: str | os.PathLike[str] | Registry | None = None) -> int:
    """Bring the origin's main, tags and notes; how many tags are new here.

    Damaged where a tag has moved since it was last seen: tags never do.
    """
    place = open_registry(registry)
    if not place.remote:
        raise NotFound(f"{place.where} has no origin to fetch from", "gitreg init --origin PATH-OR-URL")
    if place.offline:
        raise Unreachable("a fetch needs the origin, and this is offline", "give the command again without --offline")
    before = {ref.name for ref in place.git.refs("refs/tags/")}
    place.fetch_main()
    remember_main(place)
    place.fetch("refs/tags/*")
    tags = {ref.name: ref.oid for ref in place.git.refs("refs/tags/")}
    remember_seen(place, tags)
    merge_notes(place)
    place.remember_fetch()
    place.git.tidy()
    return len(tags.keys() - before)
