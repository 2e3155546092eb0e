"""Data and params as a signature declares them, or an error that names what is wrong.

The rules are MLflow's: columns are put in order and extra ones dropped, numbers are widened where nothing is lost
(integer to long and double, float to double), and everything else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import cast

from gitreg.errors import Refused, shown, warn
from gitreg.flavors._frames import Data, is_array, is_numpy_scalar, is_polars_frame, is_polars_series
from gitreg.flavors.enforcing.columns import enforce_columns
from gitreg.flavors.enforcing.nested import Wrong, enforce_object
from gitreg.flavors.enforcing.polars import enforce_polars
from gitreg.flavors.enforcing.tensors import enforce_tensors
from gitreg.format.schema import Column, Object, Param, Schema, Signature, Tensor

_ACCEPTED: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "string": (str,),
}
_MOST = {"integer": 1 << 31, "long": 1 << 63}


def enforce(
    data: object, signature: Signature | None, params: Mapping[str, object] | None
) -> tuple[object, dict[str, object] | None]:
    """`data` and `params` as a model of `signature` may be given them.

    Raises `Refused`, naming the column and the first row (counted from 0), tensor or param that does not fit.
    """
    if signature is None:
        return data, enforce_params(params, None)
    if signature.inputs is not None:
        data = enforce_inputs(data, signature.inputs)
    return data, enforce_params(params, signature.params)


def enforce_inputs(data: object, inputs: Schema) -> object:
    """`data` as `inputs` declares it. Raises `Refused`."""
    tensors = tuple(entry for entry in inputs if isinstance(entry, Tensor))
    if tensors:
        return enforce_tensors(data, tensors)
    columns = tuple(entry for entry in inputs if isinstance(entry, Column))
    if is_polars_series(data):
        data = cast(Data, data).to_frame()
    if is_polars_frame(data):
        return enforce_polars(cast(Data, data), columns)
    return enforce_columns(data, columns)


def enforce_params(params: Mapping[str, object] | None, declared: tuple[Param, ...] | None) -> dict[str, object] | None:
    """`params` with the defaults of those that are not given; unknown ones are left out with a warning."""
    if params is not None and not isinstance(params, Mapping):
        raise Refused(f"params is a {type(params).__qualname__}, not a dict")
    given = {str(name): value for name, value in (params or {}).items()}
    if declared is None:
        if given:
            warn(f"the model's signature declares no params; ignored: {', '.join(given)}")
        return None if params is None else {}
    names = {param.name for param in declared}
    if unknown := [name for name in given if name not in names]:
        warn(f"params that the model does not have are ignored: {', '.join(unknown)}")
    return {param.name: _param(given.get(param.name, param.default), param) for param in declared}


def _param(value: object, param: Param) -> object:
    if isinstance(param.type, Object):
        try:
            enforce_object(value, param.type, required=True)
        except Wrong as wrong:
            raise Refused(f"the param {param.name}{wrong.where} {wrong.why}") from None
        return value
    kind = str(param.type)
    if param.shape is None:
        return _scalar(value, kind, param.name)
    if is_array(value):
        value = cast(Data, value).tolist()
    if not isinstance(value, list) or any(isinstance(item, list) for item in value):
        raise Refused(f"the param {param.name} is {shown(value)}, not a list of {kind}")
    return [_scalar(item, kind, f"{param.name}[{index}]") for index, item in enumerate(value)]


def _scalar(value: object, kind: str, name: str) -> object:
    if is_numpy_scalar(value):
        value = cast(Data, value).item()
    if value is None:
        return None
    if kind == "datetime":
        return _time(value, name)
    if not isinstance(value, _ACCEPTED[kind]) or (isinstance(value, bool) and kind != "boolean"):
        raise Refused(f"the param {name} is {shown(value)}, which is no {kind}")
    most = _MOST.get(kind)
    if most and isinstance(value, int) and not -most <= value < most:
        raise Refused(f"the param {name} is {shown(value)}, which is more than {kind} holds")
    return float(value) if kind in ("float", "double") and isinstance(value, int) else value


def _time(value: object, name: str) -> datetime | date:
    if isinstance(value, datetime | date):
        return value
    try:
        return date.fromisoformat(str(value)) if len(str(value)) == 10 else datetime.fromisoformat(str(value))
    except ValueError:
        message = f"the param {name} is {shown(value)}, which is no datetime"
        raise Refused(message, "write it as 2026-11-22T13:30:00") from None
