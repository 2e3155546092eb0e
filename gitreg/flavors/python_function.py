"""python_function: any object with `predict`, and any callable.

The object is pickled as it is. A small loader in the model's own code/ makes it one that MLflow loads, so
neither side needs the other; a file of source, it works with any later Python and any later MLflow.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from gitreg.errors import Damaged, Refused
from gitreg.flavors import _loader_1
from gitreg.flavors._base import (
    PASS,
    Missing,
    ModelDirectory,
    Options,
    Predict,
    Saved,
    framework,
    has_base,
    inside,
    take_options,
    text_option,
)
from gitreg.flavors._code import LOADER, add_loader
from gitreg.flavors._pickles import read_pickle, write_pickle

NAME = "python_function"
DISTRIBUTIONS: tuple[str, ...] = ()

_MLFLOW_LOADER = "mlflow.pyfunc.model"


class _Implementation(Protocol):
    """What a loader module gives: MLflow's own contract for python_function."""

    def predict(self, data: object) -> object: ...


def detect(model: object) -> bool:
    return not isinstance(model, type) and (callable(getattr(model, "predict", None)) or callable(model))


def save(model: object, directory: ModelDirectory, **options: object) -> Saved:
    """Write the object to model.pkl, with cloudpickle; there are no options."""
    take_options(options, (), NAME)
    if not detect(model):
        raise Refused(f"{type(model).__qualname__} has no predict and cannot be called", PASS)
    cloudpickle = framework("cloudpickle", "cloudpickle")
    entry: dict[str, object] = {"cloudpickle_version": cloudpickle.__version__}
    if has_base(model, _MLFLOW_LOADER, "PythonModel"):
        # MLflow's own kind of model needs MLflow anyway: it is written as MLflow writes it.
        file = "python_model.pkl"
        entry |= {"loader_module": _MLFLOW_LOADER, "python_model": file, "streamable": False}
    else:
        file = "model.pkl"
        entry |= {"loader_module": LOADER, "data": file}
        add_loader(directory.path)
    modules, size = write_pickle(model, directory, file, "cloudpickle")
    return Saved({NAME: entry}, modules, ("cloudpickle",), size)


def load(path: Path, options: Options, trust: Sequence[str]) -> object:
    native, _ = load_with_predictor(path, options)
    return native


def predictor(native: object, options: Options) -> Predict:
    return lambda data, params: _loader_1.predict(native, data, params)


def load_with_predictor(path: Path, options: Options) -> tuple[object, Predict]:
    """The object behind a python_function entry, and how it predicts.

    A loader module that gitreg does not know is imported and asked, as MLflow does. Raises `Missing` where it
    is not installed.
    """
    loader = text_option(options, "loader_module", "")
    if not loader:
        raise Damaged(f"MLmodel of {path.name} has no loader_module for python_function")
    if loader == LOADER:
        file = inside(path, options.get("data"), "data")
        native = read_pickle(file, "joblib" if file.suffix == ".joblib" else "cloudpickle")
        method = text_option(options, "predict_fn", "predict")
        if method == "predict":
            return native, predictor(native, options)
        call = getattr(native, method)
        return native, lambda data, params: call(data)
    return _load_foreign(path, options, loader)


def _load_foreign(path: Path, options: Options, loader: str) -> tuple[object, Predict]:
    module = framework(loader, loader.partition(".")[0])
    if not hasattr(module, "_load_pyfunc"):
        raise Damaged(f"{loader}, the loader_module of {path.name}, has no _load_pyfunc")
    data = inside(path, options["data"], "data") if "data" in options else path
    config = options.get("config")
    arguments = [str(data)] if not config else [str(data), config]
    try:
        implementation = cast(_Implementation, module._load_pyfunc(*arguments))
    except ModuleNotFoundError as error:
        name = (error.name or loader).partition(".")[0]
        raise Missing(name, name) from error
    call = getattr(implementation, text_option(options, "predict_fn", "predict"))
    takes_params = "params" in inspect.signature(call).parameters
    native = getattr(implementation, "python_model", implementation)
    return native, lambda data, params: call(data, params=params) if takes_params else call(data)


__all__ = ["DISTRIBUTIONS", "NAME", "detect", "load", "load_with_predictor", "predictor", "save"]
