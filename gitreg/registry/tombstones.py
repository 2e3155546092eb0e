"""The one way in which a tag may change: a version's tags become the tombstone that names them."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence

from gitreg.errors import Conflict, Damaged, GitregError, Unreachable
from gitreg.format.objects import parse_tag_object
from gitreg.format.tags import NumberTag, RecordTag, RetireTag, VersionTag, format_tag_name, parse_tag_name, run_ref
from gitreg.format.tombstones import parse_tombstone
from gitreg.format.versions import ModelVersion
from gitreg.registry.catalog import read_tags, read_versions, version_from_object
from gitreg.registry.place import Registry
from gitreg.registry.seen import forget_seen
from gitreg.registry.wishes import read_wishes
from gitreg.stores.git import RefChange, Repository, TagsMoved

_TAGS = "refs/tags/"


def is_tombstone_of(git: Repository, ref: str, old: str, new: str) -> bool:
    """Whether the tag object `new` may stand where the tag `ref` (full name) was `old`: it is the tombstone of that."""
    (_, kind, content), (_, was, before) = git.objects([new, old])
    name = parse_tag_name(ref.removeprefix(_TAGS))
    if not isinstance(name, VersionTag | NumberTag) or (kind, was) != ("tag", "tag"):
        return False
    with contextlib.suppress(GitregError):
        tag = parse_tag_object(content, ref)
        stone, held = parse_tombstone(tag), parse_tag_name(tag.name)
        if stone is None or stone.replaces != old or not isinstance(held, VersionTag) or tag.kind != "commit":
            return False
        purged = _version(old, before)
        same = (purged.model, purged.version, purged.number, purged.previous)
        named = tag.name if isinstance(name, VersionTag) else f"{stone.model}@{stone.number}"
        return same == (stone.model, stone.version, stone.number, stone.previous) and named == format_tag_name(name)
    return False


def _version(oid: str, content: bytes) -> ModelVersion:
    name = parse_tag_name(parse_tag_object(content, oid).name)
    if not isinstance(name, VersionTag):
        raise Damaged(f"{oid} is no version")
    return version_from_object(name.model, name.version, oid, "tag", content)


def accept_tombstones(registry: Registry, moved: TagsMoved) -> None:
    """Let tags that moved at the origin move here, where each became the tombstone of the tag that is here.

    Otherwise `moved` is raised and nothing is changed. A run that was purged with its version goes here too.
    """
    git, home = registry.git, f"refs/gitreg/moved/{uuid.uuid4().hex}/"
    refs = [_TAGS + name for name in moved.names]
    try:
        specs = [f"+{ref}:{home}{ref.removeprefix(_TAGS)}" for ref in refs]
        git.fetch(registry.remote, specs, extra=["--depth=1"] if registry.mirror else [])
        there = {_TAGS + ref.name.removeprefix(home): ref.oid for ref in git.refs(home)}
        here = {ref.name: ref.oid for ref in git.refs(*refs)}
        changes = [RefChange(ref, there.get(ref, ""), here.get(ref, "")) for ref in refs]
        changes = [change for change in changes if change.new != change.old]  # another program was quicker
        if not all(change.old and change.new for change in changes):
            raise moved
        if not all(is_tombstone_of(git, change.ref, change.old, change.new) for change in changes):
            raise moved
        if changes:
            purged = sorted({change.old for change in changes})
            gone = [*_runs_gone(registry, purged), *tags_on(git, purged)]
            git.change_refs([*changes, *gone])
            forget_seen(registry, [change.ref for change in gone])
    except Conflict:
        raise moved from None
    finally:
        with contextlib.suppress(GitregError):
            drop_refs(git, home)


def _runs_gone(registry: Registry, purged: Sequence[str]) -> list[RefChange]:
    """The run tags of purged versions (old tag objects) that the origin has not any more, and nothing here needs."""
    runs = {_version(oid, content).run_id for oid, _, content in registry.git.objects(purged)}
    found = read_versions(registry, read_tags(registry).values()).versions
    runs -= {version.run_id for version in found if version.tag not in purged}
    runs -= {wish.run_id for wish in read_wishes(registry.state)}
    names = [run_ref(run_id) for run_id in sorted(runs) if run_id]
    here = {ref.name: ref.oid for ref in registry.git.refs(*names)} if names else {}
    if not here:
        return []
    try:
        there = registry.git.remote_refs(registry.remote, *here)
    except Unreachable:
        return []
    return [RefChange(name, "", oid) for name, oid in here.items() if name not in there]


def tags_on(git: Repository, purged: Sequence[str]) -> list[RefChange]:
    """The deletion of what else is tagged on the commits of versions (tag objects): retirements and records."""
    found: dict[str, RefChange] = {}
    for oid in purged:
        listed = git.text("for-each-ref", f"--points-at={oid}^{{commit}}", "--format=%(objectname) %(refname)", _TAGS)
        for line in listed.splitlines():
            if isinstance(parse_tag_name(line[41 + len(_TAGS) :]), RetireTag | RecordTag):
                found[line[41:]] = RefChange(line[41:], "", line[:40])
    return list(found.values())


def drop_refs(git: Repository, under: str) -> None:
    """Delete all refs below `under` (full, with a slash at its end)."""
    gone = [RefChange(ref.name, "", ref.oid) for ref in git.refs(under)]
    if gone:
        git.change_refs(gone)
