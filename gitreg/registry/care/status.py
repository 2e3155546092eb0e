"""What a registry holds, and what of it is only on this machine."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass

from gitreg.errors import GitregError, NotFound, Unreachable
from gitreg.format.runs import Run
from gitreg.format.tags import run_ref
from gitreg.registry.catalog import read_tags
from gitreg.registry.journal import open_runs
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.wishes import read_wishes
from gitreg.stores.git import without_credentials


@dataclass(frozen=True)
class Status:
    """A registry at a glance.

    `where` is its folder or address; `origin` and `payloads` are addresses ("" without); `format` is gitreg.yaml's.
    `open_runs` have not ended: running, or interrupted. `unpushed` are the ids of runs that the origin has not, None
    where it does not answer: then `stale` holds, and the counts are those of `fetched`, when the origin was last
    fetched from here ("" never). `wishes` wait for the origin.
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

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return self.__dict__ | {
            "open_runs": [run.to_dict() for run in self.open_runs],
            "unpushed": None if self.unpushed is None else list(self.unpushed),
            "wishes": list(self.wishes),
        }


def status(registry: str | os.PathLike[str] | Registry | None = None, *, offline: bool | None = None) -> Status:
    """The registry as it is here, and how it stands to its origin, which is asked unless `offline`."""
    place = open_registry(registry, offline=offline)
    tags = read_tags(place).values()
    runs = {ref.name: ref.oid for ref in place.git.refs(run_ref(""))}
    there = _runs_there(place)
    unpushed = None if there is None else tuple(n.removeprefix(run_ref("")) for n in runs if there.get(n) != runs[n])
    damage: list[GitregError] = []
    opened = tuple(open_runs(place.state, damage))
    for error in damage:
        warnings.warn(f"{error.message} ({error.hint})", stacklevel=2)
    return Status(
        where=place.where if place.mirror else str(place.git.work_tree or place.git.common_dir),
        branch=place.branch,
        origin=place.git.address(place.remote) if place.remote else "",
        payloads=_payloads(place),
        format=place.config.format,
        models=len(tags),
        versions=sum(len(model.versions) for model in tags),
        runs=len(runs),
        open_runs=opened,
        unpushed=unpushed if place.remote else (),
        wishes=tuple(str(wish) for wish in read_wishes(place.state)),
        fetched=place.last_fetch(),
        stale=there is None,
    )


def _runs_there(registry: Registry) -> dict[str, str] | None:
    """The runs that the origin has, by ref; None where it cannot be asked."""
    if not registry.remote:
        return {}
    if registry.offline:
        return None
    try:
        return registry.git.remote_refs(registry.remote, run_ref("*"))
    except Unreachable:
        return None


def _payloads(registry: Registry) -> str:
    try:
        return without_credentials(registry.payload_remote.url)
    except NotFound:
        return ""
