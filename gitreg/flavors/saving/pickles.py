"""Pickles written as streams, and read with errors a person can act on."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from gitreg.errors import Damaged, Refused, Unsupported
from gitreg.flavors._base import Missing, ModelDirectory, framework
from gitreg.flavors.saving.classes import stable_pickler
from gitreg.flavors.saving.opcodes import Buffer, Tee, Writable
from gitreg.flavors.saving.requirements import WELL_KNOWN

PROTOCOL = 5  # of pickle: large buffers go to the file without a copy


class _Counted:
    """A file for joblib, which asks for the position to align its arrays."""

    def __init__(self, file: Writable) -> None:
        self._file = file
        self.size = 0

    def write(self, data: Buffer, /) -> int:
        size = memoryview(data).nbytes
        self._file.write(data)
        self.size += size
        return size

    def tell(self) -> int:
        return self.size


def write_pickle(model: object, directory: ModelDirectory, name: str, how: str) -> tuple[frozenset[str], int]:
    """Write `model` to the payload `name`; `how` is cloudpickle, pickle or joblib.

    Returns the modules the pickle names and its size in bytes. Raises `Refused` where an object in it
    cannot be pickled.
    """
    dump = {"cloudpickle": _dump_cloudpickle, "pickle": _dump_pickle, "joblib": _dump_joblib}[how]
    with directory.create(name) as file:
        try:
            return dump(model, cast(Writable, file))
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
            kind = type(model).__qualname__
            hint = "" if how == "cloudpickle" else "serialization_format='cloudpickle' takes lambdas and local classes"
            raise Refused(f"{kind} cannot be saved with {how}: {error}", hint) from error


def _dump_cloudpickle(model: object, file: Writable) -> tuple[frozenset[str], int]:
    tee = Tee(file)
    stable_pickler(tee, PROTOCOL).dump(model)
    return tee.modules, tee.size


def _dump_pickle(model: object, file: Writable) -> tuple[frozenset[str], int]:
    tee = Tee(file)
    pickle.Pickler(tee, protocol=PROTOCOL).dump(model)
    return tee.modules, tee.size


def _dump_joblib(model: object, file: Writable) -> tuple[frozenset[str], int]:
    joblib = framework("joblib.numpy_pickle", "joblib")
    counted = _Counted(file)
    tee = Tee(counted)
    pickler = joblib.NumpyPickler(tee, protocol=PROTOCOL)
    # Arrays stand between the opcodes as raw bytes; they go to the file and past the reader.
    pickler.file_handle = counted
    pickler.dump(model)
    return tee.modules, counted.size


def read_pickle(path: Path, how: str) -> object:
    """The object in the file `path`. Raises `Unsupported` where a module or class it names is missing."""
    if how == "joblib":
        joblib = framework("joblib", "joblib")
        return read_with(path, lambda file: joblib.load(file))
    if how == "cloudpickle":
        framework("cloudpickle", "cloudpickle")
    return read_with(path, pickle.load)


def read_with(path: Path, load: Callable[[BinaryIO], object]) -> object:
    try:
        with path.open("rb") as file:
            return load(file)
    except ModuleNotFoundError as error:
        raise _missing_module(path, error.name or "") from error
    except (pickle.UnpicklingError, EOFError, UnicodeDecodeError) as error:
        raise Damaged(f"{path.name} is no complete pickle: {error}") from error
    except (AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError) as error:
        # The classes here are not those it was saved with: another version of a framework, or other code.
        raise Unsupported(f"{path.name} cannot be loaded here: {error}", install_again(path)) from error


def _missing_module(path: Path, module: str) -> Unsupported:
    top = module.partition(".")[0]
    try:
        importlib.import_module(top)
    except ModuleNotFoundError:
        return Missing(top, WELL_KNOWN.get(top, top))
    return Unsupported(
        f"{path.name} needs the module {module}, which the installed {WELL_KNOWN.get(top, top)} does not have",
        install_again(path),
    )


def install_again(path: Path) -> str:
    file = path.parent / "requirements.txt"
    command = f"pip install -r {file}" if file.is_file() else f"conda env create -f {path.parent / 'conda.yaml'}"
    return f"install what it was saved with: {command}"
