"""What a registry holds, and what of it is only on this machine."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitreg.errors import GitregError, NotFound, Unreachable
from gitreg.forges.local import LocalForge
from gitreg.format.runs import Run
from gitreg.format.tags import NumberTag, RunTag, VersionTag, parse_tag_name, run_ref
from gitreg.registry.journal import OpenRun, open_runs, read_journals
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.wishes import read_wishes
from gitreg.stores.git import without_credentials

_TAGS = "refs/tags/"


@dataclass(frozen=True)
class Status:
    """A registry at a glance.

    `where` is its folder or address; `origin` and `payloads` are addresses ("" without); `format` is gitreg.yaml's.
    `open_runs` have not ended: running, or interrupted. `unpushed` are the ids of runs that the origin has not; None
    where it does not answer, unless the registry is known by its address: then they are in the state folder. `stale`
    holds where it did not answer, and the counts are those of `fetched`, when it was last fetched from here ("" never).
    `wishes` wait for the origin, and so do `pulls`: pull requests in bare Git that it has not, or not all of.
    """

    where: str
    branch: str
    origin: str
    payloads: str
    format: int
    models: int
    versions: int
    runs: int
    open_runs: tuple[Run, ...]
    unpushed: tuple[str, ...] | None
    wishes: tuple[str, ...]
    fetched: str
    stale: bool
    pulls: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return self.__dict__ | {
            "open_runs": [run.to_dict() for run in self.open_runs],
            "unpushed": None if self.unpushed is None else list(self.unpushed),
            "wishes": list(self.wishes),
            "pulls": list(self.pulls),
        }


def status(registry: str | os.PathLike[str] | Registry | None = None, *, offline: bool | None = None) -> Status:
    """The registry as it is here, and how it stands to its origin, which is asked unless `offline`."""
    place = open_registry(registry, offline=offline)
    here = {ref.name: ref.oid for ref in place.git.refs(_TAGS)}
    there = _tags_there(place)
    damage: list[GitregError] = []
    journals = tuple(read_journals(place.state, damage))
    for error in damage:
        warnings.warn(f"{error.message} ({error.hint})", stacklevel=2)
    # A mirror holds what was asked for; how much there is, the origin tells.
    names = [parse_tag_name(name.removeprefix(_TAGS)) for name in (there if place.mirror and there else here)]
    return Status(
        where=place.where if place.mirror else str(place.git.work_tree or place.git.common_dir),
        branch=place.branch,
        origin=place.git.address(place.remote) if place.remote else "",
        payloads=_payloads(place),
        format=place.config.format,
        models=len({name.model for name in names if isinstance(name, VersionTag | NumberTag)}),
        versions=sum(isinstance(name, VersionTag) for name in names),
        runs=sum(isinstance(name, RunTag) for name in names),
        open_runs=tuple(open_runs(place.state, [])),
        unpushed=_unpushed(place, journals, here, there),
        wishes=tuple(str(wish) for wish in read_wishes(place.state)),
        fetched=place.last_fetch(),
        stale=there is None,
        pulls=tuple(LocalForge(place.git, place.remote, place.branch).waiting()),
    )


def _tags_there(registry: Registry) -> dict[str, str] | None:
    """The tags that the origin has, by ref; None where it cannot be asked."""
    if not registry.remote:
        return {}
    if registry.offline:
        return None
    try:
        return registry.git.remote_refs(registry.remote, _TAGS + "*" if registry.mirror else run_ref("*"))
    except Unreachable:
        return None


def _unpushed(
    registry: Registry, journals: Iterable[OpenRun], here: Mapping[str, str], there: Mapping[str, str] | None
) -> tuple[str, ...] | None:
    """The ended runs that are only on this machine, as far as that can be known without the origin."""
    if not registry.remote:
        return ()
    waiting = {run.id for run in journals if run.ended}
    if registry.mirror:  # every other run in it came from the origin
        return tuple(sorted(run for run in waiting if not (there and run_ref(run) in there)))
    if there is None:
        return None
    tagged = {name.removeprefix(run_ref("")) for name in here if name.startswith(run_ref(""))}
    return tuple(sorted(run for run in waiting | tagged if here.get(run_ref(run), "") != there.get(run_ref(run))))


def _payloads(registry: Registry) -> str:
    try:
        return without_credentials(registry.payload_remote.url)
    except NotFound:
        return ""
