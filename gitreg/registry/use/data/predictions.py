"""Predictions as tables: heads and rows for CSV, columns for parquet, plain values for JSON."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["csv", "json", "parquet"]


@dataclass(frozen=True)
class Predictions:
    """What a model gave, with `plain` as JSON holds it; `names` are those that its signature gives the outputs."""

    given: object
    plain: Any
    names: Sequence[str] = ()

    @property
    def rows(self) -> int | None:
        """How many rows they are, None where they are no table."""
        if isinstance(self.plain, list):
            return len(self.plain)
        if isinstance(self.plain, dict) and self.plain and all(isinstance(v, list) for v in self.plain.values()):
            lengths = {len(values) for values in self.plain.values()}
            return lengths.pop() if len(lengths) == 1 else None
        return None

    def table(self) -> tuple[list[str], Iterable[Iterable[object]]]:
        """Heads and rows."""
        plain, names = self.plain, self.names
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
        name = getattr(self.given, "name", None)
        head = names[0] if len(names) == 1 else name if isinstance(name, str) else "prediction"
        return [head], ([row] for row in rows)


def predictions_of(given: object, names: Sequence[str] = ()) -> Predictions:
    """What a model gave, made plain."""
    return Predictions(given, _plain(given), names)


def format_predictions(given: object, kind: Literal["csv", "json"], names: Sequence[str] = ()) -> str:
    """Predictions as text: CSV with a row of heads, or `{"predictions": ...}` as MLflow's servers answer.

    `names` are those that the signature gives the outputs. NaN is an empty field, and null in JSON.
    """
    found = predictions_of(given, names)
    if kind == "json":
        return format_json({"predictions": found.plain}) + "\n"
    heads, rows = found.table()
    return format_rows([heads]) + format_rows(rows)


def format_json(plain: object) -> str:
    """Plain values as JSON."""
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)


def format_rows(rows: Iterable[Iterable[object]]) -> str:
    """Rows of plain values as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([_field(value) for value in row] for row in rows)
    return out.getvalue()


def _field(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


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
