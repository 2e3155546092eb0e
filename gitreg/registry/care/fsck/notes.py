"""Notes on versions: readable, and on something that is here."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.errors import GitregError
from gitreg.format.notes import parse_facts
from gitreg.registry.care.fsck.fault import REPAIR, Fault
from gitreg.registry.care.fsck.scene import Scene
from gitreg.registry.notes import NOTES


def check(scene: Scene) -> Iterator[Fault]:
    """The notes in refs/notes/gitreg."""
    git = scene.place.git
    if NOTES not in scene.refs or scene.models:
        return
    hint = REPAIR if scene.place.remote else f"git log {NOTES}; git update-ref {NOTES} to one that can be read"
    answer = git.read("notes", f"--ref={NOTES}", "list")
    if answer.code:
        yield Fault("notes", NOTES, f"the notes cannot be read: {answer.err.splitlines()[-1:]}", hint)
        return
    listed = [line.split() for line in answer.out.decode().splitlines()]
    named = {oid: scene.short(ref) for ref, oid in scene.refs.items() if ref in scene.tags}
    try:
        contents = list(git.objects(blob for blob, _ in listed))
    except GitregError as error:
        yield Fault("notes", NOTES, error.message, hint)
        return
    for (blob, noted), (_, kind, content) in zip(listed, contents, strict=True):
        thing = named.get(noted, noted[:12])
        if kind != "blob":
            yield Fault("notes", thing, f"its note {blob[:12]} is missing from Git", hint)
            continue
        text = content.decode("utf-8", "replace")
        lines = [line for line in text.split("\n") if line]
        if len(parse_facts(text)) != len(lines):
            odd = next(line for line in lines if not parse_facts(line))
            message = f"a line of its note is no fact and is passed over: {odd[:60]!r}"
            yield Fault("notes", thing, message, f"git notes --ref={NOTES} show {noted}", remark=True)
        if noted not in named:
            yield Fault("notes", thing, "the note is on no version that is here", "", remark=True)
