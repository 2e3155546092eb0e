"""Each ref against the object behind it: its own name, its target, and what a version's two names agree on."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.errors import GitregError
from gitreg.format.objects import CommitObject, TagObject
from gitreg.format.runs import check_format
from gitreg.format.tags import NumberTag, RetireTag, TagName, VersionTag, number_ref, parse_tag_name, version_ref
from gitreg.format.trailers import parse_trailers
from gitreg.registry.care.fsck.fault import REPAIR, Fault
from gitreg.registry.care.fsck.scene import Scene


def check(scene: Scene) -> Iterator[Fault]:
    """Versions, numbers and retirements by their refs."""
    for ref, tag in scene.tags.items():
        if scene.refs[ref] in scene.bad:
            continue  # told as an object
        match tag:
            case VersionTag():
                yield from _version(scene, ref, tag)
            case NumberTag():
                yield from _number(scene, ref, tag)
            case RetireTag():
                yield from _retired(scene, ref, tag)
            case _:
                pass


def _wrong(scene: Scene, ref: str, message: str) -> Fault:
    return Fault("tags", scene.short(ref), message, _ask(scene, ref))


def _ask(scene: Scene, ref: str) -> str:
    return f"git cat-file -p {scene.refs[ref]}; tell whoever keeps the registry: a tag is never rewritten"


def _version(scene: Scene, ref: str, tag: VersionTag) -> Iterator[Fault]:
    oid = scene.refs[ref]
    found = scene.objects.get(oid)
    if isinstance(found, CommitObject):
        return  # a lightweight tag, made by hand or by GTO
    if not isinstance(found, TagObject):
        yield _wrong(scene, ref, "it names no tag object and no commit")
        return
    yield from _name_inside(scene, ref, tag, found)
    version = scene.versions.get(oid)
    if version is None or version.number is None or version.model != tag.model:
        return
    number = number_ref(tag.model, version.number)
    there = scene.refs.get(number)
    if there is None:
        message = f"the tag {scene.short(number)} is missing: nothing finds this version by its number"
        hint = REPAIR if scene.place.remote else f"git tag {scene.short(number)} {oid}"
        yield Fault("tags", scene.short(ref), message, hint)
    elif there != oid:
        yield _wrong(
            scene, ref, f"it says that it is number {version.number}, and {scene.short(number)} is another tag"
        )


def _name_inside(scene: Scene, ref: str, tag: TagName, found: TagObject) -> Iterator[Fault]:
    if parse_tag_name(found.name) != tag:
        yield _wrong(scene, ref, f"the name inside is {found.name!r}: it is another tag under this name")
    elif found.kind != "commit":
        yield _wrong(scene, ref, f"it points at a {found.kind}, not at a commit")


def _number(scene: Scene, ref: str, tag: NumberTag) -> Iterator[Fault]:
    oid = scene.refs[ref]
    version = scene.versions.get(oid)
    if oid in scene.failed:
        return
    if version is None or version.number is None:
        yield _wrong(scene, ref, "it names no version of gitreg's")
        return
    if (version.model, version.number) != (tag.model, tag.number):
        yield _wrong(
            scene, ref, f"it names {version}, which says that it is number {version.number} of {version.model}"
        )
        return
    named = version_ref(version.model, version.semver)
    there = scene.refs.get(named)
    if there is None:
        message = f"the tag {scene.short(named)} is missing: registering was interrupted between the two"
        yield Fault("tags", scene.short(ref), message, REPAIR)
    elif there != oid:
        yield _wrong(scene, ref, f"{scene.short(named)} is another tag than its number's")


def _retired(scene: Scene, ref: str, tag: RetireTag) -> Iterator[Fault]:
    named = version_ref(tag.model, tag.version)
    found = scene.objects.get(scene.refs[ref])
    if named not in scene.refs:
        hint = REPAIR if scene.place.remote else _ask(scene, ref)
        yield Fault("tags", scene.short(ref), f"it retires {scene.short(named)}, which is not here", hint)
        return
    version = scene.versions.get(scene.refs[named])
    if isinstance(found, TagObject):
        yield from _name_inside(scene, ref, tag, found)
        yield from _retirement(scene, ref, found)
        held = version.commit if version else _target(scene, named)
        if held and not (version and version.tombstone) and found.target != held:
            yield _wrong(scene, ref, f"it is on the commit {found.target[:12]}, and the version on {held[:12]}")


def _target(scene: Scene, ref: str) -> str:
    """The commit that a version of GTO's points at."""
    found = scene.objects.get(scene.refs[ref])
    return found.target if isinstance(found, TagObject) else scene.refs[ref] if found else ""


def _retirement(scene: Scene, ref: str, found: TagObject) -> Iterator[Fault]:
    try:
        trailers = parse_trailers(found.message) or {}
        if "Gitreg-Format" not in trailers:
            return  # GTO's
        check_format(trailers["Gitreg-Format"], f"the tag {scene.short(ref)}")
    except GitregError as error:
        yield Fault("tags", scene.short(ref), error.message, error.hint or _ask(scene, ref))
        return
    if "Gitreg-Retired" not in trailers:
        yield _wrong(scene, ref, "it has no trailer Gitreg-Retired")
