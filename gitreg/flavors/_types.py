"""The type of a value, as MLflow's inference names it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import cast

from gitreg.flavors._frames import Data, is_array, is_missing
from gitreg.flavors._merge import Mixed, merge
from gitreg.format.schema import AnyType, Array, Object, Property, Type

_PYTHON = {
    bool: "boolean",
    int: "long",
    float: "double",
    str: "string",
    object: "string",
    bytes: "binary",
    bytearray: "binary",
    date: "datetime",
    datetime: "datetime",
}
_NUMPY = {
    "bool": "boolean",
    "bool_": "boolean",
    "int64": "long",
    "int32": "integer",
    "float64": "double",
    "float32": "float",
    "str_": "string",
    "bytes_": "binary",
    "datetime64": "datetime",
}
_POLARS = {
    "Boolean": "boolean",
    "Int8": "integer",
    "Int16": "integer",
    "Int32": "integer",
    "UInt8": "integer",
    "UInt16": "integer",
    "Int64": "long",
    "UInt32": "long",
    "Float32": "float",
    "Float64": "double",
    "String": "string",
    "Categorical": "string",
    "Enum": "string",
    "Binary": "binary",
    "Date": "datetime",
    "Datetime": "datetime",
}


class Unknown(Exception):
    """A value whose type no signature can state."""


def numpy_type(dtype: Data) -> str:
    """The scalar type of a column or list of numpy's (or pandas' masked) `dtype`. Raises `Unknown`."""
    kind, size = dtype.kind, dtype.itemsize
    signed = kind == "i"
    if kind == "b":
        return "boolean"
    if kind in "iu" and (size < 4 or (signed and size == 4)):
        return "integer"
    if kind in "iu" and (size < 8 or (signed and size == 8)):
        return "long"
    if kind == "f" and size <= 8:
        return "float" if size <= 4 else "double"
    simple = {"U": "string", "S": "binary", "M": "datetime"}.get(kind)
    if simple is None:
        raise Unknown(f"values of {dtype}")
    return simple


def infer_type(data: object) -> Type | None:
    """The type of one value; None for an array without items. Raises `Unknown`."""
    if is_missing(data) or (isinstance(data, list | dict) and not data):
        return AnyType()
    if isinstance(data, dict):
        return _object_type(data)
    if isinstance(data, list) or is_array(data):
        return _array_type(cast(Iterable[object], data))
    return _scalar_type(data)


def _scalar_type(data: object) -> str:
    kind = type(data)
    if found := _PYTHON.get(kind):
        return found
    if kind.__module__ == "numpy" and (found := _NUMPY.get(kind.__name__)):
        return found
    raise Unknown(f"a value of type {kind.__qualname__}")


def _object_type(data: Mapping[object, object]) -> Object:
    properties = []
    for name, value in data.items():
        if not isinstance(name, str):
            raise Unknown(f"a property is called {name!r}, which is no text")
        kind = known(infer_type(value))
        properties.append(Property(name, kind, not isinstance(kind, AnyType)))
    return Object(tuple(sorted(properties, key=lambda p: p.name)))


def _array_type(items: Iterable[object]) -> Array | None:
    found: Type | None = None
    for item in items:
        kind = infer_type(item)
        if kind is None:
            continue
        if found is None:
            found = kind
        elif isinstance(found, str):
            if not isinstance(kind, AnyType) and kind != found:
                raise Unknown("a list holds values of several types")
        else:
            try:
                found = merge(found, kind)
            except Mixed as error:
                raise Unknown("a list holds values of several types") from error
    return None if found is None else Array(found)


def known(kind: Type | None) -> Type:
    """`kind`, or `Unknown` where there is none."""
    if kind is None:
        raise Unknown("an array without items")
    return kind


def items_of(kind: Type | None) -> Type:
    """The type of the items of a list, or `Unknown`."""
    if not isinstance(kind, Array):
        raise Unknown("an array without items")
    return kind.items


def polars_type(dtype: Data) -> Type:
    """The type of a polars column. Raises `Unknown`."""
    base = dtype.base_type().__name__
    if simple := _POLARS.get(base):
        return simple
    if base in ("List", "Array"):
        return Array(polars_type(dtype.inner))
    if base == "Struct" and dtype.fields:
        fields = [Property(field.name, polars_type(field.dtype)) for field in dtype.fields]
        return Object(tuple(sorted(fields, key=lambda p: p.name)))
    if base == "Null":
        return AnyType()
    raise Unknown(f"values of {dtype}")
