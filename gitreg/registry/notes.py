"""Notes on versions: labels, later measurements, descriptions; kept in refs/notes/gitreg on the version's tag."""

from __future__ import annotations

import contextlib
import os
import random
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitreg.errors import Conflict, Refused, Unreachable
from gitreg.format.jsontext import as_number
from gitreg.format.names import check_key, check_text
from gitreg.format.notes import Fact, current_facts, format_fact, parse_facts
from gitreg.format.times import format_time
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import Registry, open_registry, writable
from gitreg.registry.unsent import keep_lines, read_unsent
from gitreg.stores.clock import now
from gitreg.stores.git import Locked, RefChange

NOTES = "refs/notes/gitreg"
THEIRS = "refs/notes/gitreg-origin"
_TRIES = 20


@dataclass(frozen=True)
class Noted:
    """What was noted on a version; `sent` unless it waits here for the next push."""

    version: ModelVersion
    facts: tuple[Fact, ...]
    sent: bool


def note(
    ref: str | ModelVersion,
    labels: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    dataset: str = "",
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    dry_run: bool = False,
) -> tuple[Fact, ...]:
    """Note labels (a value of None takes one back) or metrics (of `dataset`, if named) on a version; what was added.

    The notes go to the origin at once where it answers, else with the next `push`.
    """
    return note_version(ref, labels, metrics, dataset, registry=registry, dry_run=dry_run).facts


def note_version(
    ref: str | ModelVersion,
    labels: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    dataset: str = "",
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    dry_run: bool = False,
) -> Noted:
    """As `note`, told with the version that `ref` led to."""
    from gitreg.registry.resolve import resolve

    place = writable(open_registry(registry))
    version = resolve(str(ref), registry=place)
    wanted: dict[str, str | float | None] = {}
    for key, value in (labels or {}).items():
        wanted[check_key(str(key))] = None if value is None else check_text(str(value), f"the value of {key}")
    for key, measured in (metrics or {}).items():
        wanted[check_key(f"metrics.{key}" + (f"@{dataset}" if dataset else ""))] = as_number(measured, f"metric {key}")
    if not wanted:
        raise Refused("nothing to note", f"gitreg note {version} KEY=VALUE")
    if place.remote and not place.offline:
        with contextlib.suppress(Unreachable):  # noted here now, sent by the next push
            merge_notes(place)
    author = place.git.identity()
    for _ in range(_TRIES):
        added = _append(place, version.tag, wanted, author, dry_run=dry_run)
        if added is not None:
            if place.mirror and not dry_run:
                keep_lines(place.state, version.tag, [format_fact(fact) for fact in added])
            break
    else:
        raise Conflict("another program keeps writing notes", "give the command again")
    sent = not place.remote
    if place.remote and not place.offline and not dry_run:
        with contextlib.suppress(Unreachable, Conflict):
            push_notes(place)
            sent = True
    return Noted(version, added, sent)


def _append(
    registry: Registry, tag: str, wanted: Mapping[str, str | float | None], author: str, *, dry_run: bool
) -> tuple[Fact, ...] | None:
    before = registry.git.find_ref(NOTES)
    text = read_notes(registry, [tag]).get(tag, "")
    counts = {fact.key: 0 for fact in parse_facts(text)}
    for fact in parse_facts(text):
        counts[fact.key] = max(counts[fact.key], fact.n)
    moment = format_time(now())
    added = tuple(
        Fact(counts.get(key, 0) + 1, uuid.uuid4().hex, moment, author, key, value) for key, value in wanted.items()
    )
    if dry_run:
        return added
    return added if _write(registry, before, tag, text, map(format_fact, added), author) else None


def _write(registry: Registry, before: str, tag: str, text: str, lines: Iterable[str], author: str) -> bool:
    """Join lines with the `text` of the note on `tag`, if the notes are still what they were `before`."""
    joined = sorted({*filter(None, text.split("\n")), *lines})
    blob = registry.git.write_blob(("\n".join(joined) + "\n").encode())
    return registry.git.write_note(NOTES, before, tag, blob, author)


