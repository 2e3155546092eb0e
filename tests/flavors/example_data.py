"""Data for signatures and examples; also read by mlflow_examples.py, in an environment without gitreg.

`CASES` maps a name to a function that gives (inputs, outputs, params); `EXAMPLES` to one input_example.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.sparse import csc_matrix, csr_matrix

WHEN = dt.datetime(2026, 11, 22, 13, 30)

INPUTS: dict[str, Callable[[], object]] = {
    "numbers": lambda: pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]}),
    "every numpy column": lambda: pd.DataFrame(
        {
            t: np.array([0, 1], dtype=t)
            for t in (
                "bool",
                "int8",
                "int16",
                "int32",
                "int64",
                "uint8",
                "uint16",
                "uint32",
                "float16",
                "float32",
                "float64",
            )
        }
    ),
    "uint64": lambda: pd.DataFrame({"a": np.array([1], "uint64")}),
    "longdouble": lambda: pd.DataFrame({"a": np.array([1], "longdouble")}),
    "complex": lambda: pd.DataFrame({"a": [1j]}),
    "missing numbers": lambda: pd.DataFrame({"a": [1.0, np.nan], "b": np.array([1, np.nan], "float32")}),
    "masked integers": lambda: pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": pd.array([1, 2], "Int32")}),
    "masked booleans": lambda: pd.DataFrame({"a": pd.array([True, None], "boolean")}),
    "strings": lambda: pd.DataFrame({"a": ["x", "y"], "b": ["x", None]}),
    "object strings": lambda: pd.DataFrame(
        {"a": pd.Series(["x", "y"], dtype=object), "b": pd.Series(["x", None], dtype=object)}
    ),
    "string dtype": lambda: pd.DataFrame({"a": pd.array(["x", pd.NA], "string")}),
    "bytes": lambda: pd.DataFrame({"a": [b"x", b"y"]}),
    "bytearray": lambda: pd.DataFrame({"a": [bytearray(b"x")]}),
    "times": lambda: pd.DataFrame({"a": pd.to_datetime([WHEN, None]), "b": [WHEN.date(), WHEN.date()]}),
    "times with zone": lambda: pd.DataFrame({"a": pd.to_datetime([WHEN]).tz_localize("UTC")}),
    "object of timestamps": lambda: pd.DataFrame({"a": pd.Series([pd.Timestamp(WHEN), "x"], dtype=object)}),
    "timedelta": lambda: pd.DataFrame({"a": pd.to_timedelta([1])}),
    "categories": lambda: pd.DataFrame({"a": pd.Categorical(["x", "y"]), "b": pd.Categorical([1, 2])}),
    "mixed objects": lambda: pd.DataFrame({"a": [1, "x"]}),
    "all missing": lambda: pd.DataFrame({"a": [None, None], "b": [np.nan, np.nan]}),
    "booleans with missing": lambda: pd.DataFrame({"a": [True, None]}),
    "object integers": lambda: pd.DataFrame({"a": pd.Series([1, 2], dtype=object)}),
    "no rows": lambda: pd.DataFrame({"a": pd.Series([], dtype="float64"), "b": pd.Series([], dtype=object)}),
    "no columns": lambda: pd.DataFrame(),
    "numbered columns": lambda: pd.DataFrame([[1.0, 2.0]]),
    "numbers as names": lambda: pd.DataFrame([[1.0, 2.0]], columns=[5, 7]),
    "lists in a column": lambda: pd.DataFrame({"a": [[1, 2], [3]], "b": [["x"], None]}),
    "arrays in a column": lambda: pd.DataFrame({"a": [np.array([1.0]), np.array([2.0, 3.0])]}),
    "nested lists": lambda: pd.DataFrame({"a": [[[1], []], [[2]]]}),
    "empty lists in a column": lambda: pd.DataFrame({"a": [[], []]}),
    "empty arrays in a column": lambda: pd.DataFrame({"a": [np.array([])]}),
    "objects in a column": lambda: pd.DataFrame({"a": [{"k": 1, "z": "x"}, {"k": 2}]}),
    "objects with missing": lambda: pd.DataFrame({"a": [{"k": None}, {"k": 2}, None]}),
    "objects that disagree": lambda: pd.DataFrame({"a": [{"k": "x"}, {"k": 2}]}),
    "deep objects": lambda: pd.DataFrame({"a": [{"k": {"m": [1, 2], "n": None}}, {"k": {"m": [], "o": True}}]}),
    "lists of objects": lambda: pd.DataFrame({"a": [[{"k": 1.5}], [{"k": 2.5, "l": b"x"}]]}),
    "duplicate columns": lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "series": lambda: pd.Series([1, 2], name="a"),
    "series without name": lambda: pd.Series([1.0, 2.0]),
    "series without name with missing": lambda: pd.Series([1.0, np.nan]),
    "series of strings": lambda: pd.Series(["x", None], name="a"),
    "matrix": lambda: np.zeros((3, 4)),
    "matrix of float32": lambda: np.zeros((3, 4, 2), "float32"),
    "vector": lambda: np.zeros(3, "int64"),
    "array without dimensions": lambda: np.array(1.0),
    "array of strings": lambda: np.array(["x", "yy"]),
    "array of bytes": lambda: np.array([b"x"]),
    "array of objects": lambda: np.array(["x", 1], dtype=object),
    "array of booleans": lambda: np.array([[True]]),
    "array of times": lambda: np.array(["2026-11-22"], "datetime64[ns]"),
    "big endian": lambda: np.zeros((2, 2), ">f8"),
    "no items": lambda: np.zeros((0, 3)),
    "named tensors": lambda: {"x": np.zeros((2, 3)), "y": np.zeros(2, "int32")},
    "arrays and values": lambda: {"x": np.zeros(2), "y": [1, 2]},
    "csr": lambda: csr_matrix(np.eye(3)),
    "csc": lambda: csc_matrix(np.eye(3, dtype="float32")),
    "record": lambda: {"a": 1, "b": "x", "c": [1.5, 2.5]},
    "record of lists": lambda: {"a": ["x", "y"], "b": [True, False]},
    "record with missing": lambda: {"a": None, "b": [None, 1], "c": float("nan")},
    "record of a record": lambda: {"a": {"k": 1, "l": {"m": "x"}}},
    "record of numpy scalars": lambda: {
        "a": np.int32(1),
        "b": np.float32(1),
        "c": np.str_("x"),
        "d": np.bool_(True),
        "e": np.int64(1),
    },
    "record of small numpy scalars": lambda: {"a": np.int8(1)},
    "record with number as key": lambda: {1: "x"},
    "empty record": lambda: {},
    "chat": lambda: {"messages": [{"role": "user", "content": "hello"}]},
    "records": lambda: [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
    "records with missing": lambda: [{"a": 1, "b": None}, {"a": 2}],
    "records that disagree": lambda: [{"a": 1}, {"a": "x"}],
    "records of lists": lambda: [{"a": [1, 2]}, {"a": []}],
    "empty list": lambda: [],
    "list of strings": lambda: ["x", "y"],
    "list of numbers": lambda: [1, 2],
    "list of mixed numbers": lambda: [1, 2.5],
    "list with missing": lambda: [1, None],
    "list of missing": lambda: [None],
    "list of lists": lambda: [[1, 2], [3, 4]],
    "list of arrays": lambda: [np.array([1, 2])],
    "list of times": lambda: [WHEN, WHEN],
    "string": lambda: "x",
    "number": lambda: 1,
    "fraction": lambda: 1.5,
    "boolean": lambda: True,
    "bytes value": lambda: b"x",
    "time": lambda: WHEN,
    "day": lambda: WHEN.date(),
    "numpy number": lambda: np.float32(1),
    "numpy time": lambda: np.datetime64(WHEN),
    "tuple": lambda: (1, 2),
    "set": lambda: {1, 2},
    "nothing known": lambda: object,
}

PARAMS: dict[str, Callable[[], dict[str, object]]] = {
    "scalars": lambda: {"a": 1, "b": 1.5, "c": "x", "d": True},
    "numpy scalars": lambda: {
        "a": np.int32(1),
        "b": np.float32(0.1),
        "c": np.int64(2),
        "d": np.float64(0.5),
        "e": np.bool_(True),
    },
    "lists": lambda: {"a": [1, 2], "b": [1, 2.5], "c": ["x"], "d": [True, False], "e": []},
    "arrays": lambda: {"a": np.array([1, 2]), "b": np.array([0.5], "float32")},
    "times": lambda: {"a": WHEN, "b": WHEN.date(), "c": [WHEN, WHEN]},
    "records": lambda: {"a": {"k": 1, "l": ["x"]}},
    "not a number": lambda: {"a": float("nan"), "b": float("inf")},
    "none": lambda: {"a": None},
    "bytes": lambda: {"a": b"x"},
    "mixed list": lambda: {"a": [1, "x"]},
    "booleans and numbers": lambda: {"a": [True, 1]},
    "list of lists": lambda: {"a": [[1]]},
    "large number": lambda: {"a": 2**63},
    "empty record": lambda: {"a": {}},
    "tuple": lambda: {"a": (1, 2)},
}

EXAMPLES: dict[str, Callable[[], object]] = {
    **INPUTS,
    "with params": lambda: (pd.DataFrame({"a": [1, 2]}), {"p": 1, "q": "x"}),
    "array with params": lambda: (np.array([[1.5, np.nan]]), {"p": 0.5}),
    "chat with params": lambda: ({"messages": [{"role": "user", "content": "x"}]}, {"p": 1}),
    "list of records with params": lambda: ([{"a": 1}], {"p": True}),
    "tuple of two frames": lambda: (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]})),
    "array with missing": lambda: np.array([[1.0, np.nan], [np.inf, 2.0]]),
    "named arrays with missing": lambda: {"x": np.array([1.0, np.nan])},
    "frame of bytes": lambda: pd.DataFrame({"a": [b"\x00\xff" * 40]}),
    "frame with infinity": lambda: pd.DataFrame({"a": [np.inf, 1.0]}),
    "csr with missing": lambda: csr_matrix(np.array([[0.0, np.nan], [1.0, 0.0]])),
    "unicode": lambda: pd.DataFrame({"größe": ["é", "☃"]}),
}

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
COLUMNS: dict[str, Callable[[], pd.Series]] = {
    **{
        kind: lambda kind=kind: pd.Series(np.array([0, 1, 2], dtype=kind))  # type: ignore[misc]
        for kind in (*INTEGERS, "float16", "float32", "float64")
    },
    "bool": lambda: pd.Series([True, False]),
    "zeros and ones": lambda: pd.Series([0, 1, 1]),
    "whole with missing": lambda: pd.Series([1.0, np.nan]),
    "str": lambda: pd.Series(["1.5", "x"]),
    "object str": lambda: pd.Series(["1.5", "x"], dtype=object),
    "object numbers": lambda: pd.Series([1, 2.5], dtype=object),
    "object integers": lambda: pd.Series([1, 2], dtype=object),
    "object integers with none": lambda: pd.Series([1, None], dtype=object),
    "object booleans with none": lambda: pd.Series([True, None], dtype=object),
    "object mixed": lambda: pd.Series([1, "x"], dtype=object),
    "object number as text": lambda: pd.Series([1, "2.5"], dtype=object),
    "decimals": lambda: pd.Series([decimal.Decimal("1.5")]),
    "bytes": lambda: pd.Series([b"x", b"yy"]),
    "times": lambda: pd.Series(pd.to_datetime([WHEN])),
    "times in seconds": lambda: pd.Series(np.array([WHEN], "datetime64[s]")),
    "times with zone": lambda: pd.Series(pd.to_datetime([WHEN]).tz_localize("UTC")),
    "days": lambda: pd.Series([WHEN.date()]),
    "Int64": lambda: pd.Series([1, 2], dtype="Int64"),
    "Int64 with missing": lambda: pd.Series([1, None], dtype="Int64"),
    "Float64": lambda: pd.Series([1.5, 2], dtype="Float64"),
    "boolean": lambda: pd.Series([True, None], dtype="boolean"),
    "string": lambda: pd.Series(["x", None], dtype="string"),
    "timedelta": lambda: pd.Series(pd.to_timedelta([1])),
    "no rows": lambda: pd.Series([], dtype=object),
}
TYPES = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")


def columns(**types: object) -> list[dict[str, object]]:
    """A schema of named columns; `?` at the end of a type makes it optional."""
    rows: list[dict[str, object]] = []
    for name, kind in types.items():
        if isinstance(kind, str):
            rows.append({"name": name, "type": kind.rstrip("?"), "required": not kind.endswith("?")})
        else:
            rows.append({"required": True, **kind, "name": name})  # type: ignore[dict-item]
    return rows


def tensors(*specs: tuple[str | None, str, list[int]]) -> list[dict[str, object]]:
    """A schema of tensors."""
    return [
        {**({"name": name} if name else {}), "type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}}
        for name, dtype, shape in specs
    ]


LONGS = {"type": "array", "items": {"type": "long"}}
DOUBLES = {"type": "array", "items": {"type": "double"}}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "required": True}, "age": {"type": "long", "required": False}},
}
MAP = {"type": "map", "values": {"type": "double"}}
ANY = {"type": "any"}
UNNAMED = [{"type": "double", "required": True}, {"type": "long", "required": True}]

ENFORCED: dict[str, tuple[list[dict[str, object]], Callable[[], object]]] = {
    **{
        f"{data} as {kind}": (columns(a=kind), lambda make=make: pd.DataFrame({"a": make()}))  # type: ignore[misc]
        for data, make in COLUMNS.items()
        for kind in TYPES
    },
    "reordered and extra": (columns(a="long", b="string"), lambda: pd.DataFrame({"c": [1], "b": ["x"], "a": [1]})),
    "missing column": (columns(a="long", b="long"), lambda: pd.DataFrame({"a": [1]})),
    "missing optional column": (columns(a="long", b="long?"), lambda: pd.DataFrame({"a": [1]})),
    "optional column of another type": (columns(a="long", b="long?"), lambda: pd.DataFrame({"a": [1], "b": ["x"]})),
    "other case": (columns(a="long"), lambda: pd.DataFrame({"A": [1]})),
    "index is kept": (columns(a="long"), lambda: pd.DataFrame({"a": [1, 2]}, index=[7, 9])),
    "no rows of two columns": (
        columns(a="double", b="double"),
        lambda: pd.DataFrame({"a": [], "b": []}, dtype="float64"),
    ),
    "record": (columns(a="long", b="string"), lambda: {"a": 1, "b": "x"}),
    "record of lists": (columns(a="long", b="string"), lambda: {"a": [1, 2], "b": ["x", "y"]}),
    "record of texts": (columns(a="string", b="string"), lambda: {"a": "x", "b": ["y", "z"]}),
    "record of arrays": (columns(a="long"), lambda: {"a": np.array([1, 2])}),
    "record of text arrays": (columns(a="string"), lambda: {"a": np.array("x")}),
    "record of uneven lists": (columns(a="long", b="long"), lambda: {"a": [1, 2], "b": [1]}),
    "records": (columns(a="long", b="string"), lambda: [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
    "records that lack one": (columns(a="long", b="string?"), lambda: [{"a": 1}, {"a": 2, "b": "y"}]),
    "list for names": (columns(a="long"), lambda: [1, 2]),
    "series for a name": (columns(a="long"), lambda: pd.Series([1, 2], name="a")),
    "text for no name": ([{"type": "string", "required": True}], lambda: "x"),
    "list for no name": ([{"type": "string", "required": True}], lambda: ["x", "y"]),
    "number for no name": ([{"type": "double", "required": True}], lambda: 1.5),
    "matrix for no names": (UNNAMED[:1] * 2, lambda: np.zeros((2, 2))),
    "frame for no names": (UNNAMED, lambda: pd.DataFrame({"x": [1.5], "y": [1], "z": ["z"]})),
    "frame too narrow": (UNNAMED, lambda: pd.DataFrame({"x": [1.5]})),
    "tuple": (columns(a="long"), lambda: (1, 2)),
    "numbered columns": ([{"name": 0, "type": "double", "required": True}], lambda: pd.DataFrame([[1.5]])),
    "longs": (columns(a=LONGS), lambda: pd.DataFrame({"a": [[1, 2], []]})),
    "longs of doubles": (columns(a=LONGS), lambda: pd.DataFrame({"a": [[1, 2], [1.5]]})),
    "doubles of ones": (columns(a=DOUBLES), lambda: pd.DataFrame({"a": [[1, 0], [1.5]]})),
    "doubles of longs": (columns(a=DOUBLES), lambda: pd.DataFrame({"a": [[1, 2], [1.5]]})),
    "arrays of doubles": (columns(a=DOUBLES), lambda: pd.DataFrame({"a": [np.array([1.5]), np.array([2.5, 3])]})),
    "no list": (columns(a=LONGS), lambda: pd.DataFrame({"a": [[1], 2]})),
    "none for a list": (columns(a=LONGS), lambda: pd.DataFrame({"a": [[1], None]})),
    "none for an optional list": (columns(a={**LONGS, "required": False}), lambda: pd.DataFrame({"a": [[1], None]})),
    "lists of lists": (columns(a={"type": "array", "items": LONGS}), lambda: pd.DataFrame({"a": [[[1], [2, 3]]]})),
    "objects": (columns(a=PERSON), lambda: pd.DataFrame({"a": [{"name": "x", "age": 1}, {"name": "y"}]})),
    "objects with none": (columns(a=PERSON), lambda: pd.DataFrame({"a": [{"name": "x", "age": None}]})),
    "objects that lack one": (columns(a=PERSON), lambda: pd.DataFrame({"a": [{"age": 1}]})),
    "objects with more": (columns(a=PERSON), lambda: pd.DataFrame({"a": [{"name": "x", "more": 1}]})),
    "objects of another type": (columns(a=PERSON), lambda: pd.DataFrame({"a": [{"name": "x", "age": "y"}]})),
    "no object": (columns(a=PERSON), lambda: pd.DataFrame({"a": [{"name": "x"}, "y"]})),
    "one object": (columns(a=PERSON), lambda: {"a": {"name": "x"}}),
    "lists of objects": (columns(a={"type": "array", "items": PERSON}), lambda: pd.DataFrame({"a": [[{"name": "x"}]]})),
    "maps": (columns(a=MAP), lambda: pd.DataFrame({"a": [{"x": 1.5}, {"y": 0}]})),
    "maps of text": (columns(a=MAP), lambda: pd.DataFrame({"a": [{"x": "y"}]})),
    "maps by number": (columns(a=MAP), lambda: pd.DataFrame({"a": [{1: 1.5}]})),
    "no map": (columns(a=MAP), lambda: pd.DataFrame({"a": [1.5]})),
    "anything": (columns(a=ANY), lambda: pd.DataFrame({"a": [1, "x", None]})),
    "matrix": (tensors((None, "float64", [-1, 2])), lambda: np.zeros((3, 2))),
    "matrix of another dtype": (tensors((None, "float64", [-1, 2])), lambda: np.zeros((3, 2), "float32")),
    "matrix of another width": (tensors((None, "float64", [-1, 2])), lambda: np.zeros((3, 3))),
    "matrix of another rank": (tensors((None, "float64", [-1, 2])), lambda: np.zeros(2)),
    "matrix of any width": (tensors((None, "float64", [-1, -1])), lambda: np.zeros((3, 3))),
    "big endian": (tensors((None, "float64", [-1, 2])), lambda: np.zeros((3, 2), ">f8")),
    "texts": (tensors((None, "str", [-1])), lambda: np.array(["x", "yy"])),
    "uneven rows": (tensors((None, "float64", [-1, -1])), lambda: np.array([[1], [1, 2]], dtype=object)),
    "objects of any length": (tensors((None, "object", [-1])), lambda: np.zeros((2, 2))),
    "sparse": (tensors((None, "float64", [-1, 3])), lambda: csr_matrix(np.eye(3))),
    "sparse of another dtype": (tensors((None, "float32", [-1, 3])), lambda: csc_matrix(np.eye(3))),
    "list for a matrix": (tensors((None, "float64", [-1, 2])), lambda: [[1.0, 2.0]]),
    "frame for a matrix": (tensors((None, "float64", [-1, 2])), lambda: pd.DataFrame({"a": [1.0], "b": [2.0]})),
    "frame of integers for a matrix": (tensors((None, "float64", [-1, 2])), lambda: pd.DataFrame({"a": [1], "b": [2]})),
    "frame too wide": (tensors((None, "float64", [-1, 2])), lambda: pd.DataFrame([[1.0, 2.0, 3.0]])),
    "frame of no rows": (tensors((None, "float64", [-1, 2])), lambda: pd.DataFrame({"a": [], "b": []})),
    "frame of lists": (tensors((None, "float32", [-1, 2])), lambda: pd.DataFrame({"a": [[1, 2], [3, 4]]})),
    "frame of uneven lists": (tensors((None, "float32", [-1, 2])), lambda: pd.DataFrame({"a": [[1, 2], [3]]})),
    "frame of arrays": (tensors((None, "float64", [-1, 2])), lambda: pd.DataFrame({"a": [np.zeros(2), np.ones(2)]})),
    "frame of arrays of another dtype": (
        tensors((None, "float32", [-1, 2])),
        lambda: pd.DataFrame({"a": [np.zeros(2)]}),
    ),
    "frame of images": (tensors((None, "float64", [-1, 2, 2])), lambda: pd.DataFrame({"a": [[1, 2, 3, 4]]})),
    "series for a vector": (tensors((None, "float64", [-1])), lambda: pd.Series([1, 2])),
    "series for a column": (tensors((None, "float64", [-1, 1])), lambda: pd.Series([1, 2])),
    "scalars for a matrix": (tensors((None, "float64", [-1, 2])), lambda: pd.Series([1, 2])),
    "named": (
        tensors(("x", "float64", [-1, 2]), ("y", "int64", [-1])),
        lambda: {"y": np.array([1]), "x": np.zeros((1, 2))},
    ),
    "named that lack one": (tensors(("x", "float64", [-1]), ("y", "int64", [-1])), lambda: {"x": np.zeros(1)}),
    "named of lists": (tensors(("x", "float64", [-1])), lambda: {"x": [1.0]}),
    "named with more": (tensors(("x", "float64", [-1])), lambda: {"x": np.zeros(1), "z": np.zeros(1)}),
    "array for one name": (tensors(("x", "float64", [-1])), lambda: np.zeros(1)),
    "array for two names": (tensors(("x", "float64", [-1]), ("y", "float64", [-1])), lambda: np.zeros(1)),
    "frame for names": (
        tensors(("x", "float64", [-1]), ("y", "int64", [-1, 2])),
        lambda: pd.DataFrame({"x": [1.5], "y": [[1, 2]]}),
    ),
}


def described(data: object) -> object:
    """What was made of data, in words that two environments can compare."""
    if isinstance(data, pd.DataFrame):
        rows = [repr(data[name].tolist()) for name in data.columns]
        return {
            "columns": list(data.columns),
            "dtypes": [str(t) for t in data.dtypes],
            "rows": rows,
            "index": list(data.index),
        }
    if isinstance(data, np.ndarray):
        return {"dtype": str(data.dtype), "shape": list(data.shape), "values": repr(data.tolist())}
    if isinstance(data, dict):
        return {name: described(value) for name, value in data.items()}
    if isinstance(data, csr_matrix | csc_matrix):
        return {type(data).__name__: described(data.toarray())}
    return repr(data)
