"""Files of PyTorch models, read: each kind by the reader that runs no more code than the kind needs."""

from __future__ import annotations

import importlib
import logging
import pickle
import re
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gitreg.errors import Damaged, Refused, Unsupported
from gitreg.flavors._base import framework
from gitreg.flavors.pytorch.archive import is_archive, open_archive
from gitreg.flavors.pytorch.program import check_program
from gitreg.flavors.pytorch.script import check_script
from gitreg.flavors.pytorch.write import said
from gitreg.flavors.saving.pickles import read_with

_INFO = "pickle_module_info.txt"
# MLflow's own module is cloudpickle to write, and to read Python's pickle, as cloudpickle is itself.
_AS_PICKLE = ("mlflow.pytorch.pickle_module", "cloudpickle", "pickle", "torch.serialization")
# How a file begins that torch wrote before 1.6: a pickle of its magic number.
_OLD = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_OPERATOR = re.compile(r"Unknown builtin op: (\w+)::")
_GLOBAL = re.compile(r"GLOBAL (\S+) was not an allowed|[Uu]nsupported (?:global|class): GLOBAL (\S+)|class (\S+) ")


def read_module(file: Path, trust: Sequence[str]) -> object:
    """A module in eval mode: TorchScript, or a pickle, which runs code of the model. Raises `Damaged`."""
    torch: Any = framework("torch", "torch")
    if _is_script(file):
        module = read_script(file, trust)
    else:
        loads = _pickle_module(file.parent / _INFO, trust)
        options = {"map_location": _placed, "weights_only": False, "pickle_module": loads}
        module = read_with(file, lambda source: _unpickled(file, lambda: torch.load(source, **options)))
    if not isinstance(module, torch.nn.Module):
        raise Damaged(f"{file.name} holds a {type(module).__qualname__}, and no module of torch")
    return module.eval()


def _is_script(file: Path) -> bool:
    """Whether a whole file is TorchScript, and not a pickle. Raises `Damaged` where it is neither."""
    if is_archive(file):
        with open_archive(file) as archive:
            if "constants.pkl" in archive.names:
                return True
            if "data.pkl" in archive.names:
                return False
        raise Damaged(f"{file.name} is an archive of something else: no data.pkl is in it")
    _check_old(file)
    return False


def _check_old(file: Path) -> None:
    with file.open("rb") as source:
        head = source.read(2 + len(_OLD))
    if head[:1] != b"\x80" or head[2:] != _OLD:
        raise Damaged(f"{file.name} is no file that torch has saved")


def _pickle_module(info: Path, trust: Sequence[str]) -> Any:
    name = info.read_text("utf-8", "replace").strip() if info.is_file() else "pickle"
    if name in _AS_PICKLE:
        return pickle
    if name == "dill":
        return framework("dill", "dill")
    if name not in trust:
        raise Refused(f"the model was pickled with the module {name[:60]!r}", f"trust=[{name[:60]!r}]")
    return importlib.import_module(name)


def _placed(storage: Any, location: str) -> Any:
    """The storage where it was when it was saved, or on the CPU where there is no such device."""
    torch: Any = framework("torch", "torch")
    try:
        return torch.serialization.default_restore_location(storage, location)
    except (RuntimeError, AssertionError, ValueError):
        return storage


def _device() -> str | None:
    """For readers that take one device: that of the file, or the CPU where no other is."""
    torch: Any = framework("torch", "torch")
    return None if torch.cuda.is_available() else "cpu"


def read_script(file: Path, trust: Sequence[str]) -> Any:
    """A TorchScript module; the code in it is torch's own language and not Python. Raises `Damaged`."""
    torch: Any = framework("torch", "torch")
    check_script(file, trust)
    return _loaded(file, lambda: torch.jit.load(str(file), map_location=_device()))


def read_state_dict(file: Path) -> object:
    """The dict; what is neither tensor nor plain value is not loaded. Raises `Damaged`."""
    torch: Any = framework("torch", "torch")
    if is_archive(file):
        with open_archive(file) as archive:
            if "data.pkl" not in archive.names or "constants.pkl" in archive.names:
                raise Damaged(f"{file.name} is no state_dict")
    else:
        _check_old(file)
    weights = _loaded(file, lambda: torch.load(str(file), map_location=_placed, weights_only=True))
    if not isinstance(weights, dict):
        raise Damaged(f"{file.name} holds a {type(weights).__qualname__}, and no state_dict")
    return weights


def read_safetensors(file: Path) -> dict[str, object]:
    """The dict, with all names that a tensor had. Raises `Damaged`."""
    framework("torch", "torch")
    files: Any = framework("safetensors", "safetensors")

    def read() -> dict[str, object]:
        with files.safe_open(str(file), framework="pt", device="cpu") as opened:
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # it is no dict
            names = dict(opened.metadata() or {})
        aliases = {name: first for name, first in names.items() if name not in weights and first in weights}
        return {**weights, **{name: weights[first] for name, first in aliases.items()}}

    return dict(_loaded(file, read))


def read_exported(file: Path, trust: Sequence[str]) -> object:
    """The module of an exported program.

    Some of what such a file can hold is run by torch as Python when it is loaded: a file with any of it is refused,
    unless `trust` has torch.export. Raises `Damaged`.
    """
    torch: Any = framework("torch", "torch")
    if not is_archive(file):
        raise Damaged(f"{file.name} is no exported program")
    check_program(file, trusted="torch.export" in trust)
    with _quiet("torch.export", "torch._export.serde.serialize"):
        return _loaded(file, lambda: torch.export.load(str(file)).module())


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Nothing from these loggers of torch: what went wrong is in the error."""
    loggers = [logging.getLogger(name) for name in names]
    before = [log.disabled for log in loggers]
    try:
        for log in loggers:
            log.disabled = True
        yield
    finally:
        for log, was in zip(loggers, before, strict=True):
            log.disabled = was


def _loaded(file: Path, load: Callable[[], Any]) -> Any:
    """What `load` gives of a file that runs no code. Raises `Damaged`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is deprecated in a file is nothing that its reader can change
            return load()
    except pickle.UnpicklingError as error:
        if found := _GLOBAL.search(str(error)):
            name = next(filter(None, found.groups()))
            raise Damaged(f"{file.name} holds {name}, which is no weight") from error
        raise _incomplete(file, error) from error
    except Exception as error:  # torch has no class of its own for a file that it cannot read
        if found := _OPERATOR.search(str(error)):
            hint = f"import {found[1]} before it is loaded: pip install {found[1]}"
            raise Unsupported(f"{file.name} needs operators of {found[1]}", hint) from error
        raise _incomplete(file, error) from error


def _unpickled(file: Path, load: Callable[[], Any]) -> Any:
    """What `load` gives of a pickle, with torch's own errors named; those of the model's code are left as they are."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return load()
    except (RuntimeError, AssertionError, OSError, struct.error, MemoryError, OverflowError) as error:
        raise _incomplete(file, error) from error


def _incomplete(file: Path, error: Exception) -> Damaged:
    return Damaged(f"{file.name} is no complete model of torch: {said(error)}")
