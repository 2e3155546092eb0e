"""Which promotion changed each fact of what a stage runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from gitreg.errors import NotFound, Refused
from gitreg.format.references import Staged, format_reference, parse_reference
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.promotion.audit import Audited, audited
from gitreg.registry.promotion.records import bring_records
from gitreg.registry.promotion.timeline import bring_timeline, timeline

_ENTRY = re.compile(r'( *)("(?:[^"\\]|\\.)*"|[^\s:"#-][^:]*):(?: (.*))?')
_ITEM = re.compile(r" *- (.*)")
_NAMED = re.compile(r'"?([A-Za-z0-9][A-Za-z0-9._-]*)')


@dataclass(frozen=True)
class BlamedFact:
    """One line of a stage file: the fact's name ("metrics.accuracy") and value, and what changed it last.

    `was` is what it was before (None where it was not there), `at` when that came to main (RFC 3339), `before` and
    `after` the versions that the stage ran then, `pull` the pull request as far as it is known, `by` the committer.
    """

    line: int
    name: str
    value: str
    was: str | None
    at: str
    before: str
    after: str
    pull: str
    by: str
    commit: str

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "line": self.line,
            "name": self.name,
            "value": self.value,
            "was": self.was,
            "at": self.at,
            "before": self.before or None,
            "after": self.after or None,
            "pull": self.pull or None,
            "by": self.by,
            "commit": self.commit,
        }


def blame(
    ref: str, *, registry: str | os.PathLike[str] | Registry | None = None, offline: bool | None = None
) -> list[BlamedFact]:
    """The facts of what `MODEL@STAGE` runs, in the order of its file.

    By main's first-parent history: a fact belongs to the merge that brought it. The origin is asked first; Unreachable
    where it does not answer, unless `offline`. NotFound where the stage runs no such model, Refused for other names.
    """
    place = open_registry(registry, offline=offline)
    target = parse_reference(ref).target
    if not isinstance(target, Staged):
        raise Refused(f"{format_reference(parse_reference(ref))} is not what a stage runs", "name it as MODEL@STAGE")
    bring_timeline(place)
    if place.mirror:
        bring_records(place)
    changes = timeline(place, stage=target.stage, model=target.model)
    if not changes or changes[-1].new is None:
        hint = f"gitreg log --stage {target.stage}" if changes else f"gitreg ls {target.model}"
        raise NotFound(f"no stage {target.stage} runs {target.model}", hint)
    told = {each.commit: each for each in audited(place, target.model, target.stage)}
    since: dict[str, tuple[Audited, str | None]] = {}
    for change in changes:
        old = {name: value for _, name, value in facts_of(change.old or b"")}
        new = {name: value for _, name, value in facts_of(change.new or b"")}
        since = {
            name: since[name] if old.get(name) == value and name in since else (told[change.commit], old.get(name))
            for name, value in new.items()
        }
    return [_blamed(line, name, value, *since[name]) for line, name, value in facts_of(changes[-1].new)]


def _blamed(line: int, name: str, value: str, change: Audited, was: str | None) -> BlamedFact:
    return BlamedFact(
        line, name, value, was, change.at, change.before, change.after, change.pull, change.merged_by, change.commit
    )


def facts_of(text: bytes) -> Iterator[tuple[int, str, str]]:
    """(line, name, value) of each fact of a stage file: "metrics.accuracy", "signature.inputs.plan".

    A requirement has the name of what it requires: "requirements.scikit-learn".
    """
    above: list[tuple[int, str]] = []
    seen: set[str] = set()
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), 1):
        if found := _ENTRY.fullmatch(line):
            indent, key, value = len(found[1]), found[2], found[3]
            above = [one for one in above if one[0] < indent]
            name = ".".join([*(key for _, key in above), key])
            above.append((indent, key))
        elif found := _ITEM.fullmatch(line):
            named, value = _NAMED.match(found[1]), found[1]
            name = ".".join([*(key for _, key in above), named[1] if named else found[1]])
        else:
            continue
        while name in seen:  # the same thing required twice, for different platforms
            name += "'"
        seen.add(name)
        if value:
            yield number, name, value
