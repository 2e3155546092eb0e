"""Keras models to and from the files Keras writes: .keras, and the HDF5 files of before."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from gitreg.errors import Damaged, GitregError, Refused, Unsupported, warn
from gitreg.flavors._base import ModelDirectory, framework
from gitreg.flavors.keras.archive import read_archive, write_archive
from gitreg.flavors.keras.config import LAMBDA, Names, check_widths, names_in
from gitreg.flavors.keras.hdf5 import read_hdf5_config
from gitreg.flavors.keras.objects import Source, import_keras, needs
from gitreg.flavors.saving.folders import write_through
from gitreg.flavors.saving.pickles import install_again

_OWN_KWARGS = ("filepath", "overwrite", "zipped")
_SAID = 300


def write_keras(
    model: object, directory: ModelDirectory, name: str, arguments: Mapping[str, object]
) -> tuple[Names, int]:
    """Write a Keras model to the payload `name`, .keras or .h5: what it names, and its bytes.

    A .keras file has the same bytes for the same model: no date, and no address of memory. Raises `Refused`.
    """
    if wrong := [key for key in _OWN_KWARGS if key in arguments]:
        raise Refused(f"{wrong[0]} is not for gitreg's save", f"leave out {wrong[0]}")
    if not getattr(model, "built", True):
        raise Refused(f"the model {_name_of(model)} has no weights yet", "call it on some data, or model.build(shape)")
    scratch = directory.path / ".keras-scratch"
    scratch.mkdir()
    try:
        if name.endswith(".h5"):
            return Names(), write_through(directory, name, lambda path: _save(model, path, arguments))
        file = scratch / Path(name).name
        _save(model, file, arguments)
        held, size = write_archive(file, directory, name)
        return names_in(held.config), size
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _save(model: object, path: Path, arguments: Mapping[str, object]) -> None:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*HDF5 file.*legacy.*")  # the user asked for it
            cast(Any, model).save(str(path), **arguments)
    except (TypeError, ValueError, NotImplementedError, AttributeError) as error:
        raise Refused(f"{_name_of(model)} cannot be saved: {said(error)}") from error


def _name_of(model: object) -> str:
    return str(getattr(model, "name", "")) or type(model).__qualname__


def warn_of(names: Names, brought: Sequence[str] = ()) -> None:
    """Warn of what a saved model names and other programs may not have; `brought` travels with the model."""
    for name in names.unsafe:
        warn(f"the model holds {name}, which runs code when it is loaded: it loads only with trust=['{name}']")
    for named in names.custom:
        if named.module == "__main__" and named.registered not in brought and named.name not in brought:
            warn(
                f"{named.name} is a class of this program: the model loads only where '{named.registered}' is "
                "registered with Keras; put it into a module of code_paths"
            )


def read_keras(file: Path, model: Path, written: str, source: Source) -> object:
    """The Keras model in the .keras or .h5 file of the model directory `model`.

    Code in the file is not run: a Lambda layer that holds bytecode is `Refused` unless `source.trust` has its name.
    `written` is the version of Keras it was written with, or empty. Custom classes come from `source`. Raises `Damaged`
    for a file that Keras would not have written.
    """
    keras = import_keras()
    legacy = file.suffix in (".h5", ".hdf5")
    config, weights = (read_hdf5_config(file), file.stat().st_size) if legacy else _config_of(file)
    training = config.pop("compile_config", None)
    check_widths(config, weights, file.name)
    try:
        safe = _allowed(names_in(config), file.name, source)
        compiles = _compiles(training, file.name, source) if not legacy else None
        arguments = {"custom_objects": dict(source.objects), "safe_mode": safe}
        if compiles is not None:
            return keras.saving.load_model(str(file), compile=compiles, **arguments)
        return _load_hdf5(keras, file, arguments)
    except GitregError:
        raise
    except ModuleNotFoundError:
        raise
    except Exception as error:  # Keras, its backend, h5py and the model's own classes: each has errors of its own
        here = str(keras.__version__)
        if written and written.split(".")[:2] != here.split(".")[:2]:
            message = f"{file.name} was written by keras {written}, and {here} does not read it: {said(error)}"
            raise Unsupported(message, install_again(model / file.name)) from error
        raise Damaged(f"{file.name} is no complete Keras model: {said(error)}") from error


def _config_of(file: Path) -> tuple[dict[str, object], int]:
    held = read_archive(file)
    return held.config, held.weights


def _allowed(names: Names, file: str, source: Source) -> bool:
    """Whether Keras' safe mode stays on. Raises where something in `names` is not to be had, or not trusted."""
    for name in names.unsafe:
        if name not in source.trust:
            what = "a Lambda layer with Python bytecode in it" if name == LAMBDA else f"a {name}"
            raise Refused(f"{file} holds {what}, which runs code of whoever wrote it", f"trust=['{name}']")
    for module in names.packages:
        framework(module.partition(".")[0], module.partition(".")[0].replace("_", "-"))
    if missing := source.missing(names.custom):
        raise needs(file, missing)
    return not names.unsafe


def _compiles(training: object, file: str, source: Source) -> bool:
    """Whether the loss, the metrics and the optimizer can be had too; predictions need none of them."""
    names = names_in(training)
    lacking = [name for name in names.unsafe if name not in source.trust]
    lacking += [str(named) for named in source.missing(names.custom)]
    if lacking:
        warn(f"{file} is loaded without its loss and optimizer, which need {', '.join(dict.fromkeys(lacking))}")
    return not lacking


def _load_hdf5(keras: Any, file: Path, arguments: Mapping[str, object]) -> object:
    try:
        return keras.saving.load_model(str(file), compile=True, **arguments)
    except (ValueError, TypeError) as error:
        # Keras 3 often cannot read what Keras 2 noted of the training. It is not needed to predict.
        model = keras.saving.load_model(str(file), compile=False, **arguments)
        warn(f"{file.name} is loaded without its loss and optimizer: {said(error)}")
        return model


def said(error: BaseException) -> str:
    """The first line of what a framework says, cut; Keras puts the reason behind a story of its own."""
    text = str(error).rpartition("Exception encountered: ")[2]
    return (text.strip().splitlines() or [type(error).__name__])[0][:_SAID]
