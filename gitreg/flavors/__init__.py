"""Saving and loading models of each framework; the table of flavors.

A flavor is one module and one line in the table. The contract tests run every flavor in it. What other distributions
need to bring one of their own is imported from here, too.
"""

from __future__ import annotations

import contextlib
import importlib
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gitreg.errors import GitregError, Refused, Unsupported
from gitreg.flavors._base import (
    PASS,
    Flavor,
    LoadsToPredict,
    Missing,
    ModelDirectory,
    Options,
    Predict,
    Saved,
    framework,
    has_base,
    inside,
    loaded_version,
    take_options,
)

if TYPE_CHECKING:
    from gitreg.flavors.pyfunc import PyFunc
    from gitreg.flavors.saving.infer import infer_signature
    from gitreg.flavors.saving.model import save
    from gitreg.format.mlmodel import MLModel

__all__ = [
    "FLAVORS",
    "LOADERS",
    "Flavor",
    "Missing",
    "ModelDirectory",
    "Options",
    "Predict",
    "Saved",
    "detect_flavor",
    "framework",
    "get_flavor",
    "has_base",
    "infer_signature",
    "inside",
    "load",
    "load_pyfunc",
    "loaded_version",
    "save",
    "take_options",
]

FLAVORS: dict[str, str] = {
    "xgboost": "gitreg.flavors.xgboost",
    "lightgbm": "gitreg.flavors.lightgbm",
    "onnx": "gitreg.flavors.onnx",
    "keras": "gitreg.flavors.keras",
    "tensorflow": "gitreg.flavors.tensorflow",
    "pytorch": "gitreg.flavors.pytorch",
    "h2o": "gitreg.flavors.h2o",
    "spark": "gitreg.flavors.spark",
    "crate": "gitreg.flavors.crate",
    "sklearn": "gitreg.flavors.sklearn",
    "python_function": "gitreg.flavors.python_function",
}
"""Name to module. The first that detects an object saves it: XGBoost's and LightGBM's estimators are scikit-learn's
too, and python_function takes what no framework does. Flavors of other distributions come before these two."""

GENERAL = ("sklearn", "python_function")

PACKAGES: dict[str, str] = {
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "onnx": "onnx",
    "keras": "keras",
    "tensorflow": "tensorflow",
    "pytorch": "torch",
    "h2o": "h2o",
    "spark": "pyspark",
}
"""What a framework is imported from: while it is not, no object is of it, and its flavor need not be looked at."""

LOADERS: dict[str, str] = {
    "mlflow.xgboost": "xgboost",
    "mlflow.lightgbm": "lightgbm",
    "mlflow.onnx": "onnx",
    "mlflow.keras": "keras",
    "mlflow.tensorflow": "tensorflow",
    "mlflow.pytorch": "pytorch",
    "mlflow.h2o": "h2o",
    "mlflow.spark": "spark",
    "mlflow.sklearn": "sklearn",
}
"""MLflow's loader modules that a flavor of ours stands for, so that MLflow itself is not needed."""

PYFUNC = "python_function"


def get_flavor(name: str) -> Flavor:
    """The flavor called `name`, gitreg's own or an installed one. Raises `Unsupported`, naming those there are."""
    if name in FLAVORS:
        return cast(Flavor, importlib.import_module(FLAVORS[name]))
    from gitreg.flavors._installed import installed, load_installed

    if name not in installed():
        raise Unsupported(f"gitreg has no flavor {name}", f"it has: {', '.join((*FLAVORS, *installed()))}")
    return load_installed(installed()[name])


def _all_flavors() -> Iterator[Flavor]:
    for name in FLAVORS:
        if name not in GENERAL and PACKAGES.get(name, "sys") in sys.modules:
            yield get_flavor(name)
    from gitreg.flavors._installed import usable

    yield from usable()
    yield from map(get_flavor, GENERAL)


def detect_flavor(model: object) -> Flavor:
    """The flavor that `model` is of, told by the names of its classes. Raises `Refused` where it is of none."""
    for flavor in _all_flavors():
        if flavor.detect(model):
            return flavor
    if isinstance(model, type):
        name = model.__qualname__
        raise Refused(f"{name} is a class, not a fitted model", f"pass an object: {name}(...)")
    raise Refused(f"{type(model).__qualname__} is no model: it has no predict and cannot be called", PASS)


def load(
    path: Path, mlmodel: MLModel, flavor: str | None = None, trust: Sequence[str] = (), *, name: str | None = None
) -> object:
    """The native object in the model directory `path`, of `flavor` or of the first one in the table.

    `trust` names types that may be loaded from a format that trusts none by itself. `name` is what errors call the
    model. The directory must stay where it is while the model is used. Raises `Unsupported` with the pip command
    where the framework is missing, `Damaged` for a payload that is no model.
    """
    names = _known(mlmodel)
    called = name or mlmodel.artifact_path or path.name
    chosen = flavor or (names[0] if names else "")
    if chosen not in mlmodel.flavors:
        has = ", ".join(mlmodel.flavor_names)
        if chosen:
            raise Unsupported(f"{called} has no flavor {chosen}", f"it has: {has}")
        raise Unsupported(f"gitreg has none of the flavors of {called}: {has}", f"it has: {', '.join(FLAVORS)}")
    entry = mlmodel.flavors[chosen]
    try:
        with _use_code(path, entry.get("code")):
            return get_flavor(chosen).load(path, entry, trust)
    except Missing as missing:
        raise _needs(called, missing, path) from missing


