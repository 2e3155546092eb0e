"""The registry here against its origin, and both against what was seen before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gitreg.errors import GitregError
from gitreg.format.tags import RunTag, parse_tag_name
from gitreg.registry.care.fsck.fault import FETCH, REPAIR, Fault
from gitreg.registry.care.fsck.scene import TAGS, Scene
from gitreg.registry.place import Registry
from gitreg.registry.seen import mains_seen, missing_or_moved

_SHOWN = 5


def check_seen_here(scene: Scene) -> Iterator[Fault]:
    """Tags and main as they are here, against what was seen from here before."""
    place = scene.place
    for changed in missing_or_moved(place, scene.refs):
        tag = parse_tag_name(changed.ref.removeprefix(TAGS))
        if tag is None or (scene.models and (isinstance(tag, RunTag) or tag.model not in scene.models)):
            continue
        thing, was = scene.short(changed.ref), f"it was {changed.seen[:12]} when last seen from here"
        if changed.now:
            hint = f"ask who changed it; git cat-file -p {changed.seen}"
            yield Fault("seen", thing, f"the tag has moved to {changed.now[:12]}: {was}", hint)
        elif isinstance(tag, RunTag):
            yield Fault("seen", thing, f"the run is gone: {was}", FETCH if place.remote else "", remark=True)
        else:
            hint = REPAIR if place.remote else f"git tag {thing} {changed.seen}"
            yield Fault("seen", thing, f"the tag is gone: {was}", hint)
    yield from check_main(place)


def check_main(place: Registry) -> Iterator[Fault]:
    """Whether main grew from every commit that it was seen at."""
    seen, main = mains_seen(place), place.git.find_ref(place.main_ref)
    if not seen or not main:
        return
    answer = place.git.read("rev-list", main, "--")
    history = set(answer.out.decode().split())
    if answer.code or (place.git.common_dir / "shallow").exists():
        return  # what is not here cannot be looked at
    for commit in sorted(seen - history):
        message = f"it was rewound: {commit[:12]}, where it was seen before, is no part of its history any more"
        hint = f"ask who did it; where it was meant: rm {place.state}/seen.sqlite; else push {commit[:12]} back"
        yield Fault("seen", place.branch, message, hint)


def check_origin(scene: Scene, here: Mapping[str, str], there: Mapping[str, str]) -> Iterator[Fault]:
    """Tags `here` against those at the origin (full name -> object id)."""
    place = scene.place
    address = place.git.address(place.remote)
    unfetched = []
    for ref in sorted(set(here) | set(there)):
        tag = parse_tag_name(ref.removeprefix(TAGS)) if ref.startswith(TAGS) else None
        if tag is None or (scene.models and (isinstance(tag, RunTag) or tag.model not in scene.models)):
            continue
        thing, ours, theirs = scene.short(ref), here.get(ref), there.get(ref)
        if ours and theirs and ours != theirs:
            message = f"the tag is {ours[:12]} here and {theirs[:12]} at {address}"
            yield Fault("origin", thing, message, f"ask who changed it; git ls-remote {place.remote} '{ref}'")
        elif ours and not theirs and isinstance(tag, RunTag):
            yield Fault("origin", thing, f"the run is not at {address}", f"gitreg push {tag.run_id}", remark=True)
        elif ours and not theirs:
            message = f"the tag is here and not at {address}: others do not have this version, or it was taken away"
            yield Fault("origin", thing, message, f"ask who removed it; git push {place.remote} {ours}:{ref}")
        elif not ours and not place.mirror:
            unfetched.append(thing)
    if unfetched:
        shown = ", ".join(unfetched[:_SHOWN]) + (
            f" and {len(unfetched) - _SHOWN} more" if len(unfetched) > _SHOWN else ""
        )
        yield Fault("origin", address, f"it has tags that are not here: {shown}", FETCH, remark=True)


def ask_origin(place: Registry) -> tuple[dict[str, str], list[Fault]]:
    """The tags that the origin has, and why it could not be asked."""
    try:
        listed = place.git.remote_refs(place.remote, "refs/tags/*")
    except GitregError as error:
        return {}, [Fault("origin", place.git.address(place.remote), error.message, error.hint)]
    return {name: oid for name, oid in listed.items() if not name.endswith("^{}")}, []
