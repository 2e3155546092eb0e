"""Data for a model from CSV and JSON, typed as its signature says.

JSON comes in the forms that MLflow's servers take: `dataframe_split`, `dataframe_records`, `instances`, `inputs`, and
the first two bare. A text has no types of its own: `12` in a CSV is a text where the signature says string, and a
number of any width where it says number.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from gitreg.errors import Damaged, Refused, Unsupported
from gitreg.format.schema import Column, Schema, Signature, Tensor
from gitreg.registry.use.predictions import Kind

# Frames and arrays are of modules that are known only at run time.
Frame = Any

_MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]
_WHOLE = {"integer": (-(1 << 31), (1 << 31) - 1, "int32"), "long": (-(1 << 63), (1 << 63) - 1, "int64")}
_FRACTIONS = {"float": "float32", "double": "float64"}
_AS_WRITTEN = ("string", "binary", "datetime")
_EVEN = "every row has as many values as there are columns"
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


@dataclass(frozen=True)
class Data:
    """What was read: what `predict` takes, and the params that stood beside it."""

    data: object
    params: Mapping[str, object] | None = None


def kind_of(name: str, content: bytes) -> Kind:
    """CSV or JSON: by the ending of the file's name, else by how its content begins."""
    lower = name.lower()
    if lower.endswith((".csv", ".json")):
        return "csv" if lower.endswith(".csv") else "json"
    return "json" if content.lstrip()[:1] in (b"{", b"[") else "csv"


def parse_data(content: bytes, kind: Kind, signature: Signature | None, what: str) -> Data:
    """The data in a file's `content`; errors call it `what`.

    Damaged where it is no CSV or JSON, Refused where a value is not of the type that the signature declares, naming
    column and row (counted from 0), Unsupported where it takes pandas and that is not installed.
    """
    inputs = signature.inputs if signature else None
    if kind == "csv":
        return Data(_read_csv(content, _columns(inputs), what))
    try:
        value = json.loads(content, parse_constant=float)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{what} is no JSON: {error}") from None
    return _from_json(value, inputs, what)


def _columns(inputs: Schema | None) -> tuple[Column, ...]:
    return tuple(entry for entry in inputs or () if isinstance(entry, Column))


def _pandas(doing: str) -> Frame:
    try:
        import pandas
    except ModuleNotFoundError:
        raise Unsupported(f"{doing} needs pandas", "pip install pandas") from None
    return pandas


def _read_csv(content: bytes, columns: Sequence[Column], what: str) -> Frame:
    pandas = _pandas("reading CSV")
    try:
        text = content.decode("utf-8-sig")
        rows = _rows(text)
        heads = next(rows, [])
        named = _by_head(heads, columns)
        texts = {
            head for head, column in named.items() if not isinstance(column.type, str) or column.type in _AS_WRITTEN
        }
        frame = pandas.read_csv(
            io.StringIO(text), dtype=dict.fromkeys(texts, "object"), keep_default_na=False,
            na_values={head: [""] if head in texts else _MISSING for head in heads}, skipinitialspace=True,
        )  # fmt: skip
        for number, row in enumerate(rows):  # pandas fills a short row up, and takes an index from a long one
            if len(row) != len(heads):
                raise Refused(f"{what}, row {number}: {len(row)} of {len(heads)} values", _EVEN)
    except (UnicodeDecodeError, ValueError, csv.Error) as error:
        raise Damaged(f"{what} is no CSV: {str(error).strip()}") from None
    if frame.empty:
        raise Refused(f"{what} has no rows", "write the values below the names of the columns, a line for each row")
    return _typed(pandas, frame, named, written=True)


