"""A signature from data: what MLflow's infer_signature would say, and for polars frames too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from gitreg.errors import Refused, warn
from gitreg.flavors._frames import (
    Data,
    imported,
    is_array,
    is_frame,
    is_missing,
    is_polars_frame,
    is_polars_series,
    is_series,
    is_sparse,
)
from gitreg.flavors._types import Unknown, infer_type, items_of, known, numpy_type, polars_type
from gitreg.flavors.saving.infer_params import infer_params
from gitreg.format.schema import AnyType, Column, Schema, Signature, Tensor, Type

_ANY: Schema = (Column(None, AnyType()),)


def infer_signature(inputs: object, outputs: object = None, params: Mapping[str, object] | None = None) -> Signature:
    """The signature of a model that takes `inputs` (and `params`) and gives `outputs`.

    Tables (pandas, polars, records) give columns; arrays, a dict of arrays and sparse matrices give tensors whose
    first dimension may vary. Data of which no type can be told becomes one column of any type, with a warning.
    Raises `Refused` for params that a signature cannot state, and for no data at all.
    """
    if inputs is None and outputs is None and not params:
        raise Refused("there is nothing to infer a signature from", "pass inputs, as the model is given them")
    return Signature(
        inputs=None if inputs is None else _schema_or_any(inputs, "inputs"),
        outputs=None if outputs is None else _schema_or_any(outputs, "outputs"),
        params=infer_params(params) if params else None,
    )


def _schema_or_any(data: object, part: str) -> Schema:
    try:
        return infer_schema(data)
    except Unknown as reason:
        warn(f"the type of the {part} is not known, any value will be accepted: {reason}")
        return _ANY


def infer_schema(data: object) -> Schema:
    """The columns or tensors that describe `data`. Raises `Unknown`."""
    if isinstance(data, list):
        return _checked(_list_schema(data))
    if isinstance(data, dict):
        return _checked(_dict_schema(data))
    if is_series(data):
        series = cast(Data, data)
        return _checked([Column(series.name, _series_type(series), not _any_missing(series))])
    if is_frame(data):
        frame = cast(Data, data)
        return _checked([_frame_column(frame, name) for name in frame.columns])
    if is_polars_frame(data):
        return _checked([_polars_column(series, series.name) for series in cast(Data, data).get_columns()])
    if is_polars_series(data):
        return _checked([_polars_column(cast(Data, data), cast(Data, data).name or None)])
    if is_array(data):
        return (_tensor(cast(Data, data), None),)
    if is_sparse(data):
        return (_tensor(cast(Data, data), None),)
    return _checked([Column(None, known(infer_type(data)))])


def _checked(columns: Iterable[Column | Tensor]) -> Schema:
    found = tuple(columns)
    if not found:
        raise Unknown("it has no columns")
    names = [entry.name for entry in found]
    if len(set(names)) < len(names) and names != [None]:
        raise Unknown("two of its columns have the same name")
    for name in names:
        number = type(name) is int and isinstance(found[0], Column)
        if name is not None and not isinstance(name, str) and not number:
            raise Unknown(f"a column is called {name!r}, which is neither text nor a whole number")
    if None in names and len(names) > 1:
        raise Unknown("some of its columns have no name")
    if names == [None] and isinstance(found[0], Column) and not found[0].required:
        raise Unknown("a column without a name has missing values")
    return cast(Schema, found)


def _list_schema(data: list[object]) -> list[Column]:
    if not data:
        return [Column(None, "string")]
    if not all(isinstance(item, dict) for item in data):
        return [Column(None, items_of(infer_type(data)))]
    records = cast(list[dict[str, object]], data)
    names = dict.fromkeys(name for record in records for name in record)
    columns = []
    for name in names:
        values = [record[name] for record in records if name in record]
        required = all(record.get(name) is not None for record in records)
        columns.append(Column(name, items_of(infer_type(values)), required))
    return columns


def _dict_schema(data: dict[object, object]) -> list[Column | Tensor]:
    if data and all(is_array(value) for value in data.values()):
        return [_tensor(value, cast(str, name)) for name, value in data.items()]
    if not all(isinstance(name, str) for name in data):
        raise Unknown("its keys are not all text")
    columns: list[Column | Tensor] = []
    for name, value in data.items():
        missing = _any_missing(value) if isinstance(value, list) else is_missing(value)
        columns.append(Column(cast(str, name), known(infer_type(value)), not missing))
    return columns


def _tensor(array: Data, name: str | None) -> Tensor:
    if not array.shape:
        raise Unknown("an array without dimensions")
    dtype = array.data.dtype if is_sparse(array) else array.dtype
    plain = {"U": "str", "S": "bytes"}.get(dtype.char, dtype.name)
    return Tensor(name, plain, (-1, *(int(size) for size in array.shape[1:])))


def _frame_column(frame: Data, name: object) -> Column:
    series = frame[name]
    if not is_series(series):
        raise Unknown(f"two of its columns are called {name!r}")
    return Column(cast(str, name), _series_type(series), not _any_missing(series))


def _any_missing(values: Iterable[object]) -> bool:
    dtype = getattr(values, "dtype", None)
    if dtype is not None and dtype.kind in "biufM":
        return bool(cast(Data, values).isna().any())
    return any(is_missing(value) for value in values)


def _series_type(series: Data) -> Type:
    if series.dtype.kind == "O":
        series = series.infer_objects()
    if series.dtype.kind != "O":
        return numpy_type(series.dtype)
    try:
        return items_of(infer_type(series.to_list()))
    except Unknown:
        pandas = cast(Data, imported("pandas"))
        if pandas.api.types.is_string_dtype(series):
            return "string"
        raise


def _polars_column(series: Data, name: str | None) -> Column:
    kind = polars_type(series.dtype)
    missing = series.null_count() > 0 or (kind in ("float", "double") and bool(series.is_nan().any()))
    return Column(name, kind, not missing)
