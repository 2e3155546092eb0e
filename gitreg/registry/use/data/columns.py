"""The columns of a table, typed as a signature says, as far as nothing is lost; enforcing refuses the rest."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from gitreg.errors import Unsupported, shown
from gitreg.flavors._frames import is_missing
from gitreg.flavors._rows import WrongRow
from gitreg.format.schema import Column, Schema

# Frames and arrays are of modules that are known only at run time.
Frame = Any

AS_WRITTEN = ("string", "binary", "datetime")
WHOLE = {"integer": (-(1 << 31), (1 << 31) - 1, "int32"), "long": (-(1 << 63), (1 << 63) - 1, "int64")}
_JSON: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,), "string": (str,), "datetime": (str,), "float": (int, float), "double": (int, float)
}  # fmt: skip
FRACTIONS = {"float": "float32", "double": "float64"}


def columns_of(inputs: Schema | None) -> tuple[Column, ...]:
    """The columns that a signature declares; none for tensors."""
    return tuple(entry for entry in inputs or () if isinstance(entry, Column))


def import_pandas(doing: str) -> Frame:
    """pandas; Unsupported where it is not installed."""
    try:
        import pandas
    except ModuleNotFoundError:
        raise Unsupported(f"{doing} needs pandas", "pip install pandas") from None
    return pandas


def by_head(heads: Sequence[object], columns: Sequence[Column]) -> dict[object, Column]:
    """Head of a table -> the signature's column; by position where its columns have no names."""
    if columns and columns[0].name is None:
        return dict(zip(heads, columns, strict=False))
    known = {str(column.name): column for column in columns}
    return {head: known[str(head)] for head in heads if str(head) in known}


def type_columns(pandas: Frame, frame: Frame, named: Mapping[object, Column], *, written: bool) -> Frame:
    """The frame with its columns as the signature has them; `written` where they come from a text without types.

    WrongRow where a value is not of its type.
    """
    for head, column in named.items():
        if head not in frame.columns:
            continue
        values = frame[head]
        if isinstance(column.type, str):
            frame[head] = _scalars(pandas, values, column, written)
        elif written:
            frame[head] = _each(pandas, values, column, json.loads, "JSON")
    # Labels of the signature may be numbers, those of a file are texts.
    return frame.rename(columns={head: c.name for head, c in named.items() if isinstance(c.name, int)})


def _scalars(pandas: Frame, values: Frame, column: Column, written: bool) -> Frame:
    kind = str(column.type)
    dtype = values.dtype
    if kind in FRACTIONS and dtype.kind in "iuf":
        return values.astype(FRACTIONS[kind])
    if kind in FRACTIONS and str(dtype) == "object" and values.isna().all():
        return values.astype("float64").astype(FRACTIONS[kind])
    if kind in WHOLE and dtype.kind in "iu" and len(values):
        least, greatest, name = WHOLE[kind]
        fits = (values >= least) & (values <= greatest)
        if not fits.all():
            row = int((~fits).to_numpy().argmax())
            raise _wrong(column, row, int(values.iloc[row]), kind)
        return values.astype(name)
    if kind in ("string", "boolean") and dtype.kind == "f" and values.isna().all():
        return values.astype("object").where(values.notna(), None)  # pandas takes what is missing everywhere for NaN
    if kind == "string" and written and column.required:
        return values.where(values.notna(), "")
    if kind == "datetime":
        return values if dtype.kind == "M" else _times(pandas, values, column)
    if kind == "binary":
        return _each(pandas, values, column, _from_base64, "base64")
    if written and dtype.kind not in "iufb" and (kind in WHOLE or kind in FRACTIONS or kind == "boolean"):
        wrong = [row for row, text in enumerate(values) if not _is(kind, text)]
        if wrong:
            raise _wrong(column, wrong[0], values.iloc[wrong[0]], kind)
    return values


def check_json(frame: Frame, named: Mapping[object, Column]) -> None:
    """WrongRow where a value of JSON is not of its column's type and pandas or a model might take it for one.

    {} would be a missing number, true the number 1, and any value at all a text or a boolean.
    """
    for head, column in named.items():
        types = _JSON.get(column.type) if isinstance(column.type, str) else None
        if types and head in frame.columns and str(frame[head].dtype) == "object":
            for row, value in enumerate(frame[head]):
                if type(value) not in types and not is_missing(value):
                    raise _wrong(column, row, value, str(column.type))


def exact_wholes(pandas: Frame, texts: Frame, column: Column) -> Frame:
    """The whole numbers that texts such as 12 and 12.0 are, to the last digit; WrongRow where one is none."""
    kind = str(column.type)
    least, greatest, _ = WHOLE[kind]
    found = []
    for row, text in enumerate(texts):
        try:
            number = Decimal(text)
        except ArithmeticError:  # digits or an exponent beyond what it takes
            raise _wrong(column, row, text, kind) from None
        # Compared before it is made an int, as 1e999999999 has a thousand million digits.
        if not (number.is_finite() and least <= number <= greatest and number == number.to_integral_value()):
            raise _wrong(column, row, text, kind)
        found.append(int(number))
    return pandas.Series(found, index=texts.index, dtype="int64")


def _is(kind: str, value: object) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    try:
        _TESTS.get(kind, float)(cast(Any, value))
    except (ValueError, TypeError):
        return False
    return True


def _truth(value: object) -> None:
    if str(value).lower() not in ("true", "false"):
        raise ValueError(value)


_TESTS: Mapping[str, Callable[[Any], object]] = {"boolean": _truth, "integer": int, "long": int}


def _times(pandas: Frame, values: Frame, column: Column) -> Frame:
    found = pandas.to_datetime(values, format="ISO8601", errors="coerce")
    for row, (before, after) in enumerate(zip(values, found, strict=True)):
        # pandas takes "today" and "now", too.
        if not pandas.isna(before) and (pandas.isna(after) or not str(before)[:1].isdigit()):
            raise _wrong(column, row, before, "datetime, written as 2026-11-22T13:37:00")
    return found


def _each(pandas: Frame, values: Frame, column: Column, read: Callable[[str], object], form: str) -> Frame:
    items: list[object] = []
    for row, value in enumerate(values):
        try:
            if not isinstance(value, str | bytes) and not is_missing(value):
                raise ValueError
            items.append(read(value) if isinstance(value, str) else value if isinstance(value, bytes) else None)
        except (ValueError, RecursionError):
            raise _wrong(column, row, value, form) from None
    return pandas.Series(items, index=values.index, dtype="object")


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error


def _wrong(column: Column, row: int, value: object, kind: str) -> WrongRow:
    name = f"column {column.name}" if column.name is not None else "the data"
    return WrongRow(f"{name}, ", row, f": {shown(value)} is no {kind}", "correct that row")
