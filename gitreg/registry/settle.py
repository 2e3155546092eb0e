"""What a registry known by its address alone keeps until the origin has it, and what becomes of that then.

The journal of such a run stays when the run has ended, and its payloads are in the state folder (`written`): the
mirror and its cache may be deleted at any time. Once the run is published it is the other way round.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterable
from pathlib import Path

from gitreg.errors import Conflict, Unreachable
from gitreg.registry.journal import Journal, OpenRun, open_journal, read_journals, read_open_run
from gitreg.registry.mirror import open_mirror
from gitreg.registry.place import Registry
from gitreg.stores.cache import Cache, Payload, place
from gitreg.stores.git import create_repository


def waiting_runs(registry: Registry) -> list[OpenRun]:
    """The ended runs whose journals are still here: the origin has them not, or nobody has seen yet that it has."""
    return [run for run in read_journals(registry.state, []) if run.ended]


def settle(registry: Registry, run_id: str, *, done: bool = False) -> None:
    """Let go of what was kept of a run: the origin has it now.

    Unless all is `done` that was asked for its end, a journal that still tells of something is left to `push`.
    """
    if not registry.mirror:
        return
    state = read_open_run(registry.state, run_id)
    if state is None or not state.author or not (done or state.done):
        return
    with contextlib.suppress(Conflict):  # whoever logs or ends it does this next
        journal = open_journal(registry.state, run_id, afresh=False)
        release_payloads(registry, journal)
        journal.close(remove=True)


def renew_mirror(registry: Registry) -> None:
    """Make the mirror again if it was deleted under a program that runs; an empty one where the origin is away."""
    home = registry.git.common_dir
    if not registry.mirror or (home / "HEAD").exists():
        return
    address, _, branch = registry.where.partition("#")
    try:
        open_mirror(address, branch, offline=registry.offline, files=())
    except Unreachable:
        home.parent.mkdir(parents=True, exist_ok=True)
        create_repository(home, bare=True).set_config("remote.origin.url", address)


def release_payloads(registry: Registry, journal: Journal) -> None:
    """Move the payloads that a journal tells of into the cache, but for those that another run waits with."""
    if not registry.mirror or not journal.run.payloads:
        return
    others = read_journals(registry.state, [])
    own = journal.folder.parent == registry.state / "runs"  # and not a run logged again
    needed = {md5 for other in others if not own or other.id != journal.run.id for md5 in other.payloads}
    _release(registry, set(journal.run.payloads) - needed)


def release_refused(registry: Registry, payloads: Iterable[Payload]) -> None:
    """Move payloads that became no part of a run into the cache, but for those that any run has."""
    refused = {payload.md5 for payload in payloads} if registry.mirror else set()
    if refused:
        _release(registry, refused.difference(*(run.payloads for run in read_journals(registry.state, []))))


def _release(registry: Registry, names: Iterable[str]) -> None:
    for md5 in names:
        source = registry.written.path(md5)
        with contextlib.suppress(OSError):  # what cannot be moved is found where it is
            _move(source, registry.cache)


def _move(source: Path, cache: Cache) -> None:
    try:
        place(source, cache.path(source.parent.name + source.name))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        cache.add(source)
        source.unlink()
