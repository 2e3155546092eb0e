"""Data for a model from CSV, JSON and parquet, typed as its signature says.

JSON comes in the forms that MLflow's servers take: `dataframe_split`, `dataframe_records`, `instances`, `inputs`, and
the first two bare. A text has no types of its own: `12` in a CSV is a text where the signature says string, and a
number of any width where it says number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitreg.errors import Damaged, Refused, Unsupported, shown
from gitreg.format.schema import Schema, Signature, Tensor
from gitreg.registry.use.data.columns import by_head, check_json, columns_of, import_pandas, type_columns
from gitreg.registry.use.data.csv_table import read_csv
from gitreg.registry.use.data.parquet import read_parquet
from gitreg.registry.use.data.predictions import Kind
from gitreg.registry.use.data.whole_numbers import whole_rows

_EVEN = "every row has as many values as there are columns"
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


@dataclass(frozen=True)
class Data:
    """What was read: what `predict` takes, and the params that stood beside it."""

    data: object
    params: Mapping[str, object] | None = None


def parse_data(content: bytes, kind: Kind, signature: Signature | None, what: str) -> Data:
    """The data in a file's `content`; errors call it `what`.

    Damaged where it is no CSV, JSON or parquet, Refused where a value is not of the type that the signature declares,
    naming column and row (counted from 0), Unsupported where it takes pandas or pyarrow and that is not installed.
    """
    columns = columns_of(signature.inputs if signature else None)
    if kind == "csv":
        return Data(read_csv(content, columns, what))
    if kind == "parquet":
        return Data(read_parquet(content, columns, what))
    return data_of(parse_json(content, what), signature, what)


def parse_json(content: bytes, what: str) -> object:
    """The JSON value of `content`, in which NaN and Infinity may stand; errors call it `what`. Raises Damaged."""
    try:
        return json.loads(content, parse_constant=float)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{what} is no JSON: {error}") from None


def data_of(value: object, signature: Signature | None, what: str) -> Data:
    """The data in the JSON `value`, in any of the forms. Raises as `parse_data` does."""
    return _from_json(value, signature.inputs if signature else None, what)


def _from_json(value: object, inputs: Schema | None, what: str) -> Data:
    params: dict[str, object] | None = None
    if isinstance(value, dict):
        value = dict(value)
        given = value.pop("params", None)
        if given is not None and not isinstance(given, dict):
            raise Refused(f"{what}: params is no object", 'write "params": {"NAME": VALUE}')
        params = given
        if len(value) == 1 and (form := next(iter(value))) in _FORMS:
            return Data(_of_form(form, value[form], inputs, what), params)
        if set(value) <= {"columns", "index", "data"} and "data" in value:
            return Data(_of_form("dataframe_split", value, inputs, what), params)
    if isinstance(value, list):
        form = "dataframe_records" if value and all(isinstance(row, dict) for row in value) else "instances"
        return Data(_of_form(form, value, inputs, what), params)
    raise Refused(
        f"{what} has none of the forms of data for a model", f"an object with one of {_FORMS}, or a list of rows"
    )


def _of_form(form: str, value: object, inputs: Schema | None, what: str) -> object:
    tensors = tuple(entry for entry in inputs or () if isinstance(entry, Tensor))
    if form == "dataframe_split":
        rows = value.get("data") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(rows, list):
            raise Refused(f"{what}: dataframe_split holds no table", 'write {"columns": [...], "data": [[...], ...]}')
        return _frame(rows, inputs, value.get("columns"), value.get("index"))
    if form == "dataframe_records":
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise Refused(f"{what}: dataframe_records is no list of objects", 'write [{"COLUMN": VALUE, ...}, ...]')
        return _frame(value, inputs)
    if tensors:
        return _tensors(value, tensors, what)
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return _frame(value, inputs)
    if isinstance(value, dict) and all(isinstance(item, list) for item in value.values()):
        return _frame(value, inputs)
    if columns_of(inputs) and isinstance(value, list):
        return _frame(value, inputs)
    return value


def _frame(rows: Any, inputs: Schema | None, columns: object = None, index: object = None) -> object:
    """A frame of the rows; without pandas plain lists, which serve where the signature declares no columns."""
    declared = columns_of(inputs)
    try:
        pandas = import_pandas("a table in JSON")
    except Unsupported:
        if declared:
            raise
        return rows
    if columns is None and declared and declared[0].name is not None and rows and isinstance(rows, list):
        first = rows[0]
        columns = None if isinstance(first, dict) else [column.name for column in declared]
        if columns is not None and not isinstance(first, list):
            rows = [[row] for row in rows]
    rows = whole_rows(rows, columns, declared)
    try:
        frame = pandas.DataFrame(rows, columns=columns, index=index)
    except (ValueError, TypeError) as error:
        raise Refused(f"the data is no table: {error}", _EVEN) from None
    if declared and not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        raise Refused(f"the data has two columns {shown(name)}", "name each column once")
    named = by_head(list(frame.columns), declared)
    check_json(frame, named)
    return type_columns(pandas, frame, named, written=False)


def _tensors(value: object, tensors: tuple[Tensor, ...], what: str) -> object:
    import numpy

    try:
        if tensors[0].name is None:
            return numpy.array(value, dtype=tensors[0].dtype)
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            value = {name: [row[name] for row in value] for name in value[0]}
        if isinstance(value, dict):
            types = {tensor.name: tensor.dtype for tensor in tensors}
            return {name: numpy.array(item, dtype=types.get(name)) for name, item in value.items()}
        if len(tensors) == 1:
            return numpy.array(value, dtype=tensors[0].dtype)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise Refused(f"{what}: the data is no array: {error}", "every row has as many values as the others") from None
    raise Refused(f"{what}: the model takes {len(tensors)} tensors by name", 'write {"inputs": {"NAME": [...], ...}}')
