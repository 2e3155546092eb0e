"""JSON as gitreg writes it: sorted keys, one form for every value, no NaN literals (docs/format.md 1.2)."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Mapping

from gitreg.errors import Damaged, Refused, shown

_NOT_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def number_to_json(value: float) -> float | str:
    """A number as it stands in JSON: itself, or "NaN", "Infinity", "-Infinity"."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def number_from_json(value: object, what: str = "metric") -> float:
    """The number that `number_to_json` gave as `value`; Damaged where it gave none."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise Damaged(f"{what} is a number of more than 300 digits") from None
    if isinstance(value, str) and value in _NOT_NUMBERS:
        return _NOT_NUMBERS[value]
    raise Damaged(f"{what} is {value!r}, not a number")


def as_number(value: object, what: str) -> float:
    """What a user measured, as a number; Refused, naming `what`, where it is none."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        return float(value)  # type: ignore[arg-type]  # numpy's and torch's scalars are numbers too
    except (TypeError, ValueError, OverflowError):
        raise Refused(f"{what} is {shown(value)}, not a number", "log text as a param or a tag") from None


def as_whole_number(value: object, what: str) -> int:
    """A whole number of Python's, numpy's or torch's; Refused, naming `what`, where it is none."""
    try:
        return operator.index(value)  # type: ignore[arg-type]  # what has no __index__ is the error
    except TypeError:
        raise Refused(f"bad {what} {shown(value)}", f"a {what} is a whole number") from None


def format_line(value: object) -> str:
    """`value` in one line of ASCII, keys sorted: for trailers and JSON lines."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False)


def format_file(value: object) -> str:
    """`value` as the text of a file: indented, keys sorted, a final newline."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def parse_object(text: str, what: str) -> dict[str, object]:
    """The JSON object in `text`; Damaged, naming `what`, where it is none or holds a key twice."""
    try:
        value = _STRICT.decode(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{what} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise Damaged(f"{what} is not a JSON object")
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number; it is written as a string")


# json.loads would make one for each text: longer than reading it.
_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


def parse_metrics(text: str, what: str) -> dict[str, float]:
    """A JSON object of numbers."""
    return {key: number_from_json(value, f"{what}: {key}") for key, value in parse_object(text, what).items()}


def parse_strings(text: str, what: str) -> dict[str, str]:
    """A JSON object of strings."""
    found = parse_object(text, what)
    for key, value in found.items():
        if not isinstance(value, str):
            raise Damaged(f"{what}: {key} is {value!r}, not text")
    return found  # type: ignore[return-value]  # every value was just seen to be text


def format_metrics(metrics: Mapping[str, float]) -> str:
    """Metrics in one line."""
    return format_line({key: number_to_json(value) for key, value in metrics.items()})
