"""Lists, records and maps inside a column, checked value by value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from gitreg.errors import shown
from gitreg.flavors._frames import Data, imported, is_array, is_missing, is_scalar
from gitreg.flavors.enforcing.casting import cast_series, first_wrong, numpy_name, pandas
from gitreg.format.schema import VECTOR, AnyType, Array, Map, Object, Type


class Wrong(Exception):
    """A value that does not fit: `where` it lies inside the one that was checked, and `why` not."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(where + why)
        self.where = where
        self.why = why


def enforce_value(value: object, kind: Type, required: bool) -> object:
    """`value` as `kind` declares it. Raises `Wrong`."""
    if isinstance(kind, AnyType) or kind == VECTOR:
        return value
    if isinstance(kind, str):
        return _enforce_scalar(value, kind, required)
    if isinstance(kind, Array):
        return _enforce_array(value, kind, required)
    if isinstance(kind, Object):
        return enforce_object(value, kind, required)
    return _enforce_map(value, kind, required)


def _enforce_scalar(value: object, kind: str, required: bool) -> object:
    if not required and is_missing(value):
        return None
    if not is_scalar(value):
        raise Wrong("", f"is {shown(value)}, not one {kind}")
    series = cast_series(pandas().Series([value]), kind)
    if series is None:
        raise Wrong("", f"is {shown(value)}, which is no {kind}")
    return cast(object, series.iloc[0])


def _enforce_array(value: object, kind: Array, required: bool) -> object:
    is_list = isinstance(value, list)
    if not is_list and not is_array(value):
        if value is None and (not required or isinstance(kind.items, AnyType)):
            return None
        raise Wrong("", f"is {shown(value)}, not a list")
    items = cast(list[object], value)
    if not len(items):
        return value
    if isinstance(kind.items, str) and kind.items != VECTOR:
        found = _enforce_items(items, kind.items)
        return found.tolist() if is_list else found
    nested = []
    for index, item in enumerate(items):
        try:
            nested.append(enforce_value(item, kind.items, required))
        except Wrong as wrong:
            raise Wrong(f"[{index}]{wrong.where}", wrong.why) from None
    return nested if is_list else cast(Data, imported("numpy")).array(nested)


def _enforce_items(items: list[object], kind: str) -> Data:
    try:
        series = pandas().Series(items)
    except ValueError:
        raise Wrong("", f"is not a flat list of {kind}") from None
    found = cast_series(series, kind)
    if found is None:
        position, value = first_wrong(items, kind) or (0, None)
        raise Wrong(f"[{position}]", f"is {shown(value)}, which is no {kind}")
    try:
        return found.to_numpy(dtype=numpy_name(kind))
    except (ValueError, TypeError) as error:
        raise Wrong("", f"is no list of {kind}: {error}") from None


def enforce_object(value: object, kind: Object, required: bool) -> object:
    """The record `value` as `kind` declares it: no property that it lacks, each that it requires. Raises `Wrong`."""
    if not required and (value is None or value == {}):
        return value
    if not isinstance(value, Mapping):
        raise Wrong("", f"is {shown(value)}, not a record")
    known = {p.name: p for p in kind.properties}
    if missing := [p.name for p in kind.properties if p.required and p.name not in value]:
        raise Wrong("", f"lacks the property {missing[0]}")
    if extra := [name for name in value if name not in known]:
        raise Wrong("", f"has the property {extra[0]}, which the signature does not know")
    found = {}
    for name, item in value.items():
        try:
            found[name] = enforce_value(item, known[name].type, known[name].required)
        except Wrong as wrong:
            raise Wrong(f".{name}{wrong.where}", wrong.why) from None
    return found


def _enforce_map(value: object, kind: Map, required: bool) -> object:
    if (not required or isinstance(kind.values, AnyType)) and (value is None or value == {}):
        return value
    if not isinstance(value, Mapping):
        raise Wrong("", f"is {shown(value)}, not a map")
    found = {}
    for name, item in value.items():
        if not isinstance(name, str):
            raise Wrong("", f"has the key {shown(name)}, which is no text")
        try:
            found[name] = enforce_value(item, kind.values, required)
        except Wrong as wrong:
            raise Wrong(f".{name}{wrong.where}", wrong.why) from None
    return found
