"""Plain rows become the frame that typing and enforcing make of them, and what is not plain is left to these."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from gitreg.errors import GitregError
from gitreg.flavors.enforcing import enforce_inputs
from gitreg.format.schema import Column, Signature
from gitreg.registry.use.data.files import data_of
from gitreg.registry.use.data.plain_rows import plain_frame
from testing.signatures import columns

KINDS = ("boolean", "integer", "long", "float", "double", "string", "datetime")
ITEMS = st.one_of(
    st.booleans(),
    st.integers(-100, 100),
    st.sampled_from([2**31, -(2**31) - 1, 2**53 + 1, 2**63, -(2**63), 2**64, 2**70, 1e300, 3.4e38, -0.0, 12.0]),
    st.floats(),
    st.text(max_size=3),
    st.none(),
    st.just([1]),
)
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.one_of(st.floats(width=32, allow_infinity=False), st.integers(-1000, 1000)),
    "double": st.one_of(st.floats(), st.integers(-1000, 1000)),
    "string": st.text(max_size=5),
    "datetime": st.just("2026-11-22T13:37:00"),
}


def slowly(form: str, value: Any, inputs: tuple[Column, ...]) -> Any:
    try:
        return enforce_inputs(data_of({form: value}, Signature(inputs), "the data").data, inputs)
    except (GitregError, OverflowError, ValueError, TypeError, RecursionError):
        return None


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[Column, ...], list[dict[str, Any]]]:
    alike = draw(st.booleans())
    first = draw(st.sampled_from(KINDS))
    kinds = [first if alike else draw(st.sampled_from(KINDS)) for _ in range(draw(st.integers(1, 3)))]
    inputs = tuple(Column(f"c{place}", kind, draw(st.booleans())) for place, kind in enumerate(kinds))
    wild = draw(st.integers(0, 9)) == 0
    row = st.fixed_dictionaries({column.name: ITEMS if wild else FITTING[str(column.type)] for column in inputs})
    return inputs, draw(st.lists(row, min_size=1, max_size=4))


@given(tables(), st.randoms())
@settings(max_examples=300)
def test_it_is_the_frame_that_enforcing_makes(
    table: tuple[tuple[Column, ...], list[dict[str, Any]]], random: Any
) -> None:
    inputs, records = table
    heads = [*(column.name for column in inputs), "more"]
    random.shuffle(heads)
    split = {"columns": heads, "index": [7 + n for n in range(len(records))],
             "data": [[row.get(str(head), 0) for head in heads] for row in records]}  # fmt: skip
    for form, value in (("dataframe_records", records), ("instances", records), ("dataframe_split", split)):
        before = json.dumps(value)
        found = plain_frame(form, copy.deepcopy(value), inputs)
        assert json.dumps(value) == before
        if found is not None:
            wanted = slowly(form, value, inputs)
            assert wanted is not None
            assert_frame_equal(found, wanted, check_column_type=False)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "datetime"])
def test_what_fits_is_plain(kind: str) -> None:
    value = {"boolean": True, "string": "x"}.get(kind, 3)
    frame = plain_frame("dataframe_records", [{"a": value, "b": 0.5}], columns(a=kind, b="double"))
    assert frame is not None
    frame = plain_frame("dataframe_split", {"columns": ["a"], "data": [[value], [value]]}, columns(a=kind))
    assert list(frame["a"]) == [value, value]


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("dataframe_records", []),
        ("dataframe_records", {}),
        ("dataframe_records", [{"a": 1}, 5]),
        ("dataframe_records", [{"b": 1}]),
        ("dataframe_records", [{"a": None}]),
        ("dataframe_records", [{"a": True}]),
        ("dataframe_records", [{"a": [1]}]),
        ("dataframe_split", {"columns": ["a"], "data": [[1, 2]]}),
        ("dataframe_split", {"columns": ["a", "a"], "data": [[1, 2]]}),
        ("dataframe_split", {"columns": [["a"]], "data": [[1]]}),
        ("dataframe_split", {"columns": ["a"], "data": [[1]], "index": ["x"]}),
        ("dataframe_split", {"columns": ["a"], "data": [[1]], "index": [1, 2]}),
        ("dataframe_split", {"data": [[1]]}),
        ("dataframe_split", []),
        ("instances", [[1]]),
        ("inputs", {"a": [1]}),
    ],
)
def test_what_is_not_plain(form: str, value: Any) -> None:
    assert plain_frame(form, value, columns(a="double")) is None


def test_missing_numbers_stay_missing() -> None:
    found = plain_frame("dataframe_records", json.loads('[{"a": NaN}, {"a": 1}]'), columns(a="double"))
    assert math.isnan(found["a"][0])
    assert isinstance(found, pd.DataFrame)
