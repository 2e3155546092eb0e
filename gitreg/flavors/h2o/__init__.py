"""H2O: models in H2O's own binary format, which only the same version of H2O reads.

A model lives in H2O's Java process: it is loaded into the one the program is connected to, or into one that gitreg
starts. The format is made of Java objects: whoever loads one trusts who made it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gitreg.errors import Damaged, GitregError, Refused, Unsupported, warn
from gitreg.flavors._base import (
    ModelDirectory,
    Options,
    Predict,
    Saved,
    framework,
    has_base,
    inside,
    take_options,
)
from gitreg.flavors.h2o.cluster import connected
from gitreg.flavors.saving.folders import write_through
from gitreg.format.names import check_path
from gitreg.format.yamltext import as_mapping, format_yaml, load_mapping

NAME = "h2o"
DISTRIBUTIONS = ("h2o",)

_FOLDER = "model.h2o"
_SETTINGS = "h2o.yaml"
_MAGIC = b"\x1c\xed"
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*")
_ERROR = re.compile(r"(?:^\s*Error:|failed with an exception:) (?:java\.[\w.]+: )?(.*)$", re.MULTILINE)
_LONGEST = 200

_whose: dict[str, tuple[Any, Path]] = {}
"""By a model's id: the connection and the file that was loaded last. H2O keeps one model to an id."""


def detect(model: object) -> bool:
    return _is_model(model) or _is_automl(model)


def _is_model(model: object) -> bool:
    return has_base(model, "h2o.model.model_base", "ModelBase")


def _is_automl(model: object) -> bool:
    return any(c.__module__.startswith("h2o.automl.") for c in type(model).__mro__)


def save(model: object, directory: ModelDirectory, **options: object) -> Saved:
    """Download the model from H2O into model.h2o/, under its id, with h2o.yaml beside it.

    `settings` goes into h2o.yaml; its `init` are arguments of `h2o.init` for who loads the model.
    """
    take_options(options, ("settings",), NAME)
    if _is_automl(model):
        raise Refused("an H2OAutoML is many models", "pass its best one: automl.leader")
    if not _is_model(model):
        raise Refused(f"a {type(model).__qualname__} is no H2O model", "leave out flavor='h2o'")
    given = options.get("settings")
    if not isinstance(given, Mapping | None):
        raise Refused("settings is no mapping", "settings={'init': {'max_mem_size': '2G'}}")
    h2o = framework("h2o", "h2o")
    name = _file_name(model)
    file = f"{_FOLDER}/{name}"
    with connected() as connection:
        version = str(connection.cluster.version)

        def write(path: Path) -> None:
            h2o.download_model(model, path=str(path.parent), filename=path.name)

        try:
            size = write_through(directory, file, write)
        except (h2o.exceptions.H2OResponseError, h2o.exceptions.H2OServerError) as error:
            raise Refused(
                f"{name} cannot be saved: {_said(error)}", "is it still in the H2O it was made in?"
            ) from error
    settings = {**dict(given or {}), "full_file": file, "model_dir": _FOLDER, "model_file": name}
    text = format_yaml(settings, _SETTINGS)
    (directory.path / _FOLDER).mkdir(exist_ok=True)
    (directory.path / _FOLDER / _SETTINGS).write_bytes(text.encode())
    own = {"h2o_version": version, "data": _FOLDER}
    pyfunc = {"loader_module": "mlflow.h2o", "data": _FOLDER}
    return Saved({NAME: own, "python_function": pyfunc}, frozenset(), ("h2o", "pandas"), size, (file,))


def _file_name(model: object) -> str:
    name = getattr(model, "model_id", None)
    if not isinstance(name, str) or not name:
        raise Refused(f"this {type(model).__qualname__} is not trained", "call its train(...) first")
    try:
        return check_path(name) if "/" not in name and name != _SETTINGS else "model"
    except GitregError:  # an id may be any text, a file's name not
        return "model"


def load(path: Path, options: Options, trust: Sequence[str]) -> object:
    model, _ = _load(path, options)
    return model


def load_to_predict(path: Path, options: Options, trust: Sequence[str]) -> tuple[object, Predict]:
    model, file = _load(path, options)
    return model, _predictor(model, file)


def predictor(native: object, options: Options) -> Predict:
    """The model's `predict` for a data frame: a data frame of the predictions, with the index of the data."""
    return _predictor(native, None)


