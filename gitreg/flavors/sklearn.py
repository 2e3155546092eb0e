"""scikit-learn: estimators and pipelines, and whatever derives from BaseEstimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gitreg.errors import Refused
from gitreg.flavors._base import (
    ModelDirectory,
    Options,
    Predict,
    Saved,
    framework,
    has_base,
    inside,
    loaded_version,
    take_options,
    text_option,
)
from gitreg.flavors._skops import names_of_types, read_skops, write_skops
from gitreg.flavors.saving.code import LOADER, add_loader
from gitreg.flavors.saving.pickles import read_pickle, write_pickle

NAME = "sklearn"
DISTRIBUTIONS = ("scikit-learn",)

_FILES = {"cloudpickle": "model.pkl", "pickle": "model.pkl", "skops": "model.skops", "joblib": "model.joblib"}
_METHODS = ("predict", "transform", "fit")
_OPTIONS = ("serialization_format", "skops_trusted_types", "pyfunc_predict_fn")


def detect(model: object) -> bool:
    return has_base(model, "sklearn.base", "BaseEstimator")


def save(model: object, directory: ModelDirectory, **options: object) -> Saved:
    """Write the estimator to one file.

    `serialization_format` is cloudpickle (the default), pickle, joblib or skops; `skops_trusted_types` lists
    types that skops does not know and MLflow may load; `pyfunc_predict_fn` is the method that pyfunc calls.
    """
    take_options(options, _OPTIONS, NAME)
    if isinstance(model, type) or not any(callable(getattr(model, name, None)) for name in _METHODS):
        what = model.__qualname__ if isinstance(model, type) else f"a {type(model).__qualname__}"
        raise Refused(f"{what} is no fitted scikit-learn model", "pass an estimator, or leave out flavor='sklearn'")
    how = text_option(options, "serialization_format", "cloudpickle")
    if how not in _FILES:
        raise Refused(f"no serialization_format {how}", f"one of: {', '.join(_FILES)}")
    file = _FILES[how]
    trusted = names_of_types(options.get("skops_trusted_types"))
    if trusted and how != "skops":
        raise Refused(f"skops_trusted_types is for skops, not for {how}", "serialization_format='skops'")
    if how == "skops":
        modules, size = write_skops(model, directory, file, trusted)
    else:
        modules, size = write_pickle(model, directory, file, how)

    own: dict[str, object] = {
        "pickled_model": file,
        "serialization_format": how,
        "sklearn_version": loaded_version("sklearn"),
    }
    if trusted:
        own["skops_trusted_types"] = list(trusted)
    flavors: dict[str, Mapping[str, object]] = {NAME: own}
    predict_fn = text_option(options, "pyfunc_predict_fn", "predict")
    if callable(getattr(model, predict_fn, None)):
        flavors["python_function"] = _python_function(how, file, predict_fn, directory)
    needs = DISTRIBUTIONS if how == "pickle" else (*DISTRIBUTIONS, how)
    return Saved(flavors, modules, needs, size)


def _python_function(how: str, file: str, predict_fn: str, directory: ModelDirectory) -> dict[str, object]:
    if how != "joblib":
        return {"loader_module": "mlflow.sklearn", "model_path": file, "predict_fn": predict_fn}
    # mlflow.sklearn reads no joblib, so the model brings what reads it.
    add_loader(directory.path)
    return {"loader_module": LOADER, "data": file, "predict_fn": predict_fn}


def load(path: Path, options: Options, trust: Sequence[str]) -> object:
    framework("sklearn", "scikit-learn")
    file = inside(path, options.get("pickled_model"), "pickled_model")
    # A model without the key is of a time when pickle was the only format.
    how = text_option(options, "serialization_format", "pickle")
    if how not in _FILES:
        raise Refused(f"{path.name} has the unknown serialization_format {how}", f"gitreg reads: {', '.join(_FILES)}")
    return read_skops(file, trust) if how == "skops" else read_pickle(file, how)


def predictor(native: object, options: Options) -> Predict:
    call = getattr(native, text_option(options, "predict_fn", "predict"))
    return lambda data, params: call(data)
