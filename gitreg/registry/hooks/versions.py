"""The rules for a version's two tags: the chain of numbers, and the run behind them (docs/format.md 1.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gitreg.errors import GitregError
from gitreg.format.objects import parse_tag_object
from gitreg.format.tags import NumberTag, VersionTag, number_ref, parse_tag_name, run_ref, tag_ref
from gitreg.format.tombstones import parse_tombstone
from gitreg.format.versions import ModelVersion, parse_version_message
from gitreg.registry.hooks.push import TAGS, Push, Update

_REGISTER = "gitreg register makes both tags, and pushes them"
_PIPELINE = b"100644 dvc.yaml\0"


@dataclass(frozen=True)
class _Tagged:
    """A version by its tag object, with the refs under which it is pushed."""

    oid: str
    target: str
    version: ModelVersion
    refs: tuple[str, ...]

    def names(self, name: VersionTag | NumberTag) -> bool:
        """Whether `name` is one of the two that this version has."""
        own = self.version.semver if isinstance(name, VersionTag) else self.version.number
        return (self.version.model, own) == (name.model, getattr(name, "version", getattr(name, "number", None)))


def check_versions(push: Push, made: Sequence[tuple[Update, VersionTag | NumberTag]]) -> None:
    """Judge version and number tags that are new."""
    found: dict[str, _Tagged] = {}
    for update, name in made:
        known = found.get(update.new)
        if known and known.names(name):  # its other tag was read
            found[update.new] = replace(known, refs=(*known.refs, update.ref))
        elif read := _read(push, update, name):
            found[update.new] = _Tagged(update.new, read[0], read[1], (update.ref,))
    _both(push, found.values())
    _numbers(push, found.values())
    _targets(push, list(found.values()))


def _read(push: Push, update: Update, name: VersionTag | NumberTag) -> tuple[str, ModelVersion] | None:
    """The commit and the version that a tag tells; None where it is GTO's, or was found to be wrong."""
    short = update.ref.removeprefix(TAGS)
    kind, content = push.incoming.content(update.new)
    if kind != "tag":
        push.wrong(update.ref, "it is no annotated tag, and tells nothing of a version", _REGISTER)
        return None
    tag = parse_tag_object(content, short)
    inside = parse_tag_name(tag.name)
    numbered = name if isinstance(name, NumberTag) else None  # the name inside is the version's
    if tag.kind != "commit":
        push.wrong(update.ref, f"it points at a {tag.kind}, not at a commit", _REGISTER)
    elif not isinstance(inside, VersionTag) or inside.model != name.model or name not in (inside, numbered):
        push.wrong(update.ref, f"the name inside is {tag.name!r}: it is another tag under this name", _REGISTER)
    else:
        try:
            version = parse_version_message(tag.message, inside.model, tag.name.partition("@")[2])
        except GitregError as error:
            push.wrong(update.ref, error.message, error.hint)
            return None
        if isinstance(name, NumberTag) and version.number != name.number:
            said = f"number {version.number}" if version.number else "no version of gitreg's"
            push.wrong(update.ref, f"the tag says that it is {said}", _REGISTER)
        elif version.number is not None:
            return tag.target, version
    return None


def _both(push: Push, found: Iterable[_Tagged]) -> None:
    """A version and its number come together, or one of them is here already."""
    for each in found:
        version = each.version
        for ref in (tag_ref(VersionTag(version.model, version.semver)), number_ref(version.model, version.number or 0)):
            there = push.after(ref)
            if not there:
                push.wrong(each.refs[0], f"{ref.removeprefix(TAGS)} must come with it", _REGISTER)
            elif there != each.oid:
                text = f"{ref.removeprefix(TAGS)} is another version already"
                push.wrong(each.refs[0], text, "fetch, and register again", late=ref in push.refs)


