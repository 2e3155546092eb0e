"""The types of a signature as JSON Schema: what a value of each is in a request."""

from __future__ import annotations

from typing import Any

from gitreg.format.schema import Array, Column, Map, Object, Tensor, Type

Json = dict[str, Any]

_WHOLE = ("integer", "long")

_SCALARS: dict[str, Json] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "minimum": -(1 << 31), "maximum": (1 << 31) - 1},
    "long": {"type": "integer", "minimum": -(1 << 63), "maximum": (1 << 63) - 1},
    "float": {"type": "number", "format": "float"},
    "double": {"type": "number", "format": "double"},
    "string": {"type": "string"},
    "binary": {"type": "string", "format": "byte", "contentEncoding": "base64"},
    # Not `date-time`, which has a zone: the models take none.
    "datetime": {"type": "string", "description": "ISO 8601 without a zone", "examples": ["2026-11-22T13:37:00"]},
}


def type_schema(kind: Type) -> Json:
    """A value of the type."""
    if isinstance(kind, str):
        return dict(_SCALARS.get(kind, {}))
    if isinstance(kind, Array):
        return {"type": "array", "items": type_schema(kind.items)}
    if isinstance(kind, Map):
        return {"type": "object", "additionalProperties": type_schema(kind.values)}
    if isinstance(kind, Object):
        members = {member.name: type_schema(member.type) for member in kind.properties}
        required = [member.name for member in kind.properties if member.required]
        return {"type": "object", "properties": members, "required": required, "additionalProperties": False}
    return {}


def column_schema(column: Column) -> Json:
    """A value of the column.

    Null is one that is missing: whole numbers have none, lists and objects where the column is not required.
    """
    schema = type_schema(column.type)
    missing = column.type not in _WHOLE if isinstance(column.type, str) else not column.required
    return {"anyOf": [schema, {"type": "null"}]} if missing and schema else schema


def tensor_schema(tensor: Tensor) -> Json:
    """Lists in lists, as deep as the tensor has dimensions."""
    schema: Json = _element(tensor.dtype)
    for size in reversed(tensor.shape):
        schema = {"type": "array", "items": schema}
        if size >= 0:
            schema |= {"minItems": size, "maxItems": size}
    return schema


def _element(dtype: str) -> Json:
    if dtype.startswith("bool"):
        return {"type": "boolean"}
    if dtype.startswith(("int", "uint")):
        bits = int(dtype.lstrip("uint") or 64)
        least = 0 if dtype.startswith("u") else -(1 << (bits - 1))
        return {"type": "integer", "minimum": least, "maximum": (1 << bits if least == 0 else 1 << (bits - 1)) - 1}
    return {"type": "number"} if dtype.startswith("float") else {}
