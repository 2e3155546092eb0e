"""Tables for models whose signature declares columns: whatever is given becomes a pandas DataFrame."""

from __future__ import annotations

from typing import cast

from gitreg.errors import Refused, shown
from gitreg.flavors._frames import Data, is_array, is_frame, is_missing, is_scalar, is_series
from gitreg.flavors._rows import WrongRow
from gitreg.flavors.enforcing.casting import cast_series, first_wrong, pandas
from gitreg.flavors.enforcing.nested import Wrong, enforce_value
from gitreg.format.schema import VECTOR, Array, Column, Object, Type

# What files are read as, and models of float32 do not take.
_NARROWER = {("float64", "float"): "float32", ("int64", "integer"): "int32"}


def enforce_columns(data: object, columns: tuple[Column, ...]) -> Data:
    """A DataFrame of the declared columns, in their order. Raises `Refused`, naming column and row."""
    frame = _frame(data, columns)
    if columns[0].name is None:
        if len(frame.columns) < len(columns):
            raise Refused(f"the data has {len(frame.columns)} columns, the model takes {len(columns)}")
        found = {
            label: _enforce(frame[label], column.type, True, label)
            for label, column in zip(frame.columns, columns, strict=False)
        }
        return pandas().DataFrame(found)
    refuse_missing([column.name for column in columns if column.required], list(frame.columns))
    present = [column for column in columns if column.name in frame]
    return pandas().DataFrame({c.name: _enforce(frame[c.name], c.type, c.required, c.name) for c in present})


def refuse_missing(required: list[str | int | None], present: list[object]) -> None:
    """Raise `Refused`, naming them, where required columns are not present."""
    there = set(present)
    missing = [str(name) for name in required if name not in there]
    if missing:
        has = ", ".join(str(name) for name in present[:20]) or "no columns"
        columns = "the columns" if len(missing) > 1 else "the column"
        raise Refused(f"the data lacks {columns} {', '.join(missing)}", f"it has: {has}")


def _enforce(values: Data, kind: Type, required: bool, name: object) -> Data:
    if not is_series(values):
        raise Refused(f"the data has two columns called {name}")
    if isinstance(kind, str) and kind != VECTOR:
        found = cast_series(values, kind)
        if found is None:
            raise wrong_column(name, values.to_list(), kind, str(values.dtype))
        return found
    items = []
    for row, value in enumerate(values):
        try:
            items.append(enforce_value(value, kind, required))
        except Wrong as wrong:
            raise WrongRow(f"column {name}, ", row, f": {name}{wrong.where} {wrong.why}") from None
    return pandas().Series(items, index=values.index, name=name, dtype=None if items else object)


def wrong_column(name: object, values: list[object], kind: str, dtype: str) -> Refused:
    """The error for a column of `dtype` that is no `kind`, naming the first row that is not."""
    found = first_wrong(values, kind)
    if found is None:
        return Refused(f"column {name} is {dtype}, the model takes {kind}")
    row, value = found
    hint = ""
    if kind in ("integer", "long") and is_missing(value):
        hint = "whole numbers with missing values are fractions: infer the signature from data that has some"
    elif narrower := _NARROWER.get((dtype, kind)):
        hint = f"data.astype({{{name!r}: {narrower!r}}}) where it may be rounded: nothing is narrowed by itself"
    return WrongRow(f"column {name}, ", row, f": {shown(value)} is no {kind} (the column is {dtype})", hint)


def _frame(data: object, columns: tuple[Column, ...]) -> Data:
    if is_frame(data):
        return cast(Data, data)
    pd = pandas()
    try:
        if isinstance(data, dict):
            return _frame_of_dict(data, columns)
        if is_series(data) or isinstance(data, list) or is_array(data):
            return pd.DataFrame(data)
        if is_scalar(data):
            return pd.DataFrame([data])
    except (ValueError, TypeError) as error:
        raise Refused(f"the data is no table: {error}") from error
    raise Refused(f"a {type(data).__qualname__} is no table", "pass a frame, an array, a list or a dict")


def _frame_of_dict(data: dict[object, object], columns: tuple[Column, ...]) -> Data:
    """One row, or columns: a dict is read as MLflow reads it."""
    pd = pandas()
    values = list(data.values())
    nested = any(isinstance(column.type, Array | Object) for column in columns)
    one_row = all(
        value is None or is_scalar(value) or (isinstance(value, list) and all(isinstance(v, str) for v in value))
        for value in values
    )
    texts = all(is_array(value) and cast(Data, value).shape == () for value in values)
    if nested or one_row or texts:
        return pd.DataFrame([data])
    flat = {
        name: cast(Data, value).tolist() if is_array(value) and cast(Data, value).ndim > 1 else value
        for name, value in data.items()
    }
    return pd.DataFrame(flat)