def _numbers(push: Push, found: Iterable[_Tagged]) -> None:
    """Numbers count on from the highest, and each version names the tag of the number before."""
    highest: dict[str, int] = {}
    for ref in push.refs:
        name = parse_tag_name(ref.removeprefix(TAGS))
        if isinstance(name, NumberTag):
            highest[name.model] = max(highest.get(name.model, 0), name.number)
    for each in sorted(found, key=lambda each: (each.version.model, each.version.number or 0)):
        version, number = each.version, each.version.number or 0
        ref = number_ref(version.model, number)
        if ref in push.refs:
            continue  # its other tag is completed, or it was told
        last = highest.get(version.model, 0)
        if number <= last:
            push.wrong(ref, f"there is {version.model}@{last} already", "fetch, and register again", late=True)
            continue
        if number != last + 1:
            push.wrong(ref, f"the next number of {version.model} is {last + 1}", "gitreg fetch; gitreg register")
        highest[version.model] = number
        _previous(push, each, ref)


def _previous(push: Push, each: _Tagged, ref: str) -> None:
    version, number = each.version, each.version.number or 0
    before = push.after(number_ref(version.model, number - 1)) if number > 1 else ""
    if number > 1 and not before:
        return  # a gap, told already
    if version.previous != before:
        kind, content = push.incoming.content(before) if before else ("missing", b"")
        stone = parse_tombstone(parse_tag_object(content, ref)) if kind == "tag" else None
        if not stone or stone.replaces != version.previous:
            said = f"Gitreg-Previous is {version.previous[:12] or 'none'}"
            true = f"the tag of number {number - 1} is {before[:12]}" if before else "1 is the first number"
            push.wrong(ref, f"{said}, and {true}", _REGISTER)


def _targets(push: Push, found: list[_Tagged]) -> None:
    """Each version stands on a commit of its own that holds the run and the model that it tells of."""
    incoming = push.incoming
    runs = {each.oid: f"{push.becomes.get(ref, '') or ref}^{{tree}}" for each in found
            if (ref := run_ref(each.version.run_id)) and each.version.run_id}  # fmt: skip
    incoming.read([*(each.target for each in found), *runs.values()])
    incoming.read(incoming.tree_of(each.target) for each in found)
    sums: dict[str, str] = {}
    for each in found:
        sums[each.oid] = _shape(push, each, runs.get(each.oid, ""))
    incoming.read(filter(None, sums.values()))
    for each in found:
        if blob := sums[each.oid]:
            digest = f"sha256:{hashlib.sha256(incoming.content(blob)[1]).hexdigest()}"
            if digest != each.version.digest:
                text = f"its digest is {each.version.digest}, and that of its SHA256SUMS {digest}"
                push.wrong(each.refs[0], text, _REGISTER)


def _shape(push: Push, each: _Tagged, run: str) -> str:
    """The blob of the version's SHA256SUMS, or "" where something is wrong already."""
    incoming, version, ref = push.incoming, each.version, each.refs[0]
    kind, content = incoming.content(each.target)
    head, _, message = content.partition(b"\n\n")
    if kind != "commit" or b"\nparent " in head:
        push.wrong(ref, "its commit is missing or has a parent: a version stands on a commit of its own", _REGISTER)
        return ""
    tree = incoming.tree_of(each.target)
    if version.tombstone:
        if incoming.content(tree)[1]:
            push.wrong(ref, "the commit of a tombstone holds nothing, and this one does", "gitreg purge writes them")
        return ""
    if f"\nGitreg-Run: {version.run_id}\n".encode() not in message:
        push.wrong(ref, f"its commit is not made of run {version.run_id}", _REGISTER)
    for file in (".gitreg/run.json", f"{version.path}/MLmodel", f"{version.path}/SHA256SUMS"):
        if not incoming.at(tree, file):
            push.wrong(ref, f"its commit has no {file}", _REGISTER)
            return ""
    kind, there = incoming.content(run)
    if kind == "tree" and _but_pipeline(there) != _but_pipeline(incoming.content(tree)[1]):
        push.wrong(ref, f"its files are not those of run/{version.run_id}", _REGISTER)
    return incoming.at(tree, f"{version.path}/SHA256SUMS")


def _but_pipeline(tree: bytes) -> bytes:
    """A tree without its dvc.yaml, in which a version names its model."""
    at = tree.find(_PIPELINE)
    return tree[:at] + tree[at + len(_PIPELINE) + 20 :] if at >= 0 else tree
