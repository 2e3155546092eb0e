"""Input examples, as the files MLflow writes beside a model.

`input_example.json` holds the data, `serving_input_example.json` the body of a request to a scoring server.
Formats: MLflow's documentation of model input examples.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import cast

from gitreg.errors import Refused
from gitreg.flavors._frames import (
    Data,
    imported,
    is_array,
    is_frame,
    is_numpy_scalar,
    is_polars_frame,
    is_scalar,
    is_sparse,
)
from gitreg.flavors.saving.infer_params import infer_params

EXAMPLE = "input_example.json"
SERVING_EXAMPLE = "serving_input_example.json"

# Records with one of these keys are whole requests to a language model.
_REQUEST_KEYS = ("messages", "prompt", "input")


@dataclass(frozen=True)
class Example:
    """An example as it is stored.

    `data` and `params` are what predict is called with (`params` None where there are none); `text` and
    `serving_text` are the two files; `info` is MLmodel's `saved_input_example_info`.
    """

    data: object
    params: Mapping[str, object] | None
    text: str
    serving_text: str
    info: Mapping[str, str]


def format_example(example: object) -> Example:
    """The files for `example`: the data, or a pair of the data and a dict of params.

    Raises `Refused` for data that such a file cannot hold.
    """
    data, params = _split(example)
    if params is not None:
        infer_params(params)
    try:
        value, serving, info = _convert(data)
        if params is not None:
            value = {"inputs": value, "params": params}
            serving |= params if _is_request(data) else {"params": params}
        text = json.dumps(value, default=_jsonable)
        serving_text = json.dumps(serving, default=_jsonable, indent=2)
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(f"the input_example cannot be stored: {error}") from error
    head = {"artifact_path": EXAMPLE, **({"params": "true"} if params else {})}
    return Example(data, params, text, serving_text, {**head, **info, "serving_input_path": SERVING_EXAMPLE})


def _split(example: object) -> tuple[object, dict[str, object] | None]:
    if isinstance(example, tuple) and len(example) == 2 and isinstance(example[1], dict):
        return example[0], example[1]
    return example, None


def _is_request(data: object) -> bool:
    return isinstance(data, dict) and any(key in data for key in _REQUEST_KEYS)


def _convert(data: object) -> tuple[object, dict[str, object], dict[str, str]]:
    """The value for the file, the body of a request, and what the info says of its kind."""
    if isinstance(data, dict):
        return _convert_dict(data)
    if is_array(data):
        rows = _listed(cast(Data, data))
        return rows, {"inputs": rows}, {"type": "ndarray"}
    if isinstance(data, list):
        if _holds_array(data):
            raise Refused("an input_example cannot be a list of arrays", "pass one array with a dimension more")
        return data, {"inputs": data}, {"type": "json_object"}
    if is_sparse(data):
        return _convert_sparse(cast(Data, data))
    if is_frame(data):
        frame = cast(Data, data)
        split = frame.where(frame.notnull(), None).to_dict(orient="split")
        del split["index"]
        if list(frame.columns) == list(range(len(frame.columns))):
            del split["columns"]
        return _frame(split)
    if is_polars_frame(data):
        table = cast(Data, data)
        return _frame({"columns": list(table.columns), "data": [list(row) for row in table.iter_rows()]})
    if is_scalar(data) or isinstance(data, datetime):
        return data, {"inputs": data}, {"type": "json_object"}
    raise Refused(
        f"an input_example cannot be a {type(data).__qualname__}",
        "pass a frame, an array, a dict, a list, a number, text, or a pair of one of these and a dict of params",
    )


def _frame(split: dict[str, object]) -> tuple[object, dict[str, object], dict[str, str]]:
    orient = "split" if "columns" in split else "values"
    return split, {"dataframe_split": split}, {"type": "dataframe", "pandas_orient": orient}


def _convert_dict(data: dict[object, object]) -> tuple[object, dict[str, object], dict[str, str]]:
    arrays = [is_array(value) for value in data.values()]
    if any(arrays):
        if not all(arrays):
            raise Refused("an input_example cannot be a dict of arrays and other values")
        rows: object = {name: _listed(cast(Data, value)) for name, value in data.items()}
        return rows, {"inputs": rows}, {"type": "ndarray"}
    request: dict[str, object] = dict(cast(dict[str, object], data)) if _is_request(data) else {"inputs": data}
    return data, request, {"type": "json_object"}


def _convert_sparse(matrix: Data) -> tuple[object, dict[str, object], dict[str, str]]:
    value = {
        "data": _listed(matrix.data),
        "indices": matrix.indices.tolist(),
        "indptr": matrix.indptr.tolist(),
        "shape": list(matrix.shape),
    }
    return value, {"inputs": matrix.toarray()}, {"type": f"sparse_matrix_{matrix.format}"}


def _listed(array: Data) -> object:
    numpy = cast(Data, imported("numpy"))
    if numpy.issubdtype(array.dtype, numpy.number):
        array = numpy.where(numpy.isnan(array), None, array)
    return array.tolist()


def _holds_array(value: object) -> bool:
    if isinstance(value, list):
        return any(_holds_array(item) for item in value)
    if isinstance(value, dict):
        return any(_holds_array(item) for item in value.values())
    return is_array(value)


def _jsonable(value: object) -> object:
    """What JSON has instead of a value of numpy, a time or bytes."""
    if is_array(value):
        array = cast(Data, value)
        return [_jsonable_item(item) for item in array.tolist()] if array.dtype == object else array.tolist()
    if is_numpy_scalar(value):
        plain = cast(Data, value).item()
        if type(plain) is type(value):
            raise TypeError(f"{type(value).__qualname__} has no like in JSON")
        return plain
    if isinstance(value, bytes | bytearray):
        return base64.encodebytes(value).decode("ascii")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise TypeError(f"{type(value).__qualname__} has no like in JSON")


def _jsonable_item(value: object) -> object:
    plain = value is None or isinstance(value, str | int | float | bool | list | dict)
    return copy.copy(value) if plain else _jsonable(value)
