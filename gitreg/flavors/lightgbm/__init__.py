"""LightGBM: Booster in LightGBM's own text, and the estimators of its scikit-learn API as pickles or by skops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from gitreg.errors import Damaged, Refused
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
from gitreg.flavors.lightgbm.text import check_model_text
from gitreg.flavors.saving.pickles import read_pickle, write_pickle

NAME = "lightgbm"
DISTRIBUTIONS = ("lightgbm",)

_FILES = {"cloudpickle": "model.pkl", "pickle": "model.pkl", "skops": "model.skops"}
_OPTIONS = ("serialization_format", "skops_trusted_types")
_BOOSTER = "lightgbm.basic.Booster"
_TYPES = (
    "collections.OrderedDict",
    _BOOSTER,
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMModel",
    "lightgbm.sklearn.LGBMRanker",
    "lightgbm.sklearn.LGBMRegressor",
)
"""What any model of LightGBM's scikit-learn API is made of: it need not be trusted by name."""


def detect(model: object) -> bool:
    return _is_booster(model) or has_base(model, "lightgbm.sklearn", "LGBMModel")


def _is_booster(model: object) -> bool:
    return has_base(model, "lightgbm.basic", "Booster")


def save(model: object, directory: ModelDirectory, **options: object) -> Saved:
    """Write a Booster to model.lgb, an estimator as scikit-learn's are written.

    For estimators `serialization_format` is cloudpickle (the default), pickle or skops, and `skops_trusted_types`
    lists types beside LightGBM's own that skops does not know and MLflow may load.
    """
    if not detect(model):
        raise Refused(f"a {type(model).__qualname__} is no LightGBM model", "leave out flavor='lightgbm'")
    known, what = ((), f"{NAME}'s Booster") if _is_booster(model) else (_OPTIONS, NAME)
    take_options(options, known, what)
    kind = type(model)
    own: dict[str, object] = {
        "lgb_version": loaded_version("lightgbm"),
        "model_class": f"{kind.__module__}.{kind.__qualname__}",
    }
    if _is_booster(model):
        own["data"] = "model.lgb"
        own["model_class"] = _BOOSTER
        modules, size = frozenset[str](), _write_text(model, directory, "model.lgb")
        needs: tuple[str, ...] = ("numpy",)
    else:
        how = text_option(options, "serialization_format", "cloudpickle")
        modules, size, entry = _write_estimator(model, directory, how, options.get("skops_trusted_types"))
        own |= entry
        needs = ("scikit-learn",) if how == "pickle" else ("scikit-learn", how)
    pyfunc = {"loader_module": "mlflow.lightgbm", "data": own["data"]}
    return Saved({NAME: own, "python_function": pyfunc}, modules, (*DISTRIBUTIONS, *needs), size)


def _write_text(model: object, directory: ModelDirectory, file: str) -> int:
    try:
        text = cast(Any, model).model_to_string().encode("utf-8")
    except (ValueError, framework("lightgbm", "lightgbm").basic.LightGBMError) as error:
        raise Refused(f"{type(model).__qualname__} cannot be saved: {error}") from error
    with directory.create(file) as target:
        target.write(text)
    return len(text)


def _write_estimator(
    model: object, directory: ModelDirectory, how: str, types: object
) -> tuple[frozenset[str], int, Mapping[str, object]]:
    if how not in _FILES:
        raise Refused(f"no serialization_format {how}", f"one of: {', '.join(_FILES)}")
    if types and how != "skops":
        raise Refused(f"skops_trusted_types is for skops, not for {how}", "serialization_format='skops'")
    entry: dict[str, object] = {"data": _FILES[how], "serialization_format": how}
    if how != "skops":
        return (*write_pickle(model, directory, _FILES[how], how), entry)
    trusted = sorted({*_TYPES, *names_of_types(types)})
    entry["skops_trusted_types"] = trusted  # MLflow trusts what a model says of itself
    return (*write_skops(model, directory, _FILES[how], trusted), entry)


def load(path: Path, options: Options, trust: Sequence[str]) -> object:
    lightgbm = framework("lightgbm", "lightgbm")
    file = inside(path, options.get("data"), "data")
    if file.is_dir():
        raise Damaged(f"{file.name} is a folder, no LightGBM model")
    if text_option(options, "model_class", _BOOSTER) == _BOOSTER:
        return _read_text(lightgbm, file)
    framework("sklearn", "scikit-learn")
    # A model without the key is of a time when cloudpickle was the only format.
    how = text_option(options, "serialization_format", "cloudpickle")
    if how not in _FILES:
        raise Refused(f"{path.name} has the unknown serialization_format {how}", f"gitreg reads: {', '.join(_FILES)}")
    return read_skops(file, (*_TYPES, *trust)) if how == "skops" else read_pickle(file, how)


def _read_text(lightgbm: Any, file: Path) -> object:
    data = file.read_bytes()
    check_model_text(data, file.name)
    try:
        return lightgbm.Booster(model_str=data.decode("utf-8"))
    except (ValueError, lightgbm.basic.LightGBMError) as error:
        raise Damaged(f"{file.name} is no complete LightGBM model: {error}") from error


def predictor(native: object, options: Options) -> Predict:
    call = cast(Any, native).predict
    return lambda data, params: call(data)