def restore_notes(registry: Registry) -> None:
    """Join what was noted by address and not sent with the notes that are here: the mirror may be a new one."""
    waiting: dict[str, set[str]] = {}
    for unsent in read_unsent(registry.state):
        waiting.setdefault(unsent.tag, set()).update(unsent.lines)
    for tag, lines in waiting.items():
        for _ in range(_TRIES):
            before = registry.git.find_ref(NOTES)
            text = read_notes(registry, [tag]).get(tag, "")
            missing = lines - set(text.split("\n"))
            if not missing or _write(registry, before, tag, text, missing, registry.git.identity()):
                break
            time.sleep(random.uniform(0, 0.1))
        else:
            raise Conflict("another program keeps writing notes", "give the command again")


def read_notes(registry: Registry, tags: list[str]) -> dict[str, str]:
    """The text of the notes on tag objects, by tag object; those without notes are left out."""
    listed = registry.git.notes(NOTES)
    asked = [(tag, listed[tag]) for tag in tags if tag in listed]
    contents = registry.git.objects(blob for _, blob in asked)
    return {tag: content.decode("utf-8", "replace") for (tag, _), (_, _, content) in zip(asked, contents, strict=True)}


def read_labels(registry: Registry, versions: list[str]) -> dict[str, dict[str, str]]:
    """The labels that hold now, by tag object; numbers as text."""
    return {
        tag: {key: str(fact.value) for key, fact in current_facts(parse_facts(text)).items()}
        for tag, text in read_notes(registry, versions).items()
    }


def merge_notes(registry: Registry) -> None:
    """Bring the origin's notes and join them with those here, line by line."""
    theirs = registry.git.remote_refs(registry.remote, NOTES).get(NOTES)
    if not theirs:
        return
    extra = ["--no-filter"] if registry.mirror else []  # they are read whole, by a git that cannot fetch the rest
    registry.git.fetch(registry.remote, [f"+{NOTES}:{THEIRS}"], extra=extra)
    for _ in range(_TRIES):
        ours, theirs = registry.git.find_ref(NOTES), registry.git.find_ref(THEIRS)
        if ours == theirs:
            return
        if ours:
            if registry.git.merge_notes(NOTES, ours, THEIRS, registry.git.identity()):
                return
        else:
            with contextlib.suppress(Conflict):
                return registry.git.change_refs([RefChange(NOTES, theirs)])
    raise Conflict("another program keeps writing notes", "give the command again")


def push_notes(registry: Registry) -> None:
    """Send the notes here to the origin, joined with its own."""
    unsent = list(read_unsent(registry.state)) if registry.mirror else []
    if unsent:
        restore_notes(registry)
    elif registry.mirror:
        return
    _push_notes(registry)
    texts = read_notes(registry, [note.tag for note in unsent]) if unsent else {}
    for note in unsent:
        # The mirror may have been deleted before they were sent: then they are not in it, and stay.
        if set(note.lines) <= set(texts.get(note.tag, "").split("\n")):
            note.path.unlink(missing_ok=True)


def _push_notes(registry: Registry) -> None:
    held: Locked | None = None
    for _ in range(_TRIES):
        ours = registry.git.find_ref(NOTES)
        theirs = registry.git.remote_refs(registry.remote, NOTES).get(NOTES, "")
        if not ours or ours == theirs:
            return
        if theirs and not registry.git.is_ancestor(theirs, ours):
            merge_notes(registry)
            ours = registry.git.find_ref(NOTES)
        try:
            return registry.git.push(registry.remote, [RefChange(NOTES, ours, theirs)])
        except (Conflict, Locked) as error:
            held = error if isinstance(error, Locked) else None
            time.sleep(random.uniform(0, 0.1))
    if held:
        raise held
    raise Unreachable("the origin's notes keep changing", "gitreg push")
