"""What predict refuses, and how it says which column and row is wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from flavors.example_data import ANY, DOUBLES, LONGS, MAP, PERSON, columns, tensors
from gitreg.errors import Refused
from gitreg.flavors.enforcing import enforce, enforce_inputs, enforce_params
from gitreg.flavors.saving.infer import infer_signature
from gitreg.flavors.saving.infer_params import infer_params
from gitreg.format.schema import Schema, Signature
from gitreg.format.signature import parse_signature


def schema(rows: object) -> Schema:
    inputs = parse_signature({"inputs": rows}).inputs
    assert inputs is not None
    return inputs


TWO = columns(plan="string", tenure="long")
REFUSED: dict[str, tuple[Any, Callable[[], Any], str, str]] = {
    "a column is missing": (
        TWO,
        lambda: pd.DataFrame({"plan": ["x"], "Tenure": [1]}),
        "the data lacks the column tenure",
        "it has: plan, Tenure",
    ),
    "columns are missing": (
        TWO,
        lambda: pd.DataFrame({"a": [1]}),
        "the data lacks the columns plan, tenure",
        "it has: a",
    ),
    "text for a number": (
        TWO,
        lambda: pd.DataFrame({"plan": ["x", "y"], "tenure": ["1", "2"]}),
        "column tenure, row 0: '1' is no long (the column is str)",
        "",
    ),
    "text among numbers": (
        TWO,
        lambda: pd.DataFrame({"plan": "x", "tenure": [1, 2, "three"]}),
        "column tenure, row 2: 'three' is no long (the column is object)",
        "",
    ),
    "fractions": (
        TWO,
        lambda: pd.DataFrame({"plan": "x", "tenure": [1.0, 2.0, 2.5, 3.5]}),
        "column tenure, row 2: 2.5 is no long (the column is float64)",
        "",
    ),
    "whole fractions": (
        TWO,
        lambda: pd.DataFrame({"plan": "x", "tenure": [1.0, 2.0]}),
        "column tenure, row 0: 1.0 is no long (the column is float64)",
        "",
    ),
    "missing among whole numbers": (
        TWO,
        lambda: pd.DataFrame({"plan": "x", "tenure": [1, None]}),
        "column tenure, row 1: nan is no long (the column is float64)",
        "whole numbers with missing values are fractions: infer the signature from data that has some",
    ),
    "rows are counted from 0 whatever the index": (
        TWO,
        lambda: pd.DataFrame({"plan": "x", "tenure": [1, "y"]}, index=[70, 80]),
        "column tenure, row 1: 'y' is no long (the column is object)",
        "",
    ),
    "long for double": (
        columns(a="double"),
        lambda: pd.DataFrame({"a": [1, 2]}),
        "column a, row 0: 1 is no double (the column is int64)",
        "",
    ),
    "wider numbers": (
        columns(a="float"),
        lambda: pd.DataFrame({"a": [1.5]}),
        "column a, row 0: 1.5 is no float (the column is float64)",
        "data.astype({'a': 'float32'}) where it may be rounded: nothing is narrowed by itself",
    ),
    "text for a time": (
        columns(a="datetime"),
        lambda: pd.DataFrame({"a": ["2026-11-22", "tomorrow"]}),
        "column a, row 0: '2026-11-22' is no datetime (the column is str)",
        "",
    ),
    "no rows of another type": (
        columns(a="long"),
        lambda: pd.DataFrame({"a": pd.Series([], dtype="float64")}),
        "column a is float64, the model takes long",
        "",
    ),
    "an item of a list": (
        columns(a=LONGS),
        lambda: pd.DataFrame({"a": [[1], [1, 2.5]]}),
        "column a, row 1: a[1] is 2.5, which is no long",
        "",
    ),
    "no list": (columns(a=DOUBLES), lambda: pd.DataFrame({"a": [1.5]}), "column a, row 0: a is 1.5, not a list", ""),
    "a property": (
        columns(a=PERSON),
        lambda: pd.DataFrame({"a": [{"name": "x"}, {"name": "y", "age": "old"}]}),
        "column a, row 1: a.age is 'old', which is no long",
        "",
    ),
    "a property too many": (
        columns(a=PERSON),
        lambda: pd.DataFrame({"a": [{"name": "x", "size": 1}]}),
        "column a, row 0: a has the property size, which the signature does not know",
        "",
    ),
    "a property too few": (
        columns(a=PERSON),
        lambda: pd.DataFrame({"a": [{"age": 1}]}),
        "column a, row 0: a lacks the property name",
        "",
    ),
    "a value of a map": (
        columns(a=MAP),
        lambda: pd.DataFrame({"a": [{"x": "y"}]}),
        "column a, row 0: a.x is 'y', which is no double",
        "",
    ),
    "two columns of a name": (
        columns(a="long"),
        lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]),
        "the data has two columns called a",
        "",
    ),
    "no table": (
        columns(a="long"),
        lambda: object,
        "a type is no table",
        "pass a frame, an array, a list or a dict",
    ),
    "an array of another type": (
        tensors((None, "float64", [-1, 2])),
        lambda: np.zeros((1, 2), "float32"),
        "the array holds float32, the model takes float64",
        "data.astype('float64')",
    ),
    "a named array of another shape": (
        tensors(("x", "float64", [-1, 2])),
        lambda: {"x": np.zeros((1, 3))},
        "x: the array has the shape (1, 3), the model takes (-1, 2)",
        "",
    ),
    "rows of a frame of lists": (
        tensors((None, "float64", [-1, 2])),
        lambda: pd.DataFrame({"a": [[1, 2], [3, 4], [5, 6]]}).iloc[:0],
        "the data has no rows",
        "",
    ),
    "polars lacks a column": (
        TWO,
        lambda: pl.DataFrame({"plan": ["x"]}),
        "the data lacks the column tenure",
        "it has: plan",
    ),
    "polars text for a number": (
        TWO,
        lambda: pl.DataFrame({"plan": ["x"], "tenure": ["1"]}),
        "column tenure, row 0: '1' is no long (the column is String)",
        "",
    ),
    "polars fractions": (
        TWO,
        lambda: pl.DataFrame({"plan": ["x", "y"], "tenure": [1.0, 1.5]}),
        "column tenure, row 1: 1.5 is no long (the column is Float64)",
        "",
    ),
    "polars list of another type": (
        columns(a=LONGS),
        lambda: pl.DataFrame({"a": [[1.5]]}),
        "column a is List(Float64), which is not what the signature declares",
        "",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_data_that_does_not_fit_is_refused_by_column_and_row(name: str) -> None:
    rows, make, message, hint = REFUSED[name]
    with pytest.raises(Refused) as caught:
        enforce_inputs(make(), schema(rows))
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_texts_in_iso_8601_are_times() -> None:
    data = pd.DataFrame({"at": ["2026-11-22", "2026-11-22T13:30:00", None]})
    found: Any = enforce_inputs(data, schema(columns(at="datetime")))
    assert found["at"].tolist() == [pd.Timestamp("2026-11-22"), pd.Timestamp("2026-11-22T13:30"), pd.NaT]


def test_categories_of_text_are_text() -> None:
    data = pd.DataFrame({"plan": pd.Categorical(["pro", "plus"])})
    found: Any = enforce_inputs(data, schema(columns(plan="string")))
    assert found["plan"].dtype == "category"
    with pytest.raises(Refused, match=r"column plan, row 0: 1 is no string \(the column is category\)"):
        enforce_inputs(pd.DataFrame({"plan": pd.Categorical([1, 2])}), schema(columns(plan="string")))


def test_the_data_itself_is_never_changed() -> None:
    data = pd.DataFrame({"a": [{"name": "x", "age": np.int32(1)}], "b": np.array([1], "int32")})
    enforce_inputs(data, schema(columns(b="long", a=PERSON)))
    assert list(data.columns) == ["a", "b"]
    assert data["b"].dtype == "int32"
    assert type(data["a"][0]["age"]) is np.int32


def test_polars_frames_stay_polars_and_are_widened() -> None:
    data = pl.DataFrame(
        {"z": [1], "b": [1.5], "a": [1], "c": ["x"], "d": [[1, 2]]},
        schema_overrides={"a": pl.Int16, "b": pl.Float32},
    )
    wanted = columns(a="long", b="double", c="string", d=LONGS, e=ANY | {"required": False})
    found = enforce_inputs(data, schema(wanted))
    assert isinstance(found, pl.DataFrame)
    assert found.schema == {"a": pl.Int64, "b": pl.Float64, "c": pl.String, "d": pl.List(pl.Int64)}


def test_polars_zeros_and_ones_are_fractions_and_nulls_pass() -> None:
    data = pl.DataFrame({"a": [0, 1, None], "b": [None, None, None]})
    found = enforce_inputs(data, schema(columns(a="double", b="long?")))
    assert isinstance(found, pl.DataFrame)
    assert found["a"].to_list() == [0.0, 1.0, None]


def test_polars_records_may_lack_what_is_optional() -> None:
    person = pl.DataFrame({"a": [{"name": "x"}]})
    assert enforce_inputs(person, schema(columns(a=PERSON))).equals(person)  # type: ignore[attr-defined]
    with pytest.raises(Refused):
        enforce_inputs(pl.DataFrame({"a": [{"age": 1}]}), schema(columns(a=PERSON)))


def test_a_polars_frame_for_an_array_becomes_one() -> None:
    found: Any = enforce_inputs(pl.DataFrame({"a": [1.0], "b": [2.0]}), schema(tensors((None, "float64", [-1, 2]))))
    assert found.tolist() == [[1.0, 2.0]]


def test_a_signature_inferred_from_polars_takes_the_frame_it_came_from() -> None:
    data = pl.DataFrame(
        {
            "i": pl.Series([1, None], dtype=pl.Int8),
            "u": pl.Series([1, 2], dtype=pl.UInt32),
            "f": pl.Series([0.5, float("nan")], dtype=pl.Float32),
            "t": [dt.datetime(2026, 11, 22), None],
            "day": [dt.date(2026, 11, 22), dt.date(2026, 11, 23)],
            "s": ["x", "y"],
            "c": pl.Series(["x", "y"], dtype=pl.Categorical),
            "b": [b"x", b"y"],
            "ok": [True, False],
            "l": [[1, 2], []],
            "o": [{"k": 1.5}, {"k": 2.5}],
            "none": [None, None],
        }
    )
    inputs = infer_signature(data).inputs
    kinds = {entry.name: (getattr(entry, "type", None), getattr(entry, "required", None)) for entry in inputs or ()}
    assert kinds["i"] == ("integer", False)
    assert kinds["u"] == ("long", True)
    assert kinds["f"] == ("float", False)
    assert kinds["t"] == ("datetime", False)
    assert kinds["day"] == ("datetime", True)
    assert [kinds[name][0] for name in ("s", "c", "b", "ok")] == ["string", "string", "binary", "boolean"]
    assert inputs is not None
    found = enforce_inputs(data, inputs)
    assert isinstance(found, pl.DataFrame)
    assert found.rows()[0][3:] == data.rows()[0][3:]


def test_what_polars_can_hold_and_a_signature_not_is_any() -> None:
    with pytest.warns(UserWarning, match="the type of the inputs is not known"):
        signature = infer_signature(pl.DataFrame({"a": pl.Series([1], dtype=pl.UInt64)}))
    assert len(signature.inputs or ()) == 1


DECLARED = infer_params(
    {"n": 3, "rate": 0.5, "name": "x", "flags": [True], "at": dt.datetime(2026, 11, 22), "day": dt.date(2026, 1, 2)}
)


def test_params_get_their_defaults() -> None:
    assert enforce_params({"n": np.int64(5), "rate": 2}, DECLARED) == {
        "n": 5,
        "rate": 2.0,
        "name": "x",
        "flags": [True],
        "at": dt.datetime(2026, 11, 22),
        "day": dt.date(2026, 1, 2),
    }


def test_unknown_params_are_left_out_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="params that the model does not have are ignored: other"):
        found = enforce_params({"other": 1}, DECLARED)
    assert found is not None
    assert "other" not in found
    with pytest.warns(UserWarning, match="the model's signature declares no params; ignored: other"):
        assert enforce({"a": 1}, Signature(None, schema(columns(a="long"))), {"other": 1}) == ({"a": 1}, {})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n": 1.5}, "the param n is 1.5, which is no long"),
        ({"n": True}, "the param n is True, which is no long"),
        ({"rate": "fast"}, "the param rate is 'fast', which is no double"),
        ({"name": 1}, "the param name is 1, which is no string"),
        ({"flags": True}, "the param flags is True, not a list of boolean"),
        ({"flags": [True, 1]}, "the param flags[1] is 1, which is no boolean"),
        ({"flags": [[True]]}, "the param flags is [[True]], not a list of boolean"),
        ({"at": "tomorrow"}, "the param at is 'tomorrow', which is no datetime"),
    ],
)
def test_params_of_another_type_are_refused_by_name(params: dict[str, object], message: str) -> None:
    with pytest.raises(Refused) as caught:
        enforce_params(params, DECLARED)
    assert caught.value.message == message


def test_a_record_as_param_is_checked_and_passed_as_it_is() -> None:
    declared = infer_params({"who": {"name": "x", "age": 1}})
    given = {"name": "y", "age": 2}
    assert enforce_params({"who": given}, declared) == {"who": given}
    with pytest.raises(Refused, match=r"the param who\.age is 'old', which is no long"):
        enforce_params({"who": {"name": "y", "age": "old"}}, declared)


def test_params_that_are_no_dict_are_refused() -> None:
    with pytest.raises(Refused, match="params is a list, not a dict"):
        enforce_params([1], DECLARED)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="params is a list, not a dict"):
        infer_params([1])  # type: ignore[arg-type]
