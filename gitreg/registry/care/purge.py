"""Purging: a version goes for good, and a tombstone says that it was there."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from gitreg.errors import Conflict, Damaged, NotFound, Refused, Unreachable, Unsupported
from gitreg.format.objects import parse_tag_object
from gitreg.format.references import Exact, Numbered, parse_reference
from gitreg.format.semver import Semver
from gitreg.format.tags import VersionTag, number_ref, parse_tag_name, run_ref, version_ref
from gitreg.format.times import parse_time
from gitreg.format.tombstones import Tombstone, format_tombstone, parse_tombstone
from gitreg.format.trailers import clean_prose
from gitreg.format.versions import ModelVersion
from gitreg.registry.candidate import version_run
from gitreg.registry.care.keep import all_versions, named_by_journals, named_in, stages_of
from gitreg.registry.catalog import ModelTags, model_tags, read_version
from gitreg.registry.files import read_run_payloads
from gitreg.registry.place import Registry, open_registry, writable
from gitreg.registry.seen import forget_seen, remember_seen
from gitreg.registry.tombstones import tags_on
from gitreg.registry.wishes import read_wishes
from gitreg.stores.clock import now
from gitreg.stores.git import NewCommit, RefChange
from gitreg.stores.payloads import Item


@dataclass(frozen=True)
class Purged:
    """A version that is, or would be, purged, as it was before; `tombstone` is the tag object that stands for it.

    `run_kept` says what needs the version's run, "" where the run goes too. `payloads` are those that nothing else
    needs; they stay in the store until `gitreg gc --remote`. `already` where it had been purged before.
    """

    version: ModelVersion
    tombstone: str
    run_kept: str
    payloads: tuple[Item, ...]
    already: bool
    done: bool

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        rows = [{"path": i.name, "md5": i.payload.md5, "size": i.payload.size} for i in self.payloads]
        return {
            "version": self.version.to_dict(),
            "tombstone": self.tombstone or None,
            "run": self.version.run_id or None,
            "run_kept": self.run_kept or None,
            "payloads": rows,
            "already": self.already,
            "done": self.done,
        }


@dataclass(frozen=True)
class _Tagged:
    """What the two tags of a version hold; `stone` where one of them, or both, is a tombstone already."""

    semver: Semver
    number: int
    by_version: str
    by_number: str
    stone: str = ""


def purge(
    ref: str | ModelVersion,
    why: str,
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    yes: bool = False,
) -> Purged:
    """Replace a version's tags by a tombstone, here and at the origin; without `yes` only say what would be done.

    Its run goes too where no other version needs it. Refused where a stage runs it, and for a name that may move.
    The number and the version are never given again. Interrupted, the same call completes it.
    """
    place = writable(open_registry(registry))
    reference = parse_reference(str(ref))
    target = reference.target
    if not isinstance(target, Exact | Numbered):
        raise Refused(f"{reference} may name another version tomorrow", "name the version to purge: MODEL@v1.2.3")
    prose = clean_prose(why)
    if not prose:
        raise Refused("a version is purged for a reason", f"gitreg purge {reference} -m WHY")
    if place.mirror:
        raise Unsupported("purging needs a clone of the registry", f"git clone {place.where}, then -R CLONE")
    if place.remote and place.offline:
        raise Unreachable("purging needs the origin, and this is offline")
    place.fetch("refs/tags/*")
    place.fetch_main()
    tags = model_tags(place, target.model)
    found = _find(place, tags, target)
    if found.stone:
        return _completed(place, tags, found, yes=yes)
    version = read_version(place, tags, found.semver)
    if stages := stages_of(place, version.model, version.version):
        raise Refused(f"{stages[0]} runs {version}", f"let {stages[0]} run another version first, by a pull request")
    run_kept = _needs_run(place, version)
    gone = _gone(place, version, run_kept)
    payloads = _only_here(place, version, [change.ref for change in gone])
    if not yes:
        return Purged(version, "", run_kept, payloads, already=False, done=False)
    stone = _write(place, version, prose)
    old = found.by_version
    _replace(place, [*(RefChange(r, stone, old) for r in _refs(version.model, found)), *gone])
    return Purged(version, stone, run_kept, payloads, already=False, done=True)


def _refs(model: str, found: _Tagged) -> tuple[str, str]:
    return number_ref(model, found.number), version_ref(model, found.semver)


def _find(registry: Registry, tags: ModelTags, target: Exact | Numbered) -> _Tagged:
    """The version's two tags; one of them may be a tombstone already where a purge was interrupted."""
    oid = tags.versions.get(target.version) if isinstance(target, Exact) else tags.numbers.get(target.number)
    if oid is None:
        what = target.version if isinstance(target, Exact) else f"number {target.number}"
        raise NotFound(f"{tags.model} has no version {what}", f"gitreg ls {tags.model}")
    (_, kind, content) = next(iter(registry.git.objects([oid])))
    name = parse_tag_name(parse_tag_object(content, oid).name) if kind == "tag" else None
    if not isinstance(name, VersionTag) or name.model != tags.model:
        raise Refused(f"{tags.model} has that version from another tool", "git tag -d it, and git push --delete it")
    version = read_version(registry, replace(tags, versions={name.version: oid}), name.version)
    if version.number is None:
        raise Refused(
            f"{version} was tagged without gitreg", f"git push --delete ORIGIN {version}; git tag -d {version}"
        )
    by_version, by_number = tags.versions.get(name.version, ""), tags.numbers.get(version.number, "")
    found = _Tagged(name.version, version.number, by_version, by_number)
    for one, other in ((by_version, by_number), (by_number, by_version)):
        stone = _stone(registry, one)
        if stone and other in {one, stone.replaces}:
            return replace(found, stone=one)
    if by_version != by_number:
        raise Damaged(f"the tags of {version} and of its number are not the same", "gitreg fsck")
    return found


