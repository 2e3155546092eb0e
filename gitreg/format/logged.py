"""Params and metrics in the files that another program hands over with a model (docs/format.md 1.2).

Params are `{"depth": 8, "solver": "lbfgs"}`; metrics `{"auc": 0.93, "loss": [{"step": 1, "value": 0.7}, ...]}`, where a
point may also tell its `time`.
"""

from __future__ import annotations

import json

from gitreg.errors import Damaged, GitregError
from gitreg.format.jsontext import format_line, number_from_json, parse_object
from gitreg.format.runs import Point
from gitreg.format.times import format_time, parse_time

_POINT = '{"step": 1, "value": 0.5}'


def parse_params(text: str, what: str) -> dict[str, str]:
    """The params in `text`; numbers as they are written there. Damaged, naming `what`, where it holds none."""
    found = parse_object(text, what)
    # Read again: 0.10 is logged as 0.10.
    written = json.loads(text, parse_float=str, parse_int=str)
    return {
        key: value if isinstance(value, str) else _in_one_line(found[key], f"{what}: {key}")
        for key, value in written.items()
    }


def _in_one_line(value: object, what: str) -> str:
    try:
        return format_line(value)
    except (ValueError, RecursionError) as error:  # 1e400 in a list is read as an infinity
        raise Damaged(f"{what} cannot be written as JSON: {error}") from None


def parse_series_file(text: str, what: str, now: str) -> dict[str, tuple[Point, ...]]:
    """The metrics in `text`, a number alone being one point at step 0; `now` is the time of points that tell none.

    Damaged, naming `what` and the metric, otherwise.
    """
    found = parse_object(text, what)
    return {key: _points(value, f"{what}: {key}", now) for key, value in found.items()}


def _points(value: object, what: str, now: str) -> tuple[Point, ...]:
    if not isinstance(value, list):
        return (Point(0, number_from_json(value, what), now),)
    if not value:
        raise Damaged(f"{what} is an empty list", f"a number, or a list of {_POINT}")
    return tuple(_point(entry, f"{what}, point {place}", now) for place, entry in enumerate(value))


def _point(entry: object, what: str, now: str) -> Point:
    if not isinstance(entry, dict) or not set(entry) <= {"step", "value", "time"} or "value" not in entry:
        raise Damaged(f"{what} is no point", f"write it as {_POINT}")
    step = entry.get("step", 0)
    if not isinstance(step, int) or isinstance(step, bool):
        raise Damaged(f"{what}: step is {step!r}, not a whole number")
    try:
        time = format_time(parse_time(str(entry["time"]))) if "time" in entry else now
    except GitregError as error:
        raise Damaged(f"{what}: {error.message}", error.hint) from None
    return Point(step, number_from_json(entry["value"], what), time)
