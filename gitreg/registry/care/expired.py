"""Runs that nobody registered, and that ended long ago."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gitreg.errors import Conflict, GitregError
from gitreg.format.objects import parse_commit_object
from gitreg.format.runs import Run, parse_run_message
from gitreg.format.tags import run_ref
from gitreg.format.times import parse_time
from gitreg.registry.care.keep import runs_in_use
from gitreg.registry.place import Registry
from gitreg.registry.seen import forget_seen
from gitreg.stores.git import RefChange

_AT_ONCE = 300  # deletions that one command line holds


@dataclass(frozen=True)
class Expired:
    """A run that may go: its commit, and whether its tag is here and at the origin."""

    run: Run
    here: bool
    there: bool

    @property
    def ref(self) -> str:
        """The full ref of its tag."""
        return run_ref(self.run.id)


def expired_runs(registry: Registry, before: datetime, *, remote: bool) -> list[Expired]:
    """The runs that ended `before` and that no version, stage, wish or program needs; the tags are fetched already.

    Without `remote` only those that the origin has not.
    """
    here = {ref.name: ref.oid for ref in registry.git.refs(run_ref(""))}
    there = registry.git.remote_refs(registry.remote, run_ref("*")) if registry.remote else {}
    used = runs_in_use(registry)
    found = []
    for ref, run in _readable(registry, here):
        if run.id in used or run_ref(run.id) != ref or there.get(ref, run.commit) != run.commit:
            continue
        if (remote or ref not in there) and run.ended and parse_time(run.ended) < before:
            found.append(Expired(run, ref in here, ref in there))
    return sorted(found, key=lambda one: one.run.ended)


def _readable(registry: Registry, refs: Mapping[str, str]) -> Iterator[tuple[str, Run]]:
    """The runs behind tags; one that cannot be read stays."""
    for (ref, oid), (_, kind, content) in zip(refs.items(), registry.git.objects(refs.values()), strict=True):
        with contextlib.suppress(GitregError):
            if kind == "commit":
                yield ref, parse_run_message(parse_commit_object(content, ref).message, commit=oid)


def delete_runs(registry: Registry, runs: Sequence[Expired]) -> list[Expired]:
    """Delete the tags of `runs`, at the origin and here; which of them went.

    A run that became a version meanwhile stays: what is needed is asked for again before, and again behind.
    """
    gone: list[Expired] = []
    for at in range(0, len(runs), _AT_ONCE):
        gone += _delete(registry, runs[at : at + _AT_ONCE])
    return gone


def _delete(registry: Registry, runs: Sequence[Expired]) -> list[Expired]:
    registry.fetch("refs/tags/*")
    registry.fetch_main()
    runs = _not_in(runs_in_use(registry), runs)
    there = [RefChange(run.ref, "", run.run.commit) for run in runs if run.there]
    try:
        if there:
            registry.git.push(registry.remote, there)
        registry.fetch("refs/tags/*")
        wanted = _restored(registry, runs)
        runs = [run for run in runs if run.ref not in wanted]
        # Where the remote is set up to fetch tags, git has deleted them here as well.
        here = {ref.name: ref.oid for ref in registry.git.refs(run_ref(""))}
        registry.git.change_refs([RefChange(run.ref, "", here[run.ref]) for run in runs if run.ref in here])
    except Conflict as error:
        raise Conflict(f"a run changed meanwhile: {error.message}", "give the same command again") from None
    if not registry.remote:
        wanted = _restored(registry, runs)
        runs = [run for run in runs if run.ref not in wanted]
    forget_seen(registry, [run.ref for run in runs])
    return list(runs)


def _restored(registry: Registry, runs: Sequence[Expired]) -> set[str]:
    """Put back the runs that a version was made of while they were being deleted; their refs."""
    used = runs_in_use(registry)
    back = [run for run in runs if run.run.id in used]
    there = registry.git.remote_refs(registry.remote, *(run.ref for run in back)) if registry.remote and back else {}
    again = [RefChange(run.ref, run.run.commit) for run in back if run.there and run.ref not in there]
    if again:
        registry.git.push(registry.remote, again)
    here = {ref.name for ref in registry.git.refs(run_ref(""))}
    if lost := [RefChange(run.ref, run.run.commit) for run in back if run.here and run.ref not in here]:
        registry.git.change_refs(lost)
    return {run.ref for run in back}


def _not_in(used: Mapping[str, str], runs: Iterable[Expired]) -> list[Expired]:
    return [run for run in runs if run.run.id not in used]
