"""How a native model of each framework is asked; also read in MLflow's environment, which has no gitreg."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def booster(model: Any, data: Any, **params: Any) -> Any:
    """An XGBoost Booster, which takes nothing but its own matrix."""
    import xgboost

    return model.predict(xgboost.DMatrix(data, enable_categorical=True), **params)


def graph(model: Any, data: Any) -> Any:
    """An ONNX graph, by a session that sees no file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    if not isinstance(data, dict):
        one = np.asarray(data, dtype="float32")
        data = {names[0]: one} if len(names) == 1 else {name: data[name].to_numpy() for name in names}
    return dict(zip([entry.name for entry in session.get_outputs()], session.run(None, data), strict=True))


def keywords(model: Any, data: Any, **params: Any) -> Any:
    """An estimator whose predict takes params by name."""
    return model.predict(data, **params)


NATIVE: dict[str, Callable[..., Any]] = {"booster": booster, "graph": graph, "keywords": keywords}


def ask(model: Any, how: str, data: Any, params: Any = None) -> Any:
    """What `model` predicts: by one of NATIVE, by its method of that name, or by calling it."""
    if how in NATIVE:
        return NATIVE[how](model, data, **(params or {}))
    call = getattr(model, how, model)
    return call(data, params=params) if params else call(data)


def plain(predictions: Any) -> Any:
    """Predictions as lists, whatever holds them; of a table and of named arrays the values of each name."""
    if isinstance(predictions, dict):
        return {name: np.asarray(value).reshape(-1).tolist() for name, value in predictions.items()}
    if hasattr(predictions, "to_dict"):
        if hasattr(predictions, "lazy"):
            return predictions.to_dict(as_series=False)
        return predictions.to_dict("list") if hasattr(predictions, "columns") else predictions.to_list()
    return predictions.tolist() if isinstance(predictions, np.ndarray) else list(predictions)


def rows(data: Any, count: int) -> Any:
    """The first rows of the data, of named arrays those of each."""
    return {name: value[:count] for name, value in data.items()} if isinstance(data, dict) else data[:count]


def height(data: Any) -> int:
    """How many rows the data has."""
    if isinstance(data, dict):
        return len(next(iter(data.values())))
    return int(data.shape[0]) if hasattr(data, "shape") else len(data)
