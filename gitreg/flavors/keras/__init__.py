"""Keras 3: Sequential, functional and subclassed models, with any backend; in Keras' own format, which holds no pickle.

A model is loaded in Keras' safe mode: code in the file is not run unless the consumer trusts it by name. Classes of
others must be registered with Keras, lie in the model's code/ or be trusted by name. What MLflow pickled beside a model
(custom_objects.cloudpickle) is loaded as every pickle is: it runs code of whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from gitreg.errors import Refused, Unsupported, warn
from gitreg.flavors._base import (
    ModelDirectory,
    Options,
    Predict,
    Saved,
    framework,
    inside,
    loaded_version,
    take_options,
    text_option,
)
from gitreg.flavors._saved_model import read_saved_model
from gitreg.flavors.keras.files import read_keras, said, warn_of, write_keras
from gitreg.flavors.keras.objects import BACKENDS, Source, import_keras, is_keras_model, pickled_objects
from gitreg.flavors.keras.predict import as_arrays, asks_keras, predicts
from gitreg.flavors.saving.folders import save_folder
from gitreg.flavors.saving.pickles import install_again

NAME = "keras"
DISTRIBUTIONS = ("keras",)

_DATA = "data"
_MODEL = "model"
_MODULE = "keras_module.txt"
_OPTIONS = ("save_exported_model", "save_model_kwargs")


def detect(model: object) -> bool:
    return is_keras_model(model)


def save(model: object, directory: ModelDirectory, **options: object) -> Saved:
    """Write the model to data/model.keras.

    `save_exported_model=True` writes its forward pass as TensorFlow's SavedModel instead, which needs none of its
    classes and cannot be trained; its files have not the same bytes each time. `save_model_kwargs` goes to the model's
    `save`.
    """
    take_options(options, _OPTIONS, NAME)
    if not detect(model):
        raise Refused(f"a {type(model).__qualname__} is no Keras 3 model", "leave out flavor='keras'")
    keras = import_keras()
    exported = bool(options.get("save_exported_model", False))
    folder = directory.path / _DATA
    folder.mkdir(parents=True)
    (folder / _MODULE).write_bytes(b"keras")
    backend = str(keras.backend.backend())
    distributions: tuple[str, ...] = (*DISTRIBUTIONS, BACKENDS.get(backend, backend), "numpy")
    modules, beside = frozenset[str](), tuple[str, ...]([f"{_DATA}/{_MODEL}.keras"])
    if exported:
        written = save_folder(directory, f"{_DATA}/{_MODEL}", lambda path: _export(model, path))
        beside, size = written.files, written.size
        distributions = tuple(dict.fromkeys((*distributions, "tensorflow")))
    else:
        names, size = write_keras(model, directory, beside[0], _mapping(options.get("save_model_kwargs")))
        warn_of(names)
        modules = frozenset((*(named.module for named in names.custom), *names.packages))
    own = {
        "data": _DATA,
        "keras_version": loaded_version("keras"),
        "keras_backend": backend,
        "save_exported_model": exported,
    }
    return Saved(
        {NAME: own, "python_function": {"loader_module": "mlflow.keras"}}, modules, distributions, size, beside
    )


def _mapping(given: object) -> Mapping[str, object]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise Refused("save_model_kwargs is no dict", "save_model_kwargs={...}")
    return given


def _export(model: object, path: Path) -> None:
    framework("tensorflow", "tensorflow")
    try:
        cast(Any, model).export(str(path), format="tf_saved_model", verbose=False)
    except (ValueError, TypeError, NotImplementedError, RuntimeError) as error:
        raise Refused(f"the model cannot be exported: {said(error)}") from error


def load(path: Path, options: Options, trust: Sequence[str]) -> object:
    """The model; where it was exported, TensorFlow's object with the method `serve`."""
    found = inside(path, text_option(options, "data", _DATA), "data")
    if options.get("save_exported_model"):
        return read_saved_model(found / _MODEL if found.is_dir() else found, path, trust)
    return load_keras(found, path, options, trust)


def load_keras(found: Path, path: Path, options: Options, trust: Sequence[str]) -> object:
    """The Keras model in the file or folder `found` of the model directory `path`.

    Raises `Unsupported` for the SavedModels that Keras 2 wrote: Keras 3 does not read them.
    """
    folder, file = (found, _file_in(found)) if found.is_dir() else (found.parent, found)
    written = text_option(options, "keras_version", "")
    if file.is_dir() or file.suffix not in (".keras", ".h5", ".hdf5"):
        message = f"{path.name} was written by Keras 2 as a SavedModel, which Keras 3 does not read"
        raise Unsupported(message, install_again(path / file.name))
    keras = import_keras()
    backend, here = text_option(options, "keras_backend", ""), str(keras.backend.backend())
    if backend and backend != here:
        warn(f"the model was saved with Keras on {backend}, here it runs on {here}; KERAS_BACKEND={backend} changes it")
    code = options.get("code")
    source = Source(inside(path, code, "code") if code else None, trust, pickled_objects(folder))
    return read_keras(file, path, "" if "model_type" in options else written, source)


def _file_in(folder: Path) -> Path:
    for ending in (".keras", ".h5"):
        if (folder / f"{_MODEL}{ending}").is_file():
            return folder / f"{_MODEL}{ending}"
    return inside(folder, _MODEL, "data")


def predictor(native: object, options: Options) -> Predict:
    """The model's `predict`, or `serve` where it was exported; predictions are arrays, of frames they are frames."""
    return predicts(asks_keras(native) if detect(native) else cast(Any, native).serve, as_arrays)
