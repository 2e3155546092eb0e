"""python_function: any object with `predict`, with files of its own if it wants them, and any callable.

The object is pickled as it is. A small loader in the model's own code/ makes it one that MLflow loads, so
neither side needs the other; a file of source, it works with any later Python and any later MLflow.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

from gitreg.errors import Damaged, Refused, shown
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
from gitreg.flavors.saving import loader_1, loader_2
from gitreg.flavors.saving.artifacts import check_artifacts, context_of, copy_artifacts
from gitreg.flavors.saving.code import LOADER, LOADER_OF_CONTEXT, add_loader
from gitreg.flavors.saving.loader_2 import Context, takes_context
from gitreg.flavors.saving.pickles import read_pickle, write_pickle

NAME = "python_function"
DISTRIBUTIONS: tuple[str, ...] = ()

_MLFLOW_LOADER = "mlflow.pyfunc.model"
_NOBODY = "nobody would read its artifacts"


class _Implementation(Protocol):
    """What a loader module gives: MLflow's own contract for python_function."""

    def predict(self, data: object) -> object: ...


def detect(model: object) -> bool:
    return not isinstance(model, type) and (callable(getattr(model, "predict", None)) or callable(model))


def save(model: object, directory: ModelDirectory, **options: object) -> Saved:
    """Write the object to model.pkl, with cloudpickle.

    `artifacts` maps names to files and folders that travel with the model. It finds them in `context.artifacts`, by
    name: of its `load_context(context)`, which is called once when it is loaded, or of its
    `predict(context, data, params=None)`.
    """
    take_options(options, ("artifacts",), NAME)
    if not detect(model):
        raise Refused(f"{type(model).__qualname__} has no predict and cannot be called", PASS)
    cloudpickle = framework("cloudpickle", "cloudpickle")
    entry: dict[str, object] = {"cloudpickle_version": cloudpickle.__version__}
    artifacts = check_artifacts(options.get("artifacts"))
    with_context = hasattr(model, "load_context") or takes_context(model)
    if artifacts and not with_context:
        message = f"{type(model).__qualname__} has no load_context, and its predict takes no context: {_NOBODY}"
        raise Refused(message, "give it a method load_context(self, context)")
    if artifacts:
        entry["artifacts"] = copy_artifacts(artifacts, directory.path)
    paths = {name: str(path.resolve()) for name, path in artifacts.items()}
    predict = _as_loaded(model, Context(paths)) if with_context else None
    if has_base(model, _MLFLOW_LOADER, "PythonModel"):
        # MLflow's own kind of model needs MLflow anyway: it is written as MLflow writes it.
        file = "python_model.pkl"
        entry |= {"loader_module": _MLFLOW_LOADER, "python_model": file, "streamable": False}
    elif with_context:
        file = "model.pkl"
        entry |= {"loader_module": LOADER_OF_CONTEXT, "python_model": file}
        add_loader(directory.path, LOADER_OF_CONTEXT)
    else:
        file = "model.pkl"
        entry |= {"loader_module": LOADER, "data": file}
        add_loader(directory.path)
    modules, size = write_pickle(model, directory, file, "cloudpickle")
    return Saved({NAME: entry}, modules, ("cloudpickle",), size, predict=predict)


def _as_loaded(model: object, context: Context) -> Predict:
    """How a copy of the model predicts that has its context: the model itself stays as it is."""

    def predict(data: object, params: Mapping[str, object] | None) -> object:
        cloudpickle = framework("cloudpickle", "cloudpickle")
        native = cloudpickle.loads(cloudpickle.dumps(model))
        loader_2.load_context(native, context)
        return loader_2.predict(native, context, data, params)

    return predict


def load(path: Path, options: Options, trust: Sequence[str]) -> object:
    native, _ = load_with_predictor(path, options)
    return native


def predictor(native: object, options: Options) -> Predict:
    return lambda data, params: loader_1.predict(native, data, params)


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
    if loader == LOADER_OF_CONTEXT:
        context = context_of(path, options.get("artifacts"))
        native = read_pickle(inside(path, options.get("python_model"), "python_model"), "cloudpickle")
        loader_2.load_context(native, context)
        return native, lambda data, params: loader_2.predict(native, context, data, params)
    return _load_foreign(path, options, loader)


def _load_foreign(path: Path, options: Options, loader: str) -> tuple[object, Predict]:
    if not all(part.isidentifier() for part in loader.split(".")):
        raise Damaged(f"the loader_module of {path.name} is {shown(loader)}, which is no module")
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
