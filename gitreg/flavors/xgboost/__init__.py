"""XGBoost: Booster, and the estimators of its scikit-learn API; in XGBoost's own formats, which hold no pickle."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from gitreg.errors import Damaged, Refused, Unsupported, warn
from gitreg.flavors._base import (
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
    text_option,
)
from gitreg.flavors.saving.pickles import install_again
from gitreg.flavors.xgboost.ubj import check_ubj

NAME = "xgboost"
DISTRIBUTIONS = ("xgboost",)

_FORMATS = ("ubj", "json")
_BOOSTER = "xgboost.core.Booster"
_PLACE = re.compile(r"^\[[0-9:]+\] (?:\S+:[0-9]+: )?")
_LONGEST = 200


def detect(model: object) -> bool:
    return _is_booster(model) or _is_estimator(model)


def _is_booster(model: object) -> bool:
    return has_base(model, "xgboost.core", "Booster")


def _is_estimator(model: object) -> bool:
    return has_base(model, "xgboost.sklearn", "XGBModel")


def save(model: object, directory: ModelDirectory, **options: object) -> Saved:
    """Write the model to one file; `model_format` is ubj (the default) or json."""
    take_options(options, ("model_format",), NAME)
    if not detect(model):
        raise Refused(f"a {type(model).__qualname__} is no XGBoost model", "leave out flavor='xgboost'")
    how = text_option(options, "model_format", "ubj")
    if how not in _FORMATS:
        raise Refused(f"no model_format {how}", f"one of: {', '.join(_FORMATS)}")
    kind = type(model)
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        message = f"{kind.__qualname__} is a class that no other program can import, and XGBoost saves no classes"
        raise Refused(message, "put it into a module of code_paths, or flavor='python_function' for a pickle")
    file = f"model.{how}"
    size = _write(model, directory, file)
    own = {
        "xgb_version": loaded_version("xgboost"),
        "data": file,
        "model_class": f"{kind.__module__}.{kind.__qualname__}",
        "model_format": how,
    }
    pyfunc = {"loader_module": "mlflow.xgboost", "data": file}
    needs = ("numpy", "scikit-learn") if _is_estimator(model) else ("numpy",)
    return Saved({NAME: own, "python_function": pyfunc}, frozenset({kind.__module__}), (*DISTRIBUTIONS, *needs), size)


def _write(model: object, directory: ModelDirectory, file: str) -> int:
    # What estimators add to the file is known to their save_model alone, and that takes only a path.
    scratch = directory.path / f".{file}"
    try:
        cast(Any, model).save_model(str(scratch))
        with scratch.open("rb") as source, directory.create(file) as target:
            shutil.copyfileobj(source, target, 1 << 20)
        return scratch.stat().st_size
    except (ValueError, TypeError, AttributeError) as error:
        raise Refused(f"{type(model).__qualname__} cannot be saved: {_said(error)}") from error
    finally:
        scratch.unlink(missing_ok=True)


def load(path: Path, options: Options, trust: Sequence[str]) -> object:
    framework("xgboost", "xgboost")
    file = inside(path, options.get("data"), "data")
    if file.is_dir():
        raise Damaged(f"{file.name} is a folder, no XGBoost model")
    kind = text_option(options, "model_class", _BOOSTER)
    if kind != _BOOSTER:
        framework("sklearn", "scikit-learn")
    make = _class_of(kind, trust)
    saved_with, here = text_option(options, "xgb_version", ""), loaded_version("xgboost")
    if saved_with.partition(".")[0] == here.partition(".")[0]:
        _check(file)
    try:
        model = make()
        model.load_model(str(file.resolve()))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if saved_with and saved_with.partition(".")[0] != here.partition(".")[0]:
            message = f"{file.name} was written by xgboost {saved_with}, and {here} does not read it"
            raise Unsupported(message, install_again(file)) from error
        raise Damaged(f"{file.name} is no complete XGBoost model: {_said(error)}") from error
    return model


def _check(file: Path) -> None:
    with file.open("rb") as source:
        head = source.read(2)
    if head[:1] != b"{":
        raise Damaged(f"{file.name} is no complete XGBoost model: it is no object")
    if file.suffix == ".json" or head[1:] in (b'"', b"\n", b" ", b"\r", b"\t"):
        try:
            json.loads(file.read_bytes())
        except (ValueError, RecursionError) as error:
            raise Damaged(f"{file.name} is no complete XGBoost model: {error}") from error
    else:
        check_ubj(file)


def _class_of(name: str, trust: Sequence[str]) -> Callable[[], Any]:
    """The class that MLmodel names; one that is not XGBoost's own is imported only if it is trusted."""
    module, _, qualname = name.rpartition(".")
    if module.partition(".")[0] != "xgboost" and name not in trust:
        raise Refused(f"the model_class {name} is not one of XGBoost's own", f"trust=['{name}']")
    try:
        kind = getattr(importlib.import_module(module), qualname)
    except ModuleNotFoundError as error:
        top = (error.name or module).partition(".")[0]
        raise Missing(top, "scikit-learn" if top == "sklearn" else top) from error
    except AttributeError as error:
        raise Unsupported(f"the installed {module.partition('.')[0]} has no {name}") from error
    bases = {f"{base.__module__}.{base.__qualname__}" for base in getattr(kind, "__mro__", ())}
    if not bases & {_BOOSTER, "xgboost.sklearn.XGBModel"}:
        raise Damaged(f"the model_class {name} is no model of XGBoost")
    return cast("Callable[[], Any]", kind)


def predictor(native: object, options: Options) -> Predict:
    """The model's `predict`, for a Booster through a DMatrix; params are those that it takes."""
    model = cast(Any, native)
    if not _is_booster(native):
        return lambda data, params: model.predict(data, **_accepted(model.predict, params))
    matrix = framework("xgboost", "xgboost").DMatrix
    return lambda data, params: model.predict(matrix(data), **_accepted(model.predict, params))


def _accepted(call: Callable[..., object], params: Mapping[str, object] | None) -> dict[str, object]:
    takes = inspect.signature(call).parameters
    given = dict(params or {})
    if unknown := [name for name in given if name not in takes]:
        warn(f"params that XGBoost's predict does not take are ignored: {', '.join(unknown)}")
    return {name: value for name, value in given.items() if name in takes}


def _said(error: Exception) -> str:
    """What XGBoost says, without its clock, its source files and its stack."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return _PLACE.sub("", first)[:_LONGEST]
