"""Comparisons and orders as values, and what they mean for a record.

The meaning is MLflow's: a record without the key never matches (but `IS NULL`), NaN is unequal to everything,
LIKE minds case and ILIKE does not, and sorting puts NaN and then the missing last in either direction.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Protocol, TypeVar

from gitreg.errors import Refused
from gitreg.format.filter_keys import Entity, Kind, kind_of
from gitreg.format.semver import parse_semver

Value = str | float | tuple[str, ...] | None
"""What a comparison holds and a record answers: text, number, several texts, or nothing."""

Test = Callable[[Value], bool]


class Record(Protocol):
    """Anything that can be searched. Each answer is None where the record has no such key.

    `attribute` is asked for the keys of `filter_keys.KINDS`: times as RFC 3339 text or as milliseconds since 1970;
    what can be several at once (stage, flavor, the model of a run) as a tuple, `()` where there is none.
    """

    def param(self, key: str, /) -> str | None: ...
    def metric(self, key: str, /) -> float | None: ...
    def tag(self, key: str, /) -> str | None: ...
    def label(self, key: str, /) -> str | None: ...
    def attribute(self, key: str, /) -> Value: ...


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

AnyRecord = TypeVar("AnyRecord", bound=Record)

_GETTERS: dict[Entity, str] = {
    "metrics": "metric",
    "params": "param",
    "tags": "tag",
    "labels": "label",
    "attributes": "attribute",
}
_COMPARE: dict[str, Callable[..., bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Comparison:
    """One comparison: what of the record, how, with what.

    `key` is the attribute's own name, never an alias; `operator` is in capitals; `value` is a number for metrics,
    a whole number of milliseconds for times, texts for IN and NOT IN, None for IS NULL and IS NOT NULL.
    `absent` is the answer for a record that has no such key.
    """

    entity: Entity
    key: str
    operator: str
    value: Value = None
    absent: bool = False

    def matches(self, record: Record) -> bool:
        """Whether it holds for `record`."""
        return self._test(self._get(record))

    @cached_property
    def _get(self) -> Callable[[Record], Value]:
        return _getter(self.entity, self.key)

    @cached_property
    def _test(self) -> Test:
        if self.operator in ("IS NULL", "IS NOT NULL"):
            null = self.operator == "IS NULL"
            return lambda found: (found is None or found == ()) is null
        compare = _comparing(kind_of(self.entity, self.key), self.operator, self.value)
        each = all if self.operator in ("!=", "NOT IN") else any
        absent = self.absent

        def test(found: Value) -> bool:
            if found is None:
                return absent
            if type(found) is tuple:
                return each(map(compare, found))
            return compare(found)

        return test


@dataclass(frozen=True)
class Order:
    """One thing to sort by; `key` is the attribute's own name, never an alias."""

    entity: Entity
    key: str
    descending: bool = False

    def rank(self, record: Record) -> tuple[int, object]:
        """What to sort `record` by: values first, then NaN, then what has none, whichever way the sort goes."""
        found: object = self._get(record)
        if self.entity == "attributes":
            found = _sortable(kind_of(self.entity, self.key), found)
        if found is None:
            return (0 if self.descending else 2), 0
        if isinstance(found, float) and math.isnan(found):
            return 1, 0
        return (2 if self.descending else 0), found

    @cached_property
    def _get(self) -> Callable[[Record], Value]:
        return _getter(self.entity, self.key)


def matches(comparisons: Iterable[Comparison], record: Record) -> bool:
    """Whether every one of `comparisons` holds for `record`; true where there is none."""
    return all(comparison.matches(record) for comparison in comparisons)


def sort(records: Iterable[AnyRecord], orders: Sequence[Order]) -> list[AnyRecord]:
    """`records` by the first of `orders`, ties by the next; what still ties stays in the order it came."""
    ordered = list(records)
    for order in reversed(orders):
        ordered.sort(key=order.rank, reverse=order.descending)
    return ordered


def needs(comparisons: Iterable[Comparison], orders: Iterable[Order] = ()) -> frozenset[Entity]:
    """What of a record is asked at all, so that a caller need not decode the rest."""
    return frozenset([comparison.entity for comparison in comparisons] + [order.entity for order in orders])


def _getter(entity: Entity, key: str) -> Callable[[Record], Value]:
    return operator.methodcaller(_GETTERS[entity], key)


def _comparing(kind: Kind, comparator: str, value: Value) -> Test:
    if comparator in ("LIKE", "ILIKE"):
        return _like(str(value), comparator == "ILIKE" or kind == "status")
    if comparator in ("IN", "NOT IN"):
        texts, wanted = frozenset(value if isinstance(value, tuple) else ()), comparator == "IN"
        return lambda found: (found in texts) is wanted
    if comparator not in _COMPARE:
        raise Refused(f"there is no operator {comparator!r} in a filter")
    compare = _COMPARE[comparator]
    if kind == "status":
        return lambda found: compare(str(found).upper(), value)
    if kind == "time":
        return lambda found: (moment := _milliseconds(found)) is not None and compare(moment, value)
    if kind == "version" and comparator not in ("=", "!="):
        bound = parse_semver(str(value)).sort_key
        return lambda found: (place := _place(str(found))) is not None and compare(place, bound)
    return lambda found: compare(found, value)


def _like(pattern: str, ignore_case: bool) -> Test:
    """SQL's LIKE: `%` is any text, `_` any one character, nothing escapes them, and a newline is a character too.

    Each piece between two `%` has a fixed length, so the first place where it fits is as good as any other: the time
    is bounded by text times pattern, whoever wrote the pattern.
    """
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    pieces = pattern.split("%")
    compiled = [re.compile(re.escape(piece).replace("_", "."), flags) for piece in pieces]
    if len(compiled) == 1:
        whole = compiled[0].fullmatch
        return lambda found: whole(str(found)) is not None
    begin, end, end_length = compiled[0].match, compiled[-1].match, len(pieces[-1])
    searches = [compiled[index].search for index in range(1, len(pieces) - 1) if pieces[index]]

    def test(found: Value) -> bool:
        text = str(found)
        place = begin(text)
        for search in searches:
            if place is None:
                return False
            place = search(text, place.end())
        start = len(text) - end_length
        return place is not None and place.end() <= start and end(text, start) is not None

    return test


def _milliseconds(found: object) -> float | None:
    if isinstance(found, int | float):
        return found
    try:
        # to_milliseconds also checks the form, which takes longer than the rest and was done when this was written.
        moment = datetime.fromisoformat(str(found))
    except ValueError:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND


@lru_cache(maxsize=4096)
def _place(version: str) -> tuple[object, ...] | None:
    """Where a version stands among versions; None for a text that is no version."""
    try:
        return parse_semver(version).sort_key
    except Refused:
        return None


def _sortable(kind: Kind, found: object) -> object:
    """An attribute's value as something that orders against the same attribute of another record."""
    if found is None or kind == "number":
        return found
    if kind == "time":
        return _milliseconds(found)
    several = found if isinstance(found, tuple) else (found,)
    if kind == "version":
        several = tuple(place for text in several if (place := _place(str(text))) is not None)
    return several or None
