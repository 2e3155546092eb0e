"""Rows of JSON that are exactly as a signature declares them, made into a frame at once.

That is what most requests to a server hold, and typing, checking and casting each column takes pandas longer than a
small model takes to predict. Whatever is not plain is left to `data_of` and enforcing, which find the same frame or
the words for what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gitreg.format.schema import Column, Schema

# Frames and arrays are of modules that are known only at run time.
Frame = Any

_PYTHON: dict[str, frozenset[type]] = {
    "boolean": frozenset({bool}),
    "integer": frozenset({int}),
    "long": frozenset({int}),
    "float": frozenset({int, float}),
    "double": frozenset({int, float}),
    "string": frozenset({str}),
}
_NUMPY = {"boolean": "bool", "integer": "int32", "long": "int64", "float": "float32", "double": "float64"}
_KINDS = {"boolean": "b", "integer": "i", "long": "i", "float": "if", "double": "if"}
_SPLIT = {"columns", "data", "index"}


@dataclass(frozen=True)
class _Plan:
    names: list[str]
    kinds: list[str]
    index: Any  # the columns of the frame
    alike: str | None  # the type of all of them, where that is one, and of numbers


def plain_frame(form: str, value: Any, inputs: Schema | None) -> Frame | None:
    """The frame that enforcing would make of `value`; None where that takes a closer look."""
    plan = _plan(inputs) if inputs else None
    if plan is None:
        return None
    if form == "dataframe_split":
        rows, index = _split_rows(value, plan), value.get("index") if isinstance(value, dict) else None
    else:
        rows, index = _record_rows(value, plan), None
    return None if not rows else _frame(rows, index, plan)


@lru_cache(maxsize=64)
def _plan(inputs: Schema) -> _Plan | None:
    names, kinds = [], []
    for entry in inputs:
        if not isinstance(entry, Column) or not isinstance(entry.name, str) or entry.type not in _PYTHON:
            return None
        names.append(entry.name)
        kinds.append(str(entry.type))
    try:
        import pandas
    except ModuleNotFoundError:  # which `data_of` has words for
        return None
    if len(set(names)) < len(names):
        return None
    alike = kinds[0] if len(set(kinds)) == 1 and kinds[0] in _NUMPY else None
    return _Plan(names, kinds, pandas.Index(names), alike)


def _split_rows(value: Any, plan: _Plan) -> list[list[Any]] | None:
    """The rows with their values in the order of the signature."""
    if not isinstance(value, dict) or not value.keys() <= _SPLIT:
        return None
    heads, rows = value.get("columns"), value.get("data")
    if not isinstance(heads, list) or not isinstance(rows, list):
        return None
    width = len(heads)
    if not all(type(row) is list and len(row) == width for row in rows):
        return None
    if heads == plan.names:
        return rows
    if not all(type(head) is str for head in heads):
        return None
    places = {head: place for place, head in enumerate(heads)}
    if len(places) < width or not places.keys() >= set(plan.names):
        return None
    order = [places[name] for name in plan.names]
    return [[row[place] for place in order] for row in rows]


def _record_rows(value: Any, plan: _Plan) -> list[list[Any]] | None:
    if not isinstance(value, list):
        return None
    if not all(type(row) is dict for row in value):
        return None
    try:
        return [[row[name] for name in plan.names] for row in value]
    except KeyError:
        return None


def _frame(rows: list[list[Any]], index: object, plan: _Plan) -> Frame | None:
    import numpy
    import pandas

    if index is not None and not (
        isinstance(index, list) and len(index) == len(rows) and all(type(label) is int for label in index)
    ):
        return None
    if plan.alike:
        if not {type(item) for row in rows for item in row} <= _PYTHON[plan.alike]:
            return None
        values = _cast(numpy, rows, plan.alike)
        return None if values is None else pandas.DataFrame(values, index=index, columns=plan.index, copy=False)
    columns: dict[str, Any] = {}
    for name, kind, items in zip(plan.names, plan.kinds, zip(*rows, strict=True), strict=True):
        if not set(map(type, items)) <= _PYTHON[kind]:
            return None
        columns[name] = list(items) if kind == "string" else _cast(numpy, items, kind)
        if columns[name] is None:
            return None
    return pandas.DataFrame(columns, index=index)


def _cast(numpy: Any, items: Sequence[Any], kind: str) -> Any:
    """An array of the type, None where a number does not go into it."""
    try:
        found = numpy.array(items)
    except OverflowError:
        return None
    if found.dtype.kind not in _KINDS[kind]:  # integers over 64 bits are objects, or of another kind
        return None
    if kind == "integer" and (found.min() < -(1 << 31) or found.max() >= 1 << 31):
        return None
    if kind == "float" and not (abs(found) < 3e38).all():
        return None
    return found.astype(_NUMPY[kind], copy=False)
