"""TensorFlow: tf.Module as SavedModel, and Keras models as MLflow's tensorflow flavor has them.

MLflow 1.x's SavedModels of TensorFlow 1 and Keras models in HDF5 are read too. Keras models are loaded as the keras
flavor loads them. A SavedModel holds no Python, but it is a program for TensorFlow: load models of people you trust.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, cast

from gitreg.errors import Damaged, Refused, Unsupported, warn
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
from gitreg.flavors._frames import is_array
from gitreg.flavors._saved_model import read_saved_model
from gitreg.flavors.keras import load_keras
from gitreg.flavors.keras.files import said, warn_of, write_keras
from gitreg.flavors.keras.objects import import_keras, is_keras_model
from gitreg.flavors.keras.predict import asks_keras, predicts
from gitreg.flavors.saving.folders import save_folder
from gitreg.flavors.saving.pickles import write_pickle
from gitreg.flavors.tensorflow.predict import asks_module, asks_signature, is_signature
from gitreg.format.schema import Signature

NAME = "tensorflow"
DISTRIBUTIONS = ("tensorflow",)

_DATA = "data"
_FOLDER = "tf2model"
_KERAS, _MODULE, _TF1 = "keras", "tf2-module", "tf1-estimator"
_PYFUNC = {"loader_module": "mlflow.tensorflow"}
_OPTIONS = ("custom_objects", "keras_model_kwargs", "saved_model_kwargs")
_FORMATS = {"tf": ".keras", "keras": ".keras", "h5": ".h5"}


def detect(model: object) -> bool:
    """Modules, and what tf.saved_model.load gives; Keras' models are the keras flavor's."""
    if is_keras_model(model):
        return False
    return _is_module(model) or has_base(model, "tensorflow.python.trackable.autotrackable", "AutoTrackable")


def _is_module(model: object) -> bool:
    return has_base(model, "tensorflow.python.module.module", "Module")


def save(model: object, directory: ModelDirectory, **options: object) -> Saved:
    """Write a module to the SavedModel tf2model/, each file a payload of its own, or a Keras model to data/model.keras.

    `saved_model_kwargs` goes to tf.saved_model.save, `keras_model_kwargs` to the Keras model's `save` (its
    `save_format="h5"` writes data/model.h5). `custom_objects` maps names to classes and functions of a Keras model,
    which are pickled beside it. A SavedModel has not the same bytes each time: TensorFlow numbers functions and draws
    a random id. Raises `Refused`.
    """
    return save_by_example(model, directory, None, None, **options)


def save_by_example(
    model: object, directory: ModelDirectory, example: object, signature: Signature | None, **options: object
) -> Saved:
    """`save`, after the model was called with `example`: a function that was never called has nothing to save."""
    take_options(options, _OPTIONS, NAME)
    if is_keras_model(model):
        return _save_keras(model, directory, options)
    if not detect(model):
        raise Refused(f"a {type(model).__qualname__} is no tf.Module", "leave out flavor='tensorflow'")
    for name in ("custom_objects", "keras_model_kwargs"):
        if options.get(name):
            raise Refused(f"{name} is for Keras models", f"leave out {name}")
    _call_once(model, example)
    kwargs = _mapping(options, "saved_model_kwargs")
    written = save_folder(directory, _FOLDER, lambda path: _write(model, path, kwargs))
    own = {"saved_model_dir": _FOLDER, "model_type": _MODULE, "code": None}  # MLflow writes the key in any case
    needs = (*DISTRIBUTIONS, "numpy")
    return Saved({NAME: own, "python_function": dict(_PYFUNC)}, frozenset(), needs, written.size, written.files)


def _call_once(model: object, example: object) -> None:
    call = vars(type(model)).get("__call__") if _is_module(model) else None
    if not callable(model) or (isinstance(call, FunctionType) and not hasattr(call, "get_concrete_function")):
        warn("the module has no __call__ that is a tf.function: once saved it can be loaded, but predicts nothing")
    elif is_array(example):
        # Where this fails, asking for the outputs fails after it, and that says so.
        with contextlib.suppress(Exception):
            cast(Any, model)(framework("tensorflow", "tensorflow").convert_to_tensor(example))


def _write(model: object, path: Path, kwargs: Mapping[str, object]) -> None:
    try:
        framework("tensorflow", "tensorflow").saved_model.save(model, str(path), **kwargs)
    except (ValueError, TypeError, AssertionError, AttributeError, NotImplementedError) as error:
        raise Refused(f"{type(model).__qualname__} cannot be saved: {said(error)}") from error


def _mapping(options: Mapping[str, object], name: str) -> Mapping[str, object]:
    given = options.get(name)
    if given is not None and not isinstance(given, Mapping):
        raise Refused(f"{name} is no dict", f"{name}={{...}}")
    return cast(Mapping[str, object], given or {})


def _save_keras(model: object, directory: ModelDirectory, options: Mapping[str, object]) -> Saved:
    if options.get("saved_model_kwargs"):
        raise Refused("saved_model_kwargs is for modules", "keras_model_kwargs={...}")
    if str(import_keras().backend.backend()) != "tensorflow":
        raise Refused("MLflow's tensorflow flavor takes Keras models on TensorFlow alone", "flavor='keras'")
    framework("tensorflow", "tensorflow")
    kwargs, objects = dict(_mapping(options, "keras_model_kwargs")), _mapping(options, "custom_objects")
    how = str(kwargs.pop("save_format", "tf"))
    if how not in _FORMATS:
        raise Refused(f"no save_format {how}", f"one of: {', '.join(_FORMATS)}")
    folder = directory.path / _DATA
    folder.mkdir(parents=True)
    (folder / "keras_module.txt").write_bytes(b"tensorflow.keras")
    (folder / "save_format.txt").write_bytes(how.encode())
    file = f"{_DATA}/model{_FORMATS[how]}"
    names, size = write_keras(model, directory, file, kwargs)
    warn_of(names, tuple(objects))
    beside, distributions = [file], [*DISTRIBUTIONS, "keras", "numpy"]
    modules = frozenset((*(named.module for named in names.custom if named.name not in objects), *names.packages))
    if objects:
        pickle = f"{_DATA}/custom_objects.cloudpickle"
        imported, more = write_pickle(dict(objects), directory, pickle, "cloudpickle")
        size, modules = size + more, modules | imported
        beside.append(pickle)
        distributions.append("cloudpickle")
    own = {
        "data": _DATA,
        "model_type": _KERAS,
        "keras_version": loaded_version("tensorflow"),
        "save_format": how,
        "code": None,
    }
    entries: dict[str, Mapping[str, object]] = {NAME: own, "python_function": {**_PYFUNC, "data": _DATA}}
    return Saved(entries, modules, tuple(distributions), size, tuple(beside))


def load(path: Path, options: Options, trust: Sequence[str]) -> object:
    """The Keras model, the module, or of a SavedModel of TensorFlow 1 the function that its signature key names."""
    kind = text_option(options, "model_type", _KERAS if "saved_model_dir" not in options else "")
    if kind == _KERAS:
        framework("tensorflow", "tensorflow")
        return load_keras(inside(path, text_option(options, "data", _DATA), "data"), path, options, trust)
    if kind not in (_MODULE, _TF1, ""):
        raise Unsupported(f"{path.name} is a {kind!r} of TensorFlow, which gitreg does not know")
    folder = inside(path, options.get("saved_model_dir"), "saved_model_dir")
    if kind == _MODULE:
        return read_saved_model(folder, path, trust)
    tags, key = options.get("meta_graph_tags"), text_option(options, "signature_def_key", "serving_default")
    wanted = [str(tag) for tag in tags] if isinstance(tags, list) else None
    loaded = read_saved_model(folder, path, trust, wanted)
    if key not in loaded.signatures:
        raise Damaged(f"{folder.name} has no signature {key!r}; it has: {', '.join(loaded.signatures)}")
    function = loaded.signatures[key]
    function.gitreg_keeps = loaded  # a function holds the variables it uses only weakly
    return function


def predictor(native: object, options: Options) -> Predict:
    """Keras' `predict`, the module called with a tensor, or a TensorFlow 1 signature called with tensors by name."""
    if is_keras_model(native):
        return predicts(asks_keras(native), lambda predictions: predictions)
    return asks_signature(native) if is_signature(native) else asks_module(cast(Any, native))
