"""polars frames for models whose signature declares columns: they stay polars."""

from __future__ import annotations

from typing import cast

from gitreg.errors import Refused
from gitreg.flavors._frames import Data, imported
from gitreg.flavors._types import Unknown, polars_type
from gitreg.flavors.enforcing.columns import refuse_missing, wrong_column
from gitreg.format.schema import VECTOR, AnyType, Array, Column, Map, Object, Type

_POLARS = {"integer": "Int32", "long": "Int64", "float": "Float32", "double": "Float64"}
_WIDENED = {("integer", "long"), ("integer", "double"), ("float", "double"), ("string", "binary"), ("binary", "string")}


def enforce_polars(frame: Data, columns: tuple[Column, ...]) -> Data:
    """`frame` with the declared columns only, in their order. Raises `Refused`, naming column and row."""
    if columns[0].name is None:
        if frame.width < len(columns):
            raise Refused(f"the data has {frame.width} columns, the model takes {len(columns)}")
        pairs = list(zip(frame.get_columns(), columns, strict=False))
    else:
        refuse_missing([column.name for column in columns if column.required], list(frame.columns))
        pairs = [(frame.get_column(column.name), column) for column in columns if column.name in frame.columns]
    return frame.select([_enforce(series, column) for series, column in pairs])


def _enforce(series: Data, column: Column) -> Data:
    wanted = column.type
    if isinstance(wanted, AnyType | Map) or wanted == VECTOR:
        return series
    try:
        kind = polars_type(series.dtype)
    except Unknown:
        kind = str(series.dtype)
    if not isinstance(wanted, str):
        if not _alike(kind, wanted):
            raise Refused(f"column {series.name} is {series.dtype}, which is not what the signature declares")
        return series
    if isinstance(kind, AnyType) or _accepts(series, kind, wanted):
        return series.cast(getattr(cast(Data, imported("polars")), _POLARS[wanted])) if wanted in _POLARS else series
    raise wrong_column(series.name, series.to_list(), wanted, str(series.dtype))


def _accepts(series: Data, kind: Type, wanted: str) -> bool:
    if kind == wanted or (kind, wanted) in _WIDENED:
        return True
    return kind == "long" and wanted in ("float", "double") and bool(series.drop_nulls().is_in([0, 1]).all())


def _alike(kind: Type, wanted: Type) -> bool:
    """Whether values of `kind` are values of `wanted`, but for what polars cannot say: which property is required."""
    if isinstance(kind, AnyType) or isinstance(wanted, AnyType) or kind == wanted or (kind, wanted) in _WIDENED:
        return True
    if isinstance(kind, Array) and isinstance(wanted, Array):
        return _alike(kind.items, wanted.items)
    if isinstance(kind, Object) and isinstance(wanted, Object):
        has = {p.name: p.type for p in kind.properties}
        known = {p.name: p for p in wanted.properties}
        return all(name in known and _alike(has[name], known[name].type) for name in has) and all(
            p.name in has or not p.required for p in wanted.properties
        )
    return False
