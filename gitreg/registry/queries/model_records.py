"""Registered models as a filter sees them: made from the names of tags, and a few tag objects of each model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gitreg.errors import Damaged, GitregError, NotFound
from gitreg.format.card import Card, card_path, parse_card
from gitreg.format.filter_match import Value
from gitreg.format.models import RegisteredModel
from gitreg.format.semver import Semver
from gitreg.format.times import from_seconds
from gitreg.format.versions import version_text
from gitreg.registry.catalog import ModelTags, read_tags
from gitreg.registry.place import Registry
from gitreg.registry.queries.records import VersionRecord
from gitreg.registry.queries.scan import Damage, add_labels, add_stages, staged_versions, tell_runs

_REPLACES = b"\nGitreg-Replaces:"


class ModelRecord:
    """A registered model; what is not asked for is not read."""

    def __init__(self, name: str, tags: ModelTags, card: str) -> None:
        self.name = name
        self.tags = tags
        self.card_blob = card
        self.card: Card | None = None
        self.latest: VersionRecord | None = None
        self.newest: VersionRecord | None = None
        self.first: VersionRecord | None = None
        self.stages: Mapping[str, str] = {}

    def param(self, key: str) -> str | None:
        return self.latest.param(key) if self.latest else None

    def metric(self, key: str) -> float | None:
        return self.latest.metric(key) if self.latest else None

    def label(self, key: str) -> str | None:
        return self.latest.label(key) if self.latest else None

    def tag(self, key: str) -> str | None:
        return self.card.tags.get(key) if self.card else None

    def attribute(self, key: str) -> Value:
        match key:
            case "model":
                return self.name
            case "stage":
                return tuple(self.stages)
            case "created":
                return self.first.created() if self.first else None
            case "updated":
                return self.newest.created() if self.newest else None
            case _:
                return self.latest.attribute(key) if self.latest else None

    def value(self) -> RegisteredModel:
        """The model itself."""
        card = self.card or Card()
        latest = self.latest.value() if self.latest else None
        return RegisteredModel(
            name=self.name,
            title=card.title,
            description=card.description,
            tags=dict(card.tags),
            owners=card.owners,
            latest=replace(latest, labels=dict(self.latest.labels)) if latest and self.latest else None,
            versions=len(self.tags.versions),
            retired=len(self.tags.retired & self.tags.versions.keys()),
            stages=dict(self.stages),
            updated=from_seconds(self.newest.created() / 1000) if self.newest else "",
        )


def model_records(registry: Registry, names: Sequence[str] | None, damage: Damage) -> list[ModelRecord]:
    """The models of these `names` that there are (None: all), by name, with their latest versions and stages."""
    if names is not None and not names:
        return []
    tags = read_tags(registry, names[0]) if names and len(names) == 1 else read_tags(registry)
    cards = _cards(registry, damage)
    known = sorted({*(name for name, of in tags.items() if of.versions), *cards})
    records = [
        ModelRecord(name, tags.get(name, ModelTags(name)), cards.get(name, ""))
        for name in known
        if names is None or name in names
    ]
    _add_versions(registry, records, damage)
    staged = staged_versions(registry, damage)
    for record in records:
        record.stages = {one.stage: one.version for one in staged if one.model == record.name}
    add_stages([record.latest for record in records if record.latest], staged)
    return records


def _cards(registry: Registry, damage: Damage) -> dict[str, str]:
    """The blobs of the cards on main, by model."""
    try:
        paths = registry.git.paths(registry.main_ref, "models")
    except NotFound:
        return {}
    except GitregError as error:
        damage.append(error)
        return {}
    found = {}
    for path, blob in paths.items():
        name = path.removesuffix(".md")
        try:
            if card_path(name) == f"models/{path}":
                found[name] = blob
        except GitregError:
            continue  # some other file of theirs
    return found


def _add_versions(registry: Registry, records: Iterable[ModelRecord], damage: Damage) -> None:
    """Read the latest and the newest version of each; a purged one is not the latest, so that some need more looks."""
    left: dict[str, tuple[ModelRecord, list[Semver]]] = {}
    wanted: list[tuple[ModelRecord, Semver]] = []
    for record in records:
        by_oid = {oid: version for version, oid in record.tags.versions.items()}
        newest = by_oid.get(record.tags.numbers.get(record.tags.highest, ""))
        if newest is None and record.tags.versions:
            newest = max(record.tags.versions)
        if newest is not None:
            wanted.append((record, newest))
        left[record.name] = (record, record.tags.standing())
    for (record, _), found in zip(wanted, _read(registry, wanted), strict=True):
        record.newest = found
    while left:
        left = {name: pair for name, pair in left.items() if pair[1]}
        wanted = [(record, standing.pop()) for record, standing in left.values()]
        for (record, _), found in zip(wanted, _read(registry, wanted), strict=True):
            try:
                if found.text(_REPLACES) is None:
                    record.latest = found
                    del left[record.name]
            except GitregError as error:
                damage.append(error)
                del left[record.name]


def _read(registry: Registry, wanted: Sequence[tuple[ModelRecord, Semver]]) -> list[VersionRecord]:
    oids = [record.tags.versions[version] for record, version in wanted]
    return [
        VersionRecord(record.name, version_text(version), *found, version in record.tags.retired)
        for (record, version), found in zip(wanted, registry.git.objects(oids), strict=True)
    ]


def tell_models(
    registry: Registry, records: Sequence[ModelRecord], asked: Iterable[tuple[str, str]], damage: Damage
) -> None:
    """Read what a filter asks for and `model_records` does not."""
    asked = set(asked)
    entities = {entity for entity, _ in asked}
    latest = [record.latest for record in records if record.latest]
    if "tags" in entities:
        read_cards(registry, records, damage)
    if "labels" in entities:
        add_labels(registry, latest)
    if entities & {"params", "metrics"}:
        tell_runs(registry, latest)
    if ("attributes", "created") in asked:
        wanted = []
        for record in records:
            by_oid = {oid: version for version, oid in record.tags.versions.items()}
            first = by_oid.get(record.tags.numbers.get(1, ""))
            if first is None and record.tags.versions:
                first = min(record.tags.versions)
            if first is not None:
                wanted.append((record, first))
        for (record, _), found in zip(wanted, _read(registry, wanted), strict=True):
            record.first = found


def read_cards(registry: Registry, records: Iterable[ModelRecord], damage: Damage) -> None:
    """Read the cards that were not read yet."""
    unread = [record for record in records if record.card_blob and record.card is None]
    blobs = registry.git.objects(record.card_blob for record in unread)
    for record, (_, kind, content) in zip(unread, blobs, strict=True):
        what = card_path(record.name)
        try:
            if kind != "blob":
                raise Damaged(f"{what} is not in the repository", "git fsck")
            record.card = parse_card(content.decode("utf-8", "replace"), what)
        except GitregError as error:
            record.card = Card()
            damage.append(error)
