"""Whole numbers in JSON: 12.0 is 12 there, and is made an int before pandas makes fractions of a whole column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gitreg.format.schema import Array, Column, Map, Object, Param, Type

_WHOLE = ("integer", "long")


def whole_rows(rows: Any, heads: object, columns: Sequence[Column]) -> Any:
    """The rows (lists, with their heads, or dicts; or a dict of columns) with ints where the columns are whole."""
    kinds = {column.name: column.type for column in columns if _has_whole(column.type)}
    if not kinds:
        return rows
    if isinstance(rows, dict):
        return {
            name: [_exact(item, kinds[name]) for item in items] if name in kinds and isinstance(items, list) else items
            for name, items in rows.items()
        }
    if not isinstance(rows, list):
        return rows
    names = heads if isinstance(heads, list) else [column.name for column in columns]
    if None in kinds:
        places = {place: column.type for place, column in enumerate(columns) if _has_whole(column.type)}
    else:
        places = {n: kinds[name] for n, name in enumerate(names) if isinstance(name, str) and name in kinds}
    return [_row(row, kinds, places) for row in rows]


def whole_params(params: dict[str, Any], declared: Sequence[Param]) -> dict[str, Any]:
    """The params with ints where they are declared whole."""
    kinds = {p.name: p.type if p.shape is None else Array(p.type) for p in declared if _has_whole(p.type)}
    return {name: _exact(value, kinds[name]) if name in kinds else value for name, value in params.items()}


def _row(row: Any, kinds: dict[str | int | None, Type], places: dict[int, Type]) -> Any:
    if isinstance(row, dict):
        return {name: _exact(item, kinds[name]) if name in kinds else item for name, item in row.items()}
    if isinstance(row, list):
        return [_exact(item, places[n]) if n in places else item for n, item in enumerate(row)]
    return row


def _has_whole(kind: Type) -> bool:
    if isinstance(kind, Array):
        return _has_whole(kind.items)
    if isinstance(kind, Map):
        return _has_whole(kind.values)
    if isinstance(kind, Object):
        return any(_has_whole(member.type) for member in kind.properties)
    return kind in _WHOLE


def _exact(value: Any, kind: Type) -> Any:
    if isinstance(value, float):
        return int(value) if kind in _WHOLE and value.is_integer() else value
    if isinstance(kind, Array) and isinstance(value, list):
        return [_exact(item, kind.items) for item in value]
    if isinstance(kind, Map) and isinstance(value, dict):
        return {name: _exact(item, kind.values) for name, item in value.items()}
    if isinstance(kind, Object) and isinstance(value, dict):
        kinds = {member.name: member.type for member in kind.properties}
        return {name: _exact(item, kinds[name]) if name in kinds else item for name, item in value.items()}
    return value
