"""Signatures for property tests, and short ways to write one down."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from gitreg.format.compatibility import Promise
from gitreg.format.schema import (
    SCALARS,
    VECTOR,
    AnyType,
    Array,
    Column,
    Map,
    Object,
    Param,
    Property,
    Schema,
    Signature,
    Tensor,
    Type,
)
from gitreg.format.signature_spelling import parse_schema

FLAVORS = ("python_function", "sklearn")
DTYPES = ("bool", "int64", "uint8", "float16", "float32", "complex128", "str", "bytes", "object", "datetime64[ns]")

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


def columns(**spelled: str) -> Schema:
    """`columns(a="long", b="string?")`; tensors too."""
    return parse_schema(spelled, "columns")


def promise(inputs: Schema | None, outputs: Schema | None = None, *params: Param) -> Promise:
    """What a version with both flavors promises."""
    return Promise(Signature(inputs, outputs, params or None), FLAVORS)


def _objects(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    members = st.builds(Property, names, inner, st.booleans())
    return st.lists(members, min_size=1, max_size=3, unique_by=lambda member: member.name).map(
        lambda found: Object(tuple(sorted(found, key=lambda member: member.name)))
    )


def _wider(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    return st.one_of(st.builds(Array, inner), st.builds(Map, inner), _objects(inner))


types: st.SearchStrategy[Type] = st.recursive(
    st.one_of(st.sampled_from([*SCALARS, VECTOR]), st.builds(AnyType)), _wider, max_leaves=5
)

_labels = st.one_of(names, st.integers(-3, 12), st.sampled_from(["0", "1", "07", "[0]", '"a"', "a b", "Ü", "ß"]))
_named_columns = st.lists(
    st.builds(Column, _labels, types, st.booleans()), min_size=1, max_size=5, unique_by=lambda column: column.name
).map(tuple)
_unnamed_columns = st.lists(st.builds(Column, st.none(), types), min_size=1, max_size=3).map(tuple)
_shapes = st.lists(st.one_of(st.just(-1), st.integers(0, 5)), max_size=3).map(tuple)
_named_tensors = st.lists(
    st.builds(Tensor, names, st.sampled_from(DTYPES), _shapes),
    min_size=1,
    max_size=3,
    unique_by=lambda tensor: tensor.name,
).map(tuple)
_unnamed_tensors = st.builds(Tensor, st.none(), st.sampled_from(DTYPES), _shapes).map(lambda tensor: (tensor,))

schemas: st.SearchStrategy[Schema] = st.one_of(_named_columns, _unnamed_columns, _named_tensors, _unnamed_tensors)

# One nan, as the parser gives it: another would not be equal to itself.
_doubles = st.floats(allow_nan=False) | st.just(math.nan)
_values: dict[str, st.SearchStrategy[object]] = {
    "boolean": st.booleans(),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": _doubles,
    "double": _doubles,
    "string": names,
    "datetime": st.just("2024-01-02T03:04:05"),
}
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), _doubles, names),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def _params(draw: st.DrawFn) -> Param:
    name = draw(names)
    if draw(st.integers(0, 5)) == 0:
        return Param(name, draw(_objects(types)), draw(st.dictionaries(names, _json, max_size=2)))
    kind = draw(st.sampled_from(sorted(_values)))
    value = st.none() | _values[kind]
    if draw(st.booleans()):
        return Param(name, kind, draw(st.lists(value, max_size=3)), (-1,))
    return Param(name, kind, draw(value))


params = st.lists(_params(), min_size=1, max_size=3, unique_by=lambda param: param.name).map(tuple)

signatures: st.SearchStrategy[Signature] = st.builds(
    Signature, st.none() | schemas, st.none() | schemas, st.none() | params
).filter(lambda signature: signature.declared)

promises: st.SearchStrategy[Promise] = st.builds(
    Promise,
    st.none() | signatures,
    st.sampled_from([FLAVORS, ("python_function",), ("sklearn",), ("python_function", "xgboost"), ()]),
)
