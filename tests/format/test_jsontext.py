"""JSON as gitreg writes it, and as others may hand it over."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitreg.errors import Damaged
from gitreg.format.jsontext import (
    format_file,
    format_line,
    format_metrics,
    number_from_json,
    number_to_json,
    parse_metrics,
    parse_object,
    parse_strings,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
HOSTILE = [
    *("", "x", "[]", "1", "null", '"a"', "{", '{"a": 1, "a": 2}', '{"a": {"b": 1, "b": 1}}', '{"a": NaN}', "{'a': 1}"),
    *(
        '{"a": Infinity}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"a": ' + "1" * 5000 + "}",
        "\x00",
        "\ufeff{}",
        "{}{}",
        "{} x",
    ),
]


@given(st.dictionaries(texts, st.floats()))
@example({"a": math.nan, "b": math.inf, "c": -math.inf, "d": -0.0, "e": 5e-324})
def test_metrics_are_read_back_whatever_they_are(metrics: dict[str, float]) -> None:
    text = format_metrics(metrics)
    assert text.isascii() and "\n" not in text
    found = parse_metrics(text, "it")
    assert list(found) == sorted(metrics)
    assert all(found[key] == value or (math.isnan(found[key]) and math.isnan(value)) for key, value in metrics.items())
    assert format_metrics(found) == text
    json.loads(text, parse_constant=pytest.fail)


@given(st.dictionaries(texts, texts))
def test_texts_are_read_back(values: dict[str, str]) -> None:
    assert parse_strings(format_line(values), "it") == values
    assert parse_strings(format_file(values), "it") == values


@pytest.mark.parametrize("value", ["nan", "inf", "1", "", None, True, [], {}, 10**400])
def test_what_is_no_number_is_damaged(value: object) -> None:
    with pytest.raises(Damaged, match="accuracy is"):
        number_from_json(value, "accuracy")


@pytest.mark.parametrize("value", [0.5, 1e308, -0.0])
def test_a_number_stands_for_itself(value: float) -> None:
    assert number_from_json(number_to_json(value)) == value


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_json_is_damaged_and_named(text: str) -> None:
    for parse in (parse_object, parse_metrics, parse_strings):
        with pytest.raises(Damaged, match=r"^it "):
            parse(text, "it")


def test_a_value_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(Damaged, match="it: a is 1, not text"):
        parse_strings('{"a": 1}', "it")
    with pytest.raises(Damaged, match="it: a is 'x', not a number"):
        parse_metrics('{"a": "x"}', "it")


@given(st.text(max_size=40) | st.text('{}[]":,1e-+ntf\\u', max_size=40))
def test_any_text_is_an_object_or_damaged(text: str) -> None:
    for parse in (parse_object, parse_metrics, parse_strings):
        with contextlib.suppress(Damaged):
            assert isinstance(parse(text, "it"), dict)