def _known(mlmodel: MLModel) -> list[str]:
    """The flavors of a model that can be loaded, python_function last."""
    own = [name for name in FLAVORS if name in mlmodel.flavors]
    others = [name for name in mlmodel.flavors if name not in FLAVORS]
    if others:
        from gitreg.flavors._installed import installed

        own += [name for name in others if name in installed()]
    return sorted(own, key=lambda name: name == PYFUNC)


def load_pyfunc(
    path: Path, mlmodel: MLModel, *, trust: Sequence[str] = (), name: str | None = None, version: object = None
) -> PyFunc:
    """The model in the directory `path` with its `predict`. Raises as `load` does."""
    from gitreg.flavors.pyfunc import PyFunc

    called = name or mlmodel.artifact_path or path.name
    pyfunc = mlmodel.pyfunc
    alone = None if pyfunc else _predicts_alone(mlmodel)
    if pyfunc is None and alone is None:
        raise Unsupported(f"{called} has no python_function, so it has no predict", "load the native model instead")
    try:
        if alone is not None:
            native, call = _load_alone(path, mlmodel, alone, trust)
        else:
            with _use_code(path, pyfunc.code if pyfunc else None):
                native, call = _load_with_predictor(path, mlmodel, trust)
    except Missing as missing:
        raise _needs(called, missing, path) from missing
    return PyFunc(native, mlmodel, path, call, version, called)


def _predicts_alone(mlmodel: MLModel) -> Flavor | None:
    """The first flavor of the model that predicts without a python_function entry: it says so by PREDICTS_ALONE."""
    known = (get_flavor(name) for name in FLAVORS if name in mlmodel.flavors)
    return next((flavor for flavor in known if getattr(flavor, "PREDICTS_ALONE", False)), None)


def _load_alone(path: Path, mlmodel: MLModel, flavor: Flavor, trust: Sequence[str]) -> tuple[object, Predict]:
    entry = mlmodel.flavors[flavor.NAME]
    native = flavor.load(path, entry, trust)
    return native, flavor.predictor(native, entry)


def _load_with_predictor(path: Path, mlmodel: MLModel, trust: Sequence[str]) -> tuple[object, Predict]:
    from gitreg.flavors.python_function import load_with_predictor

    entry = mlmodel.flavors[PYFUNC]
    known = LOADERS.get(str(entry.get("loader_module")))
    if known is None and not set(mlmodel.flavors) <= set(FLAVORS):
        from gitreg.flavors._installed import with_loader

        if other := with_loader(entry.get("loader_module")):
            native = other.load(path, mlmodel.flavors.get(other.NAME, entry), trust)
            return native, other.predictor(native, entry)
    if known is None:
        return load_with_predictor(path, entry)
    flavor = get_flavor(known)
    own = mlmodel.flavors.get(known)
    if own is None:
        file = entry.get("model_path") or entry.get("data")
        own = {"pickled_model": file, "data": file, "serialization_format": "cloudpickle"}
    if isinstance(flavor, LoadsToPredict):
        return flavor.load_to_predict(path, own, trust)
    native = flavor.load(path, own, trust)
    return native, flavor.predictor(native, entry)


@contextlib.contextmanager
def _use_code(path: Path, code: object) -> Iterator[None]:
    """The model's code/ is importable from here on, unless it cannot be loaded: others may import theirs yet."""
    if not code:
        yield
        return
    from gitreg.flavors._base import inside
    from gitreg.flavors.saving.code import leave_code, use_code

    folder = inside(path, code, "code")
    use_code(folder)
    try:
        yield
    except BaseException:
        leave_code(folder)
        raise


def _needs(called: str, missing: Missing, path: Path) -> Unsupported:
    from gitreg.flavors.saving.requirements import VARIANTS, normalized
    from gitreg.format.environment import CONDA, REQUIREMENTS, model_requirements

    pip = missing.distribution
    try:
        requirements, conda = (_text(path / name) for name in (REQUIREMENTS, CONDA))
        lines = model_requirements(requirements, conda).lines
    except (GitregError, UnicodeDecodeError):
        lines = ()
    names = {normalized(name) for name in (pip, *VARIANTS.get(pip, ()))}
    for line in lines:
        if normalized(line.split("=")[0].split("<")[0].split(">")[0].strip()) in names:
            pip = line.partition(";")[0].strip()  # a marker holds any text, and a hint is typed into a shell
    quoted = pip if pip.replace("=", "").replace(".", "").replace("-", "").isalnum() else shlex.quote(pip)
    return Unsupported(f"{called} needs {missing.distribution}, which is not installed", f"pip install {quoted}")


def _text(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


def __getattr__(name: str) -> object:
    # Imported on first use: loading a model needs neither.
    where = {"save": "gitreg.flavors.saving.model", "infer_signature": "gitreg.flavors.saving.infer"}
    if name not in where:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(where[name]), name)
