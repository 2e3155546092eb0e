"""Searching: the runs, versions and models that a filter holds for. MLflow's language; format/filters.py has it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Protocol, TypeVar

from gitreg.errors import GitregError, NotFound, Refused, check_type
from gitreg.format.filters import Comparison, Order, Record, needs, parse_filter, parse_order_by
from gitreg.format.jsontext import as_whole_number
from gitreg.format.models import RegisteredModel, StagedVersion
from gitreg.format.names import check_model_name
from gitreg.format.runs import Run
from gitreg.format.semver import parse_semver
from gitreg.format.versions import ModelVersion
from gitreg.registry.notes import read_labels
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.queries.records import RunRecord, VersionRecord
from gitreg.registry.queries.scan import (
    Damage,
    add_labels,
    add_stages,
    bring,
    run_records,
    staged_versions,
    tell_runs,
    version_records,
    warn_of,
)

__all__ = ["RegisteredModel", "StagedVersion", "model", "models", "search_runs", "search_versions", "stages"]

Where = str | os.PathLike[str] | Registry | None
Orders = str | Iterable[str]

_OF_THE_RUN = frozenset({"run_name", "status", "started", "ended"})
Found = TypeVar("Found", covariant=True)
AnyRecord = TypeVar("AnyRecord", bound=Record)


class _Source(Protocol[Found]):
    def value(self) -> Found | None: ...


def search_runs(
    where: str = "",
    order_by: Orders = (),
    limit: int | None = 1000,
    *,
    registry: Where = None,
    offline: bool | None = None,
) -> list[Run]:
    """The runs that `where` holds for: ended ones by their tags, and those open on this machine.

    Newest started first, or as `order_by` says (`["metrics.accuracy DESC"]`), at most `limit` (None: all). The models
    of a run tell the version they became. Runs that cannot be read are left out with a warning. Refused, naming the
    character, where the filter is wrong.
    """
    comparisons, orders = _parsed(where, order_by, limit, "runs")
    place = open_registry(registry, offline=offline)
    bring(place, runs=True)
    damage: Damage = []
    records = run_records(place, damage)
    asked = _asked(comparisons, orders)
    versions = [version for record in records for version in record.versions]
    if ("attributes", "stage") in asked:
        add_stages(versions, staged_versions(place, damage))
    if "labels" in needs(comparisons, orders):
        add_labels(place, versions)
    kept = _ordered(_matching(records, comparisons, damage), _newest, True, damage)
    found = _values(_by(kept, orders, damage), limit, damage)
    warn_of(damage)
    return found


def _newest(record: RunRecord) -> tuple[str, str]:
    return record.started, record.id


def search_versions(
    where: str = "",
    order_by: Orders = (),
    limit: int | None = 1000,
    *,
    registry: Where = None,
    offline: bool | None = None,
) -> list[ModelVersion]:
    """The versions that `where` holds for, with their stages and labels; params, metrics and tags are those of the run.

    By model, the highest number first, or as `order_by` says, at most `limit` (None: all). Retired ones and those of
    GTO's alone are among them. What cannot be read is left out with a warning. Refused where the filter is wrong.
    """
    comparisons, orders = _parsed(where, order_by, limit, "versions")
    place = open_registry(registry, offline=offline)
    models_ = _models_asked(comparisons)
    asked = bring(place, models_)
    damage: Damage = []
    records = version_records(place, models_)
    add_stages(records, staged_versions(place, damage))
    if "labels" in needs(comparisons, orders):
        add_labels(place, records)
    records = _told_of_runs(place, records, comparisons, orders, damage)
    kept = _ordered(records, _highest, False, damage)
    found = _values(_by(kept, orders, damage), limit, damage)
    labels = read_labels(place, [version.tag for version in found]) if found else {}
    told = {"as_of": asked.as_of, "stale": asked.stale}
    found = [ModelVersion(**(v.__dict__ | told | {"labels": labels.get(v.tag, {})})) for v in found]
    warn_of(damage)
    return found


def _told_of_runs(
    place: Registry,
    records: Sequence[VersionRecord],
    comparisons: Sequence[Comparison],
    orders: Sequence[Order],
    damage: Damage,
) -> list[VersionRecord]:
    """The versions that match; the commits of their runs are read where tags are not enough, of those still left."""
    late = [c for c in comparisons if c.entity == "metrics" or _is_of_the_run(c.entity, c.key)]
    kept = _matching(records, [c for c in comparisons if c not in late], damage)
    asked = _asked(comparisons, orders)
    metrics = [key for entity, key in asked if entity == "metrics"]
    if any(_is_of_the_run(entity, key) for entity, key in asked):
        tell_runs(place, kept)
    elif metrics:
        tell_runs(place, kept, metrics)
    return _matching(kept, late, damage)


def _is_of_the_run(entity: str, key: str) -> bool:
    return entity in ("params", "tags") or (entity == "attributes" and key in _OF_THE_RUN)


def _highest(record: VersionRecord) -> tuple[object, ...]:
    number = record.number
    if number is not None:
        return record.model, 0, -number
    try:
        version = parse_semver(record.version)
    except Refused:
        return record.model, 2  # a tag that is none of ours, left out later
    return record.model, 1, -version.major, -version.minor, -version.patch, bool(version.pre), version.pre


def models(
    where: str = "",
    order_by: Orders = (),
    limit: int | None = 1000,
    *,
    registry: Where = None,
    offline: bool | None = None,
) -> list[RegisteredModel]:
    """The registered models that `where` holds for, by name or as `order_by` says, at most `limit` (None: all).

    Tags are those of the card; metrics, params, labels and everything else are those of the model's latest version.
    What cannot be read is left out with a warning. Refused where the filter is wrong.
    """
    comparisons, orders = _parsed(where, order_by, limit, "models")
    place = open_registry(registry, offline=offline)
    bring(place, _models_asked(comparisons))
    return _models(place, _models_asked(comparisons), comparisons, orders, limit)


def model(name: str, *, registry: Where = None, offline: bool | None = None) -> RegisteredModel:
    """One registered model; NotFound, with what there is, where it has neither a version nor a card."""
    place = open_registry(registry, offline=offline)
    bring(place, [check_model_name(name)])
    for found in _models(place, [name], (), (), 1):
        return found
    if place.mirror:
        raise NotFound(f"no model {name} in {place.where}", "gitreg ls")
    from gitreg.registry.queries.model_records import model_records

    bring(place)
    names = sorted(record.name for record in model_records(place, None, []))
    hint = "nothing is registered yet: gitreg register RUN MODEL"
    if names:
        hint = f"there is {', '.join(names)}" if len(names) <= 10 else f"there are {len(names)} models: gitreg ls"
    if place.remote:
        hint += "; gitreg fetch brings what others registered"
    raise NotFound(f"no model {name} in {place.where}", hint)


def _models(
    place: Registry,
    names: Sequence[str] | None,
    comparisons: Sequence[Comparison],
    orders: Sequence[Order],
    limit: int | None,
) -> list[RegisteredModel]:
    from gitreg.registry.queries.model_records import model_records, read_cards, tell_models

    damage: Damage = []
    records = model_records(place, names, damage)
    asked = _asked(comparisons, orders)
    tell_models(place, records, asked, damage)
    kept = _by(_matching(records, comparisons, damage), orders, damage)
    kept = kept if limit is None else kept[:limit]
    read_cards(place, kept, damage)
    add_labels(place, [record.latest for record in kept if record.latest])
    found = _values(kept, limit, damage)
    warn_of(damage)
    return found


def stages(
    stage: str = "", model: str = "", *, registry: Where = None, offline: bool | None = None
) -> list[StagedVersion]:
    """What the stages run, of one `stage` or `model` if named, sorted by stage and model."""
    place = open_registry(registry, offline=offline)
    bring(place, [])
    damage: Damage = []
    found = staged_versions(place, damage)
    warn_of(damage)
    return [one for one in found if stage in ("", one.stage) and model in ("", one.model)]


def _parsed(
    where: str, order_by: Orders, limit: int | None, searched: str
) -> tuple[tuple[Comparison, ...], tuple[Order, ...]]:
    check_type(where, str, "filter", 'text such as "metrics.accuracy > 0.9"')
    rule = "a name such as 'metrics.accuracy DESC', or a list of them"
    check_type(order_by, Iterable, "order_by", rule)
    order_by = (order_by,) if isinstance(order_by, str) else tuple(order_by)
    for order in order_by:
        check_type(order, str, "order_by", rule)
    if limit is not None and as_whole_number(limit, "limit") < 0:
        raise Refused(f"a limit of {limit} is less than nothing", "give a number from 0, or None for all")
    return parse_filter(where, searched), parse_order_by(order_by, searched)  # type: ignore[arg-type]


def _asked(comparisons: Iterable[Comparison], orders: Iterable[Order]) -> set[tuple[str, str]]:
    asked = [(one.entity, one.key) for one in comparisons]
    return {*asked, *((one.entity, one.key) for one in orders)}


def _models_asked(comparisons: Iterable[Comparison]) -> list[str] | None:
    """The models that can match at all, None where that may be any: then the tags of others need not be read."""
    for one in comparisons:
        if (one.entity, one.key) == ("attributes", "model") and one.operator in ("=", "IN"):
            named = one.value if isinstance(one.value, tuple) else (str(one.value),)
            return sorted({name for name in named if _is_a_name(name)})
    return None


def _is_a_name(name: str) -> bool:
    try:
        return bool(check_model_name(name))
    except Refused:
        return False


def _matching(records: Iterable[AnyRecord], comparisons: Iterable[Comparison], damage: Damage) -> list[AnyRecord]:
    tests = [comparison.matches for comparison in comparisons]
    if not tests:
        return list(records)
    kept = []
    for record in records:
        try:
            if all(test(record) for test in tests):
                kept.append(record)
        except GitregError as error:
            damage.append(error)
    return kept


def _by(records: list[AnyRecord], orders: Sequence[Order], damage: Damage) -> list[AnyRecord]:
    for order in reversed(orders):
        records = _ordered(records, order.rank, order.descending, damage)
    return records


def _ordered(
    records: Iterable[AnyRecord], rank: Callable[[AnyRecord], tuple[object, ...]], descending: bool, damage: Damage
) -> list[AnyRecord]:
    ranked: list[tuple[tuple[object, ...], AnyRecord]] = []
    for record in records:
        try:
            ranked.append((rank(record), record))
        except GitregError as error:
            damage.append(error)
    ranked.sort(key=itemgetter(0), reverse=descending)
    return [record for _, record in ranked]


def _values(records: Iterable[_Source[Found]], limit: int | None, damage: Damage) -> list[Found]:
    found: list[Found] = []
    for record in records:
        if len(found) == limit:
            break
        try:
            if (value := record.value()) is not None:
                found.append(value)
        except GitregError as error:
            damage.append(error)
    return found
