"""What happened to a model: its versions registered, noted on, retired, purged; told by tags and notes alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from gitreg.errors import Damaged, GitregError, NotFound
from gitreg.format.names import check_model_name
from gitreg.format.notes import parse_facts
from gitreg.format.objects import parse_commit_object, parse_tag_object
from gitreg.format.times import from_seconds
from gitreg.format.trailers import cut_signature, parse_message, parse_trailers
from gitreg.format.versions import ModelVersion
from gitreg.registry.catalog import read_tags, read_versions
from gitreg.registry.notes import read_notes
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.queries.scan import Damage, bring, warn_of

Kind = Literal["registered", "noted", "retired", "purged"]

_ORDER: dict[Kind, int] = {"registered": 0, "purged": 0, "noted": 1, "retired": 2}
_TAGS = "refs/tags/"


@dataclass(frozen=True)
class Event:
    """One thing that happened to a version; `at` is RFC 3339.

    `text` is the description it was registered with or why it was retired; `key` and `value` are what was noted, a
    value of None what was taken back.
    """

    kind: Kind
    model: str
    version: str
    number: int | None
    at: str
    by: str
    text: str = ""
    run_id: str = ""
    key: str = ""
    value: str | float | None = None

    def __str__(self) -> str:
        return f"{self.model}@{self.version} {self.kind}"

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "event": self.kind,
            "ref": f"{self.model}@{self.version}",
            "model": self.model,
            "version": self.version,
            "number": self.number,
            "at": self.at,
            "by": self.by,
            "text": self.text,
            "run": self.run_id or None,
            "key": self.key or None,
            "value": self.value,
        }


def history(
    model: str = "",
    limit: int | None = None,
    *,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
) -> list[Event]:
    """What happened to `model`, or to all models, oldest first; with `limit` only the last so many.

    Versions stand in the order of their numbers, whatever clocks said; what happened to them later by its time, never
    before the version itself. NotFound where there is no such model; what cannot be read is left out with a warning.
    """
    place = open_registry(registry, offline=offline)
    names = [check_model_name(model)] if model else None
    bring(place, names)
    damage: Damage = []
    tags = read_tags(place, model or "*")
    if model and model not in tags:
        raise NotFound(f"no model {model} in {place.where}", "gitreg ls")
    found = read_versions(place, tags.values())
    damage += found.damaged
    events: list[Event] = [_registered(version) for version in found.versions]
    events += _noted(place, found.versions)
    events += _retired(place, model or "*", found.versions, damage)
    warn_of(damage)
    ordered = _ordered(events)
    return ordered if limit is None else ordered[max(0, len(ordered) - limit) :]


def _registered(version: ModelVersion) -> Event:
    kind: Kind = "purged" if version.tombstone else "registered"
    return Event(
        kind, version.model, version.version, version.number, version.created, version.author, version.description,
        version.run_id,
    )  # fmt: skip


def _noted(registry: Registry, versions: Iterable[ModelVersion]) -> Iterator[Event]:
    by_tag = {version.tag: version for version in versions}
    for tag, text in read_notes(registry, list(by_tag)).items():
        version = by_tag[tag]
        for fact in sorted(parse_facts(text), key=lambda fact: (fact.n, fact.at, fact.key)):
            yield Event(
                "noted",
                version.model,
                version.version,
                version.number,
                fact.at,
                fact.by,
                key=fact.key,
                value=fact.value,
            )


def _retired(registry: Registry, model: str, versions: Iterable[ModelVersion], damage: Damage) -> Iterator[Event]:
    by_name = {str(version): version for version in versions}
    refs = {ref.name[len(_TAGS) : -1]: ref.oid for ref in registry.git.refs(f"{_TAGS}{model}@v*!")}
    asked = [(by_name[name], oid) for name, oid in refs.items() if name in by_name]
    for (version, _), (_, kind, content) in zip(asked, registry.git.objects(oid for _, oid in asked), strict=True):
        try:
            when, by, why = _retirement(kind, content, f"{version}!")
        except GitregError as error:
            damage.append(error)
            continue
        yield Event("retired", version.model, version.version, version.number, from_seconds(when), by, why)


def _retirement(kind: str, content: bytes, name: str) -> tuple[int, str, str]:
    """When a version was retired, by whom and why; a tag that GTO made says so in its own words, or in none."""
    if kind == "commit":
        commit = parse_commit_object(content, name)
        return commit.when, commit.author, ""
    tag = parse_tag_object(content, name)
    if tag.name != name:
        raise Damaged(f"the tag {name} holds {tag.name!r}: it is another tag under this name", f"git show '{name}'")
    if parse_trailers(tag.message) is not None and "\n\n" in tag.message:
        return tag.when, tag.tagger, parse_message(tag.message).body
    return tag.when, tag.tagger, cut_signature(tag.message).strip("\n")


def _ordered(events: Iterable[Event]) -> list[Event]:
    """By time, where a version counts as later than those of lower numbers, and nothing as earlier than its version."""
    listed = list(events)
    since: dict[tuple[str, str], str] = {}
    last: dict[str, str] = {}
    versions = [event for event in listed if event.kind in ("registered", "purged")]
    for event in sorted(versions, key=lambda event: event.number or 0):
        at = max(event.at, last.get(event.model, "")) if event.number else event.at
        if event.number:
            last[event.model] = at
        since[event.model, event.version] = at
    return sorted(listed, key=lambda event: _rank(event, since))


def _rank(event: Event, since: Mapping[tuple[str, str], str]) -> tuple[str, str, int, int]:
    begun = since.get((event.model, event.version), event.at)
    return max(begun, event.at), event.model, event.number or 0, _ORDER[event.kind]