def _load(path: Path, options: Options) -> tuple[Any, Path]:
    h2o = framework("h2o", "h2o")
    folder = inside(path, options.get("data") or _FOLDER, "data")
    settings = _read_settings(folder)
    file = inside(folder, settings.get("model_file"), _SETTINGS)
    version = _version_of(file)
    if (h2o.connection() is None) and version != h2o.__version__:
        raise _other_version(file, version, str(h2o.__version__))
    init = as_mapping(settings.get("init") or {}, f"{_SETTINGS}: init")
    with connected(init) as connection:
        here = str(connection.cluster.version)
        if version != here:
            raise _other_version(file, version, here)
        try:
            return _upload(h2o, connection, file), file
        except (h2o.exceptions.H2OResponseError, h2o.exceptions.H2OServerError, AttributeError, KeyError) as error:
            raise Damaged(f"{file.name} is no complete H2O model: {_said(error)}") from error


def _read_settings(folder: Path) -> dict[str, object]:
    if not folder.is_dir():
        raise Damaged(f"{folder.name} is no folder of an H2O model")
    return load_mapping(inside(folder, _SETTINGS, "data").read_bytes(), _SETTINGS)


def _version_of(file: Path) -> str:
    """The version that the file says it was written by, before any of it is given to H2O."""
    with file.open("rb") as source:
        head = source.read(64)
    size = head[2] if len(head) > 2 else 0  # of the text, and one
    text = head[3 : 2 + size].decode("ascii", "replace")
    if head[:2] != _MAGIC or len(text) != size - 1 or not _VERSION.fullmatch(text):
        raise Damaged(f"{file.name} is no H2O model")
    return text


def _other_version(file: Path, version: str, here: str) -> Unsupported:
    message = f"{file.name} was saved by H2O {version}, and this is H2O {here}: it reads models of its own version only"
    return Unsupported(message, f"pip install h2o=={version}")


def _upload(h2o: Any, connection: Any, file: Path, *, again: bool = False) -> Any:
    """The model of `file` in H2O, through the connection: the disk need not be shared."""
    there = () if again else {str(name) for name in h2o.models()}
    before = _training(h2o.get_model(file.name)) if file.name in there else None
    sent = h2o.api("POST /3/PostFile.bin", filename=str(file.resolve()))["destination_frame"]
    try:
        read = h2o.api("POST /99/Models.upload.bin/", data={"dir": sent})
    finally:
        h2o.api(f"DELETE /3/DKV/{sent}")
    model = h2o.get_model(read["models"][0]["model_id"]["name"])
    if before not in (None, _training(model)):
        warn(f"another model {file.name} that was in H2O is replaced: H2O keeps one model to an id")
    _whose[model.model_id] = connection, file
    return model


def _training(model: Any) -> tuple[object, ...]:
    """What tells a model from another of its id: when it was trained, in milliseconds."""
    output = model._model_json["output"]
    return model.algo, output["start_time"], output["end_time"]


def _predictor(native: Any, file: Path | None) -> Predict:
    loaded_into = framework("h2o", "h2o").connection()

    def predict(data: Any, params: Mapping[str, object] | None) -> object:
        if params:
            warn(f"params that H2O's predict does not take are ignored: {', '.join(params)}")
        h2o = framework("h2o", "h2o")
        with connected(to_load=False) as connection:
            if file is None and connection is not loaded_into:
                message = f"the model {native.model_id} is in another H2O than the one the program is connected to now"
                raise Refused(message, "load it again")
            try:
                if file is not None and _whose.get(native.model_id) != (connection, file):
                    # Another H2O, or another model of this id was loaded since.
                    _upload(h2o, connection, file, again=True)
                return _ask(h2o, native, data)
            except (h2o.exceptions.H2OResponseError, h2o.exceptions.H2OServerError, OSError) as error:
                raise Refused(f"H2O cannot predict for this data: {_said(error)}") from error

    return predict


def _ask(h2o: Any, model: Any, data: Any) -> object:
    frame = data if isinstance(data, h2o.H2OFrame) else h2o.H2OFrame(data)
    try:
        answer = model.predict(frame)
        try:
            predicted = answer.as_data_frame()
        finally:
            h2o.remove(answer)
    finally:
        if frame is not data:
            h2o.remove(frame)
    if hasattr(data, "index") and not callable(data.index):
        predicted.index = data.index
    return predicted


def _said(error: Exception) -> str:
    """What H2O says, without Java's stack."""
    text = str(error)
    found = _ERROR.search(text)
    lines = [line.strip() for line in (found[1] if found else text).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:_LONGEST]