def _rows(text: str) -> Iterator[list[str]]:
    """The rows of a CSV, heads first, without the lines that pandas skips, too."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # by default 128 KiB, less than an image in base64
    for row in csv.reader(io.StringIO(text, newline=None), skipinitialspace=True):
        if len(row) > 1 or "".join(row).strip():
            yield row


def _by_head(heads: Sequence[object], columns: Sequence[Column]) -> dict[object, Column]:
    """Head of the file's table -> the signature's column; by position where its columns have no names."""
    if columns and columns[0].name is None:
        return dict(zip(heads, columns, strict=False))
    known = {str(column.name): column for column in columns}
    return {head: known[str(head)] for head in heads if str(head) in known}


def _typed(pandas: Frame, frame: Frame, named: Mapping[object, Column], *, written: bool) -> Frame:
    """The frame with its columns as the signature has them, as far as nothing is lost; enforcing refuses the rest."""
    for head, column in named.items():
        if head not in frame.columns:
            continue
        values = frame[head]
        if isinstance(column.type, str):
            frame[head] = _scalars(pandas, values, column, written)
        elif written:
            frame[head] = _each(values, column, _from_json_text, "JSON")
    # Labels of the signature may be numbers, those of a file are texts.
    return frame.rename(columns={head: c.name for head, c in named.items() if isinstance(c.name, int)})


def _scalars(pandas: Frame, values: Frame, column: Column, written: bool) -> Frame:
    kind = str(column.type)
    dtype = values.dtype
    if kind in _FRACTIONS and dtype.kind in "iuf":
        return values.astype(_FRACTIONS[kind])
    if kind in _WHOLE and dtype.kind in "iu" and len(values):
        least, greatest, name = _WHOLE[kind]
        fits = (values >= least) & (values <= greatest)
        if not fits.all():
            row = int((~fits).to_numpy().argmax())
            raise _wrong(column, row, int(values.iloc[row]), kind)
        return values.astype(name)
    if kind == "string" and written and column.required:
        return values.where(values.notna(), "")
    if kind == "datetime":
        return _times(pandas, values, column)
    if kind == "binary":
        return _each(values, column, _from_base64, "base64")
    if written and dtype.kind not in "iufb" and (kind in _WHOLE or kind in _FRACTIONS or kind == "boolean"):
        wrong = [row for row, text in enumerate(values) if not _is(kind, text)]
        if wrong:
            raise _wrong(column, wrong[0], values.iloc[wrong[0]], kind)
    return values


def _is(kind: str, value: object) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
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


def _each(values: Frame, column: Column, read: Any, form: str) -> list[object]:
    items: list[object] = []
    for row, value in enumerate(values):
        try:
            items.append(read(value) if isinstance(value, str) else None)
        except ValueError:
            raise _wrong(column, row, value, form) from None
    return items


def _from_json_text(text: str) -> object:
    return json.loads(text)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error


def _wrong(column: Column, row: int, value: object, kind: str) -> Refused:
    shown = repr(value) if len(repr(value)) < 60 else repr(value)[:57] + "..."
    name = f"column {column.name}" if column.name is not None else "the data"
    return Refused(f"{name}, row {row}: {shown} is no {kind}", "correct that row")


def _from_json(value: object, inputs: Schema | None, what: str) -> Data:
    params: dict[str, object] | None = None
    if isinstance(value, dict):
        value = dict(value)
        given = value.pop("params", None)
        if given is not None and not isinstance(given, dict):
            raise Refused(f"{what}: params is no object", 'write "params": {"NAME": VALUE}')
        params = given
        if len(value) == 1 and (form := next(iter(value))) in (
            "dataframe_split",
            "dataframe_records",
            "instances",
            "inputs",
        ):
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
    if _columns(inputs) and isinstance(value, list):
        return _frame(value, inputs)
    return value


def _frame(rows: Any, inputs: Schema | None, columns: object = None, index: object = None) -> object:
    """A frame of the rows; without pandas plain lists, which serve where the signature declares no columns."""
    declared = _columns(inputs)
    try:
        pandas = _pandas("a table in JSON")
    except Unsupported:
        if declared:
            raise
        return rows
    if columns is None and declared and declared[0].name is not None and rows and isinstance(rows, list):
        first = rows[0]
        columns = None if isinstance(first, dict) else [column.name for column in declared]
        if columns is not None and not isinstance(first, list):
            rows = [[row] for row in rows]
    try:
        frame = pandas.DataFrame(rows, columns=columns, index=index)
    except (ValueError, TypeError) as error:
        raise Refused(f"the data is no table: {error}", _EVEN) from None
    return _typed(pandas, frame, _by_head(list(frame.columns), declared), written=False)


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
