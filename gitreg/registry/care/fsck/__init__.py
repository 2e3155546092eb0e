"""`gitreg fsck`: a whole registry looked through, each rule a module.

To add a rule: a module with `check(scene)`, and a line in RULES.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from gitreg.errors import GitregError, NotFound, Refused, Unreachable
from gitreg.format.names import check_model_name
from gitreg.format.tags import RunTag, VersionTag, run_ref
from gitreg.registry.care.fsck import leftovers, notes, numbers, objects, records, runs, stages, tags
from gitreg.registry.care.fsck.fault import Fault
from gitreg.registry.care.fsck.origin import ask_origin, check_origin, check_seen_here
from gitreg.registry.care.fsck.payloads import Kept, check_payloads
from gitreg.registry.care.fsck.repair import repair as mend
from gitreg.registry.care.fsck.scene import TAGS, Scene, read_scene
from gitreg.registry.care.fsck.trees import Files, read_files
from gitreg.registry.catalog import read_tags, read_versions
from gitreg.registry.notes import NOTES
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.progress import Progress, silent
from gitreg.registry.seen import remember_main, remember_seen
from gitreg.stores.git import create_repository
from gitreg.stores.scratch import scratch

__all__ = ["Checked", "Fault", "fsck"]

RULES: tuple[Callable[[Scene], Iterator[Fault]], ...] = (
    objects.check,
    tags.check,
    numbers.check,
    runs.check,
    stages.check,
    records.check,
    notes.check,
)
_OF_REFS = frozenset({"refs", "tags", "numbers", "runs", "seen", "origin"})
"""While one of these is at fault, what is here is not what should be remembered."""


@dataclass(frozen=True)
class Checked:
    """What was looked at, what is wrong with it, and what was mended."""

    faults: tuple[Fault, ...]
    mended: tuple[str, ...]
    models: int
    versions: int
    runs: int
    payloads: int

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; remarks do not count."""
        return all(fault.remark for fault in self.faults)

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return self.__dict__ | {
            "ok": self.ok,
            "faults": [fault.to_dict() for fault in self.faults],
            "mended": list(self.mended),
        }


def fsck(
    *models: str,
    remote: bool = False,
    repair: bool = False,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
    progress: Progress = silent,
) -> Checked:
    """Look through a registry, or the versions of `models` alone, as it lies on this machine.

    With `remote` the payload store and the origin are asked, too. With `repair` what can be mended safely is, and what
    is left is told. Of a registry known by its address all that is looked at is brought first, each time. NotFound
    where a model is not there, Unreachable for what needs the origin while offline.
    """
    place = open_registry(registry, offline=offline)
    for model in models:
        check_model_name(model)
    if place.offline and (remote or place.mirror):
        what = "asking the origin" if remote else f"looking through {place.where}"
        raise Unreachable(f"{what} needs the origin, and this is offline", "give the command again without --offline")
    if repair and place.offline and place.remote:
        raise Refused("what is mended comes from the origin, and this is offline", "leave out --offline")
    mended: list[str] = []
    while True:
        with _whole(place, models) as whole:
            scene, files, kept, faults = _look(place, whole, models, remote=remote, progress=progress)
            done = mend(scene, faults, kept, place, progress) if repair else []
        new = [what for what in done if what not in mended]
        mended += new
        if not new:
            return _checked(scene, files, faults, mended)


def _look(
    place: Registry, whole: Registry, models: Sequence[str], *, remote: bool, progress: Progress
) -> tuple[Scene, Files, Kept, list[Fault]]:
    scene = read_scene(whole, models)
    for model in models:
        if not any(not isinstance(tag, RunTag) and tag.model == model for tag in scene.tags.values()):
            raise NotFound(f"no model {model} in {place.where}", "gitreg ls")
    faults = [fault for rule in RULES for fault in rule(scene)]
    files = read_files(scene)
    faults += files.faults
    kept = check_payloads(place, files.items.values(), remote=remote, progress=progress)
    faults += kept.faults
    moved = list(check_seen_here(scene))
    if place.remote and remote:
        here = {ref.name: ref.oid for ref in place.git.refs(TAGS)}
        there, unheard = ask_origin(place)
        moved += unheard or check_origin(scene, here, there)
    faults += moved
    if not any(fault.rule in _OF_REFS and not fault.remark for fault in faults):
        remember_seen(place, {ref: scene.refs[ref] for ref in scene.tags})
        remember_main(whole)
    return scene, files, kept, [*faults, *leftovers.check(place)]


def _checked(scene: Scene, files: Files, faults: Sequence[Fault], mended: Sequence[str]) -> Checked:
    tagged = scene.tags.values()
    return Checked(
        tuple(dict.fromkeys(faults)),
        tuple(mended),
        models=len({tag.model for tag in tagged if isinstance(tag, VersionTag)}),
        versions=sum(isinstance(tag, VersionTag) for tag in tagged),
        runs=sum(isinstance(tag, RunTag) for tag in tagged),
        payloads=len(files.items),
    )


@contextlib.contextmanager
def _whole(place: Registry, models: Sequence[str]) -> Iterator[Registry]:
    """The registry with all that is to be looked at: itself, or of an address a copy made for this."""
    if not place.mirror:
        yield place
        return
    with scratch(place.cache.root / "tmp") as folder:
        git = create_repository(folder / "whole.git", bare=True)
        git.set_config("remote.origin.url", place.git.config("remote.origin.url"))
        main = f"+refs/heads/{place.branch}:{place.main_ref}"
        wanted = [f"{TAGS}{model}{mark}*" for model in models for mark in "@#"] or [f"{TAGS}*"]
        git.fetch("origin", [main, *(f"+{ref}:{ref}" for ref in (*wanted, f"{NOTES}*"))])
        whole = replace(place, git=git)
        found = read_versions(whole, read_tags(whole).values()).versions if models else ()
        of_runs = [run_ref(version.run_id) for version in found if version.run_id]
        with contextlib.suppress(GitregError):
            for at in range(0, len(of_runs), 500):
                git.fetch("origin", [f"+{ref}*:{ref}*" for ref in of_runs[at : at + 500]])
        yield whole
