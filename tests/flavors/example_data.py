"""Data for signatures and examples; also read by mlflow_examples.py, in an environment without gitreg.

`CASES` maps a name to a function that gives (inputs, outputs, params); `EXAMPLES` to one input_example.
"""

from __future__ import annotations

import datetime as dt
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
