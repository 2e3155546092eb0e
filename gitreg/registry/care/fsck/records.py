"""The public records of what stages ran: `<model>#<stage>#<n>` on the commit of the n-th change of the stage's file."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.errors import GitregError
from gitreg.format.objects import TagObject
from gitreg.format.stage_file import parse_stage_file
from gitreg.format.tags import RecordTag, parse_tag_name
from gitreg.registry.care.fsck.fault import Fault
from gitreg.registry.care.fsck.scene import Scene


def check(scene: Scene) -> Iterator[Fault]:
    """Records of stages that have a file; others are GTO's own assignments, and none of gitreg's."""
    changes: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for ref, tag in scene.tags.items():
        if not isinstance(tag, RecordTag):
            continue
        key = (tag.stage, tag.model)
        if key not in changes:
            changes[key] = _changes(scene, *key)
        if changes[key]:
            yield from _record(scene, ref, tag, changes[key])


def _changes(scene: Scene, stage: str, model: str) -> list[tuple[str, str]]:
    """What each change of a stage's file on main's first-parent line made of it: (change, text), "" where it went."""
    path, git = f"stages/{stage}/{model}.yaml", scene.place.git
    asked = ["log", "--first-parent", "--reverse", "-m", "--format=%H", scene.place.main_ref, "--", path]
    commits = git.text(*asked).split()
    contents = git.objects(f"{commit}:{path}" for commit in commits)
    return [
        (commit, content.decode("utf-8", "replace")) for commit, (_, _, content) in zip(commits, contents, strict=True)
    ]


def _record(scene: Scene, ref: str, tag: RecordTag, changes: list[tuple[str, str]]) -> Iterator[Fault]:
    thing, oid = scene.short(ref), scene.refs[ref]
    hint = f"git cat-file -p {oid}"
    found = scene.objects.get(oid)
    target = found.target if isinstance(found, TagObject) else oid
    if isinstance(found, TagObject) and parse_tag_name(found.name) != tag:
        yield Fault("records", thing, f"the name inside is {found.name!r}: it is another tag under this name", hint)
    if tag.number > len(changes):
        count = f"{len(changes)} time" + "s" * (len(changes) != 1)
        yield Fault("records", thing, f"stages/{tag.stage}/{tag.model}.yaml was changed {count} only", hint)
        return
    commit, text = changes[tag.number - 1]
    if tag.emptied == bool(text):
        said = "was deleted" if not text else "was not deleted"
        yield Fault("records", thing, f"the file {said} by that change, {commit[:12]}", hint)
    elif text:
        try:
            runs = parse_stage_file(text).commit
        except GitregError:
            return  # as it was then; what stands there now is told of with the stages
        if runs != target:
            yield Fault("records", thing, f"it is on {target[:12]}, and the stage began to run {runs[:12]}", hint)
