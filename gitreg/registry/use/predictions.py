"""Predictions as CSV and JSON."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

Kind = Literal["csv", "json"]


def format_predictions(predictions: object, kind: Kind, names: Sequence[str] = ()) -> str:
    """Predictions as text: CSV with a row of heads, or `{"predictions": ...}` as MLflow's servers answer.

    `names` are those that the signature gives the outputs. NaN is an empty field, and null in JSON.
    """
    plain = _plain(predictions)
    if kind == "json":
        return json.dumps({"predictions": plain}, ensure_ascii=False, allow_nan=False) + "\n"
    heads, rows = _rows(predictions, plain, names)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([_field(value) for value in row] for row in rows)
    return out.getvalue()


def _field(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _rows(predictions: object, plain: object, names: Sequence[str]) -> tuple[list[str], Iterable[Iterable[object]]]:
    if isinstance(plain, list) and plain and all(isinstance(row, dict) for row in plain):
        heads = list(dict.fromkeys(key for row in plain for key in row))
        return heads, ([row.get(key) for key in heads] for row in plain)
    if isinstance(plain, dict):
        lists = {key: value if isinstance(value, list) else [value] for key, value in plain.items()}
        return list(lists), zip(*lists.values(), strict=False)
    rows: list[Any] = plain if isinstance(plain, list) else [plain]
    width = max((len(row) for row in rows if isinstance(row, list)), default=0)
    if width and all(isinstance(row, list) and len(row) == width for row in rows):
        return list(names) if len(names) == width else [str(place) for place in range(width)], rows
    name = getattr(predictions, "name", None)
    head = names[0] if len(names) == 1 else name if isinstance(name, str) else "prediction"
    return [head], ([row] for row in rows)


def _plain(value: object) -> Any:
    """Frames, arrays and their items as what JSON holds."""
    found: Any = value
    if hasattr(found, "to_dicts"):  # polars
        return _plain(found.to_dicts())
    if hasattr(found, "to_dict") and hasattr(found, "columns"):  # pandas
        return _plain(found.to_dict(orient="records"))
    if hasattr(found, "toarray"):  # a sparse matrix
        found = found.toarray()
    if hasattr(found, "tolist"):
        found = found.tolist()
    elif hasattr(found, "to_list"):
        found = found.to_list()
    if isinstance(found, Mapping):
        return {str(key): _plain(item) for key, item in found.items()}
    if isinstance(found, list | tuple):
        return [_plain(item) for item in found]
    if isinstance(found, bool | int | str) or found is None:
        return found
    if isinstance(found, float):
        return found if math.isfinite(found) else None
    if isinstance(found, bytes | bytearray):
        return base64.b64encode(found).decode()
    if hasattr(found, "isoformat"):
        return None if found != found else found.isoformat()
    return str(found)