def _stone(registry: Registry, oid: str) -> Tombstone | None:
    for _, kind, content in registry.git.objects([oid] if oid else []):
        return parse_tombstone(parse_tag_object(content, oid)) if kind == "tag" else None
    return None


def _completed(registry: Registry, tags: ModelTags, found: _Tagged, *, yes: bool) -> Purged:
    """A version that was purged before, perhaps but for one of its tags."""
    both = dict(zip(_refs(tags.model, found), (found.by_number, found.by_version), strict=True))
    left = [RefChange(ref, found.stone, oid) for ref, oid in both.items() if oid != found.stone]
    if left and yes:
        _replace(registry, left)
    version = read_version(registry, replace(tags, versions={found.semver: found.stone}), found.semver)
    return Purged(version, found.stone, "", (), already=True, done=yes or not left)


def _needs_run(registry: Registry, version: ModelVersion) -> str:
    """What else needs the version's run, "" where nothing does."""
    for other in all_versions(registry):
        if other.run_id == version.run_id and other.tag != version.tag:
            return str(other)
    wishes = (f"the wish {wish}" for wish in read_wishes(registry.state) if wish.run_id == version.run_id)
    return next(wishes, "")


def _gone(registry: Registry, version: ModelVersion, run_kept: str) -> list[RefChange]:
    """The tags that go with the version's own: its run's, and what else is tagged on its commit."""
    run = run_ref(version.run_id)
    oid = registry.git.find_ref(run) if not run_kept else ""
    return [*tags_on(registry.git, [version.tag]), *([RefChange(run, "", oid)] if oid else [])]


def _only_here(registry: Registry, version: ModelVersion, gone: list[str]) -> tuple[Item, ...]:
    """The payloads of the version's run that nothing else names."""
    run = version_run(registry, version)
    models = [(model.path, model.digest) for model in run.models]
    items = read_run_payloads(registry, version.commit, models, str(version))
    tips = [ref.oid for ref in registry.git.refs() if ref.name not in gone and ref.oid != version.tag]
    named = named_in(registry.git, tips).keys() | named_by_journals(registry.state)
    return tuple(item for item in items if item.payload.md5 not in named)


def _write(registry: Registry, version: ModelVersion, why: str) -> str:
    """The tombstone, on a commit of its own: whoever has it has nothing of the version."""
    author, git = registry.git.identity(), registry.git
    when = max(int(now().timestamp()), int(parse_time(version.created).timestamp())) + 1
    stone = Tombstone(version.model, version.version, version.number or 0, version.previous, version.tag, why)
    commit = git.write_commits([NewCommit(f"{version.model} {version.version} purged\n", author, when, {})])[0]
    return git.write_tag(str(version), commit, format_tombstone(stone), author, when)


def _replace(registry: Registry, changes: list[RefChange]) -> None:
    """Make the changes at the origin, all or none, then here."""
    try:
        if registry.remote:
            there = registry.git.remote_refs(registry.remote, *(change.ref for change in changes))
            # A run that was never pushed is not there to go.
            registry.git.push(registry.remote, [c for c in changes if c.new or c.ref in there])
        # git itself has changed them where the remote is set up to fetch tags.
        here = {ref.name: ref.oid for ref in registry.git.refs(*(change.ref for change in changes))}
        left = [replace(c, old=here.get(c.ref, "")) for c in changes if here.get(c.ref, "") != c.new]
        if left:
            registry.git.change_refs(left)
    except Conflict as error:
        raise Conflict(f"a tag changed meanwhile: {error.message}", "give the same command again") from None
    forget_seen(registry, [change.ref for change in changes if not change.new])
    remember_seen(registry, {change.ref: change.new for change in changes if change.new})
