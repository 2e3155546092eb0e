"""The parameters of `predict`, from a dict of their defaults."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import cast

from gitreg.errors import Refused, shown
from gitreg.flavors._frames import Data, is_array, is_numpy_scalar
from gitreg.flavors._types import Unknown, infer_type, numpy_type
from gitreg.format.schema import Object, Param, Type

_ORDER = ("integer", "long", "float", "double")


def infer_params(params: Mapping[str, object]) -> tuple[Param, ...]:
    """The params that the defaults `params` declare: scalars, lists of scalars, or dicts.

    A list of whole numbers and fractions is one of doubles. Raises `Refused`, naming the parameter.
    """
    if not isinstance(params, Mapping):
        raise Refused(f"params is a {type(params).__qualname__}, not a dict of names and defaults")
    return tuple(_param(str(name), value) for name, value in params.items())


def _param(name: str, value: object) -> Param:
    if isinstance(value, dict):
        return Param(name, _object(name, value), copy.deepcopy(value))
    if isinstance(value, list) or is_array(value):
        items = list(value) if isinstance(value, list) else cast(list[object], cast(Data, value).tolist())
        if any(isinstance(item, list) or is_array(item) for item in items):
            raise Refused(f"the param {name} is a list of lists, which a signature cannot state")
        dtype = getattr(value, "dtype", None)
        kind = _list_kind(name, items) if dtype is None else _dtype_kind(name, dtype)
        return Param(name, kind, [_plain(item, kind) for item in items], (-1,))
    kind = _kind(name, value)
    return Param(name, kind, _plain(value, kind))


def _kind(name: str, value: object) -> str:
    if isinstance(value, datetime | date):
        return "datetime"
    if is_numpy_scalar(value):
        try:
            kind = numpy_type(cast(Data, value).dtype)
        except Unknown as error:
            raise Refused(f"the param {name} is {error}, which a signature cannot state") from error
    else:
        kind = {bool: "boolean", int: "long", float: "double", str: "string"}.get(type(value), "")
    if not kind or kind == "binary" or (kind == "long" and not -(2**63) <= cast(int, value) < 2**63):
        raise Refused(f"the param {name} is {shown(value)}, which a signature cannot state")
    return kind


def _dtype_kind(name: str, dtype: Data) -> str:
    try:
        return numpy_type(dtype)
    except Unknown as error:
        raise Refused(f"the param {name} is {error}, which a signature cannot state") from error


def _list_kind(name: str, items: Sequence[object]) -> str:
    kinds = {_kind(name, item) for item in items}
    if not kinds:
        return "datetime"  # what MLflow says of a list without items
    if kinds <= set(_ORDER):
        widest = max(kinds, key=_ORDER.index)
        return "double" if widest == "float" and kinds & {"integer", "long"} else widest
    if len(kinds) == 1:
        return kinds.pop()
    raise Refused(f"the param {name} is a list of several types, which a signature cannot state")


def _object(name: str, value: dict[object, object]) -> Type:
    try:
        kind = infer_type(value)
    except Unknown as error:
        raise Refused(f"the param {name} holds {error}, which a signature cannot state") from error
    if not isinstance(kind, Object):
        raise Refused(f"the param {name} is an empty dict, which a signature cannot state")
    return kind


def _plain(value: object, kind: str) -> object:
    """`value` as JSON can hold it: numbers of numpy and times become Python's own and ISO 8601 text."""
    if is_numpy_scalar(value):
        value = cast(Data, value).item()
    if isinstance(value, datetime | date):
        return value.isoformat()
    if kind in ("float", "double") and isinstance(value, int | float):
        return math.nan if value != value else float(value)
    return int(value) if kind in ("integer", "long") and isinstance(value, int) else value
