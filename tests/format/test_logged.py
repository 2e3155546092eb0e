"""The files in which other programs hand over params and metrics."""

from __future__ import annotations

import math

import pytest

from gitreg.errors import Damaged
from gitreg.format.logged import parse_params, parse_series_file
from gitreg.format.runs import Point

NOW = "2026-11-22T13:37:00.000Z"


def test_params_are_kept_as_they_are_written() -> None:
    text = '{"depth": 8, "rate": 0.10, "big": 1e400, "solver": "lbfgs", "flag": true, "none": null, "list": [1, 2.50]}'
    assert parse_params(text, "p.json") == {
        "depth": "8", "rate": "0.10", "big": "1e400", "solver": "lbfgs", "flag": "true", "none": "null",
        "list": "[1, 2.5]",
    }  # fmt: skip


@pytest.mark.parametrize("value", ["[0.1, 1e400]", '{"low": -1e999}'])
def test_a_param_that_json_cannot_hold_is_named(value: str) -> None:
    with pytest.raises(Damaged, match=r"p\.json: rate cannot be written as JSON"):
        parse_params(f'{{"rate": {value}}}', "p.json")


def test_metrics_are_numbers_or_series() -> None:
    text = """{"auc": 0.93, "nan": "NaN", "low": "-Infinity", "loss": [
        {"step": 1, "value": 0.7, "time": "2026-11-22T14:37:00+01:00"}, {"value": 1}]}"""
    found = parse_series_file(text, "m.json", NOW)
    assert math.isnan(found.pop("nan")[0].value)
    assert found == {
        "auc": (Point(0, 0.93, NOW),),
        "low": (Point(0, -math.inf, NOW),),
        "loss": (Point(1, 0.7, NOW), Point(0, 1.0, NOW)),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "m.json is not a JSON object"),
        ("{", "m.json is not valid JSON"),
        ('{"a": 1, "a": 2}', "a key stands twice"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": "0.5"}', "m.json: a is '0.5', not a number"),
        ('{"a": true}', "m.json: a is True, not a number"),
        ('{"a": []}', "m.json: a is an empty list"),
        ('{"a": [1]}', "m.json: a, point 0 is no point"),
        ('{"a": [{"step": 1}]}', "m.json: a, point 0 is no point"),
        ('{"a": [{"value": 1, "stepp": 1}]}', "m.json: a, point 0 is no point"),
        ('{"a": [{"value": 1}, {"value": 1, "step": 1.5}]}', "m.json: a, point 1: step is 1.5, not a whole number"),
        ('{"a": [{"value": 1, "time": "monday"}]}', "m.json: a, point 0: bad time 'monday'"),
        ('{"a": [{"value": null}]}', "m.json: a, point 0 is None, not a number"),
    ],
)
def test_what_is_no_metrics_is_named(text: str, message: str) -> None:
    with pytest.raises(Damaged, match=message):
        parse_series_file(text, "m.json", NOW)
