"""What a verified bundle would change in a registry: tags are only made, main only goes forward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gitreg.errors import Conflict, Damaged, Refused
from gitreg.format.tags import RunTag, parse_tag_name
from gitreg.registry.bundles.incoming import Incoming, refs_of
from gitreg.registry.catalog import read_tags
from gitreg.registry.notes import NOTES
from gitreg.registry.place import Registry
from gitreg.registry.seen import check_seen
from gitreg.registry.tombstones import is_tombstone_of
from gitreg.stores.cache import Payload, hash_file
from gitreg.stores.git import RefChange, Repository
from gitreg.stores.payloads import Item

_TAGS = "refs/tags/"


@dataclass(frozen=True)
class Plan:
    """The tags to make (or to let become tombstones), main's and the notes' new commits ("" where they stay), the
    payloads that are not here, and all that must be in the store; `behind`: main here is further than the bundle's.
    """

    tags: tuple[RefChange, ...]
    main: str
    behind: bool
    notes: str
    payloads: tuple[Payload, ...]
    items: tuple[Item, ...]


def plan(incoming: Incoming, place: Registry) -> Plan:
    """Compare a bundle with the registry `place`, whose origin was fetched.

    Damaged where a tag is another one here, Refused for another registry's bundle, for a main that went another way,
    and for a payload with the md5 of another. Nothing is changed.
    """
    manifest = incoming.unpacked.manifest
    main, behind = _main(incoming, place)
    tags = _tags(incoming, place)
    check_seen(place, {change.ref: change.new for change in tags if not change.old})
    _check_spelling(incoming, place)
    ours = place.git.find_ref(NOTES)
    notes = manifest.refs.get(NOTES, "")
    if notes and ours and incoming.registry.git.is_ancestor(notes, ours):
        notes = ""
    wanted = [Item(payload, payload.md5) for payload in incoming.unpacked.payloads]
    new = tuple(payload for payload in incoming.unpacked.payloads if not _is_here(place, payload))
    return Plan(tuple(tags), main, behind, notes, new, tuple(wanted))


def _main(incoming: Incoming, place: Registry) -> tuple[str, bool]:
    """Main's new commit, or "" where it stays; and whether that is because it is further here."""
    git, new = incoming.registry.git, incoming.unpacked.manifest.refs[incoming.unpacked.manifest.main_ref]
    old = place.main()
    if new == old or git.is_ancestor(new, old):
        return "", new != old
    if git.is_ancestor(old, new):
        return new, False
    path = incoming.unpacked.path
    if not git.text("merge-base", old, new):
        raise Refused(f"{path} is of another registry than {place.where}", f"gitreg bundle apply {path} NEW-FOLDER")
    raise Refused(
        f"{path} and {place.where} went different ways: {place.branch} would be rewound",
        f"have the bundle made anew, from a registry that has {old[:12]}",
    )


def _tags(incoming: Incoming, place: Registry) -> list[RefChange]:
    git, here = incoming.registry.git, {ref.name: ref.oid for ref in place.git.refs(_TAGS)}
    gone = _purged_here(incoming, here)
    changes = []
    for ref, oid in incoming.unpacked.manifest.refs.items():
        old = here.get(ref, "")
        if not ref.startswith(_TAGS) or oid == old or ref in gone:
            continue
        if old and not is_tombstone_of(git, ref, old, oid):
            raise _moved(ref, incoming, place)
        changes.append(RefChange(ref, oid, old))
    return changes


def _purged_here(incoming: Incoming, here: Mapping[str, str]) -> set[str]:
    """The refs of versions that were purged here after the bundle was made: they do not come back."""
    gone: set[str] = set()
    kept: set[str] = set()
    git: Repository = incoming.registry.git
    for version in incoming.versions:
        refs = refs_of(version)
        old = here.get(refs[0], "")
        purged = old not in {"", version.tag} and is_tombstone_of(git, refs[0], version.tag, old)
        (gone if purged else kept).update(refs)
    return gone - kept


def _moved(ref: str, incoming: Incoming, place: Registry) -> Damaged | Conflict:
    name, path = ref.removeprefix(_TAGS), incoming.unpacked.path
    if isinstance(parse_tag_name(name), RunTag):
        return Conflict(
            f"{place.where} has another run {name.removeprefix('run/')} than {path}", f"gitreg show {name[4:]}"
        )
    return Damaged(
        f"the tag {name} in {path} is not the one in {place.where}: a tag never moves", "ask who made the bundle"
    )


def _check_spelling(incoming: Incoming, place: Registry) -> None:
    names = {name.casefold(): name for name in read_tags(place)}
    for version in incoming.versions:
        known = names.setdefault(version.model.casefold(), version.model)
        if known != version.model:
            raise Conflict(f"there is a model {known}, which differs from {version.model} in case only", "gitreg ls")


def _is_here(place: Registry, payload: Payload) -> bool:
    """Whether the cache has the payload, whole; Refused where it has another of that md5."""
    path = place.cache.path(payload.md5)
    if not path.exists():
        return False
    found = hash_file(path)
    if found != payload and found.md5 == payload.md5:
        raise Refused(
            f"the payload {payload.md5} is there with other bytes: one of the two was made to collide",
            f"look at {path}",
        )
    return found == payload
