"""Lets mlflow.pyfunc load a model that takes a context. It needs nothing but MLflow and what the model itself needs.

Its text is copied into the code/ of such a model as gitreg_loader_2.py.
"""

from __future__ import annotations

import inspect
import os
import pickle
from collections.abc import Mapping
from typing import Any


class Context:
    """What a model's load_context is given: `artifacts` has the path of each file or folder that came with it."""

    def __init__(self, artifacts: Mapping[str, str]) -> None:
        self.artifacts = dict(artifacts)
        self.model_config: dict[str, Any] = {}


def takes_context(native: Any) -> bool:
    """Whether the first argument of the model's predict is called context."""
    try:
        names = list(inspect.signature(native.predict).parameters)
    except (AttributeError, TypeError, ValueError):
        return False
    return names[:1] == ["context"]


def load_context(native: Any, context: Context) -> None:
    """Let the model read its artifacts, if it wants to."""
    if callable(getattr(native, "load_context", None)):
        native.load_context(context)


def predict(native: Any, context: Context, data: Any, params: Any = None) -> Any:
    """What `native` predicts by its method predict, which takes the context and the params if it names them."""
    given = (context, data) if takes_context(native) else (data,)
    takes = list(inspect.signature(native.predict).parameters.values())[len(given) :]
    if any(p.name == "params" and p.kind is not inspect.Parameter.VAR_KEYWORD for p in takes):
        return native.predict(*given, params=params)
    return native.predict(*given)


class Model:
    """The object that mlflow.pyfunc calls; `native` is the one that was saved."""

    def __init__(self, native: Any, context: Context) -> None:
        self.native = native
        self.context = context

    def predict(self, data: Any, params: Any = None) -> Any:
        return predict(self.native, self.context, data, params)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["native"], name)


def _load_pyfunc(folder: str) -> Model:
    if os.environ.get("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true").lower() in ("false", "0"):
        raise RuntimeError("MLFLOW_ALLOW_PICKLE_DESERIALIZATION forbids to load a pickle")
    import yaml  # MLflow's own, too

    with open(os.path.join(folder, "MLmodel"), "rb") as file:
        entry = yaml.safe_load(file)["flavors"]["python_function"]
    found = entry.get("artifacts") or {}
    context = Context({name: os.path.join(folder, *one["path"].split("/")) for name, one in found.items()})
    with open(os.path.join(folder, *entry["python_model"].split("/")), "rb") as file:
        native = pickle.load(file)
    load_context(native, context)
    return Model(native, context)
