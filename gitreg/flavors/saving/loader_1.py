"""Lets mlflow.pyfunc load a model that gitreg saved. It needs nothing but what the model itself needs.

Its text is copied into the code/ of such a model as gitreg_loader_1.py.
"""

from __future__ import annotations

import inspect
import os
import pickle
from typing import Any


def predict(native: Any, data: Any, params: Any = None) -> Any:
    """What `native` predicts: by its method predict, or by calling it."""
    call = getattr(native, "predict", native)
    try:
        takes = list(inspect.signature(call).parameters.values())[1:]
    except (TypeError, ValueError):
        takes = []
    if any(p.name == "params" and p.kind is not inspect.Parameter.VAR_KEYWORD for p in takes):
        return call(data, params=params)
    return call(data)


class Model:
    """The object that mlflow.pyfunc calls; `native` is the one that was saved."""

    def __init__(self, native: Any) -> None:
        self.native = native

    def predict(self, data: Any, params: Any = None) -> Any:
        return predict(self.native, data, params)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["native"], name)


def _load_pyfunc(path: str) -> Model:
    if os.environ.get("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true").lower() in ("false", "0"):
        raise RuntimeError("MLFLOW_ALLOW_PICKLE_DESERIALIZATION forbids to load a pickle")
    if path.endswith(".joblib"):
        import joblib

        return Model(joblib.load(path))
    with open(path, "rb") as file:
        return Model(pickle.load(file))
