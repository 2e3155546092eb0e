"""Predictions as MLflow's servers answer them: `{"predictions": ...}`."""

from __future__ import annotations

import base64
import json
from typing import Any


def format_answer(predictions: object, *, bare: bool = False) -> str:
    """Predictions as JSON: frames and series as a list of objects, arrays as lists.

    A `bare` one has no `predictions` around it. As MLflow's, the text has NaN and Infinity where JSON has no word for
    a number, and bytes in base64 with the line ends of MIME.
    """
    found = _outermost(predictions)
    return json.dumps(found if bare else {"predictions": found}, default=_plain)


def _outermost(value: Any) -> Any:
    if hasattr(value, "to_dicts"):  # polars
        return value.to_dicts()
    if hasattr(value, "to_frame") and hasattr(value, "index"):  # a series of pandas
        value = value.to_frame()
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [{_key(key): item for key, item in row.items()} for row in value.to_dict(orient="records")]
    return _keyed(value)


def _keyed(value: Any) -> Any:
    """Dicts, also those in lists, with keys that JSON takes."""
    if isinstance(value, dict):
        return {_key(key): _keyed(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and value and isinstance(value[0], dict | list | tuple):
        return [_keyed(item) for item in value]
    return value


def _key(key: object) -> Any:
    return key if isinstance(key, str | int | float | bool) or key is None else str(key)


def _plain(value: Any) -> Any:
    """What json cannot write itself, as something that it can."""
    if isinstance(value, bytes | bytearray):
        return base64.encodebytes(value).decode("ascii")
    if hasattr(value, "toarray"):  # a sparse matrix
        value = value.toarray()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "to_dicts") or (hasattr(value, "to_dict") and hasattr(value, "columns")):
        return _outermost(value)
    if hasattr(value, "tolist"):
        found = value.tolist()
        return found if found is not value else str(value)
    if hasattr(value, "to_list"):
        return value.to_list()
    if isinstance(value, set | frozenset):
        return list(value)
    return str(value)
