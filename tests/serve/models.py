"""Models whose answers tell what they were given, and models that answer with everything there is.

Their code is pickled by value, as a script's: no other Python could import this module.
"""

from __future__ import annotations

from typing import Any

SCRIPT = '''
import datetime
import os
import time

import numpy as np
import pandas as pd


def told(value):
    """A value and its type, as text that every version of numpy writes alike."""
    if isinstance(value, pd.DataFrame):
        return {str(name): [str(value[name].dtype), [told(item) for item in value[name]]] for name in value}
    if isinstance(value, np.ndarray):
        return ["array", str(value.dtype), list(value.shape), [told(item) for item in value.ravel()]]
    if isinstance(value, dict):
        return {str(key): told(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [told(item) for item in value]
    return type(value).__name__ + " " + (value.isoformat() if hasattr(value, "isoformat") else repr(value))


def telling(data, params=None):
    """Answers with what it was given."""
    return {"data": told(data), "params": told(params)}


ANSWERS = {
    "floats": lambda: np.array([0.1, float("nan"), float("inf"), -float("inf")]),
    "table": lambda: np.arange(6, dtype="float32").reshape(2, 3),
    "flags": lambda: np.array([True, False]),
    "texts": lambda: np.array(["a", "ü"]),
    "objects": lambda: np.array([1, "a", None, np.float32(0.5), b"xyz"], dtype=object),
    "frame": lambda: pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", None]}),
    "times": lambda: pd.DataFrame({"at": pd.to_datetime(["2026-03-02T10:00:00", None])}),
    "labels": lambda: pd.DataFrame([[1, 2]]),
    "series": lambda: pd.Series([1.5, float("nan")]),
    "named": lambda: pd.Series([1, 2], name="score"),
    "list": lambda: [1, 2.5, None, "x", True, [np.int64(3)]],
    "dict": lambda: {"a": np.array([1, 2]), "b": [np.float64(0.5)], "c": datetime.date(2026, 3, 2)},
    "bytes": lambda: [b"\\x00" * 60],
    "text": lambda: "hello",
    "nothing": lambda: None,
    "scalar": lambda: np.float64(0.25),
}


def obeying(data, params=None):
    """Does what the first row orders."""
    order, value = data["order"].iloc[0], float(data["value"].iloc[0])
    if order == "wait":
        time.sleep(value)
    if order == "raise":
        raise ValueError("a secret of the model")
    if order == "pid":
        return [os.getpid()]
    return data["value"]


def answering(data, params=None):
    """Answers with one of ANSWERS."""
    return ANSWERS[str(np.asarray(data).ravel()[0])]()
'''


def script() -> dict[str, Any]:
    """What SCRIPT defines, as if it were the program."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(SCRIPT, names)
    return names
