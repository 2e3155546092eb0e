"""PyTorch: modules pickled whole, TorchScript, exported programs (pt2), and weights alone.

A module that was pickled whole runs code of the model where it is loaded, as every pickle does. The other formats
hold none: TorchScript, pt2, a state_dict, safetensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from gitreg.errors import Damaged, Refused, Unsupported
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
from gitreg.flavors.pytorch.predict import predictor_of
from gitreg.flavors.pytorch.read import read_exported, read_module, read_safetensors, read_state_dict
from gitreg.flavors.pytorch.write import (
    MODULE,
    PROGRAM,
    SAFETENSORS,
    STATE_DICT,
    write_pickled,
    write_program,
    write_safetensors,
    write_script,
    write_state_dict,
)
from gitreg.flavors.saving.pickles import install_again
from gitreg.format.schema import Signature

NAME = "pytorch"
DISTRIBUTIONS = ("torch",)

_DATA = "data"
_INFO = f"{_DATA}/pickle_module_info.txt"
_PICKLE_MODULE = "mlflow.pytorch.pickle_module"
_FORMATS = ("pickle", "pt2", "state_dict", "safetensors")
_WEIGHTS = {"state_dict": ("torch",), "safetensors": ("torch", "safetensors")}  # and what each needs
_PREDICTS = ("torch", "numpy")
_OPTIONS = ("serialization_format", "export_model")
_FILES = {"pickle": MODULE, "pt2": PROGRAM, "state_dict": STATE_DICT, "safetensors": SAFETENSORS}


def detect(model: object) -> bool:
    return _is_module(model) or _is_program(model) or _is_state_dict(model)


def _is_module(model: object) -> bool:
    return has_base(model, "torch.nn.modules.module", "Module")


def _is_script(model: object) -> bool:
    return has_base(model, "torch.jit._script", "ScriptModule")


def _is_program(model: object) -> bool:
    return has_base(model, "torch.export.exported_program", "ExportedProgram")


def _is_state_dict(model: object) -> bool:
    if not isinstance(model, dict) or not model:
        return False
    return all(isinstance(name, str) for name in model) and all(
        has_base(value, "torch", "Tensor") or name.endswith("_extra_state") for name, value in model.items()
    )


def save(model: object, directory: ModelDirectory, **options: object) -> Saved:
    """Write the model as `save_by_example` does, without an example."""
    return save_by_example(model, directory, None, None, **options)


def save_by_example(
    model: object, directory: ModelDirectory, example: object, signature: Signature | None, **options: object
) -> Saved:
    """Write the model in the format that suits it, or in `serialization_format`.

    A module is pickled whole; a TorchScript module is written as TorchScript, which `pickle` means for it; an
    ExportedProgram as pt2; a dict of tensors as a state_dict. `pt2` of a module exports it in eval mode with `example`,
    which is an array or a frame: dimensions that the signature leaves open stay so. `state_dict` and `safetensors`
    keep the weights of a module alone: loading gives the dict, and there is no python_function.
    """
    take_options(options, _OPTIONS, NAME)
    if not detect(model) and not isinstance(model, dict):
        raise Refused(f"a {type(model).__qualname__} is no PyTorch model", "leave out flavor='pytorch'")
    how = _format_of(model, options)
    own = {"model_data": _DATA, "pytorch_version": loaded_version("torch"), "code": None}
    if how in _WEIGHTS:
        weights = cast(Any, model).state_dict() if _is_module(model) else model
        size = write_state_dict(weights, directory) if how == "state_dict" else write_safetensors(weights, directory)
        return Saved({NAME: own | {"model_data": _FILES[how]}}, frozenset(), _WEIGHTS[how], size, (_FILES[how],))

    modules, needs = frozenset[str](), list(_PREDICTS)
    if how == "pt2":
        size = write_program(model, directory, example, signature, exported=_is_program(model))
    elif _is_script(model):
        size = write_script(model, directory)
    else:
        modules, size = write_pickled(model, directory)
        needs.append("cloudpickle")
    if how == "pickle":
        info = directory.path / _INFO
        info.parent.mkdir(exist_ok=True)
        info.write_text(_PICKLE_MODULE, "utf-8")
    pyfunc = {
        "loader_module": "mlflow.pytorch",
        "data": _DATA,
        "pickle_module_name": _PICKLE_MODULE,
        "config": {"device": None},
    }
    return Saved({NAME: own, "python_function": pyfunc}, modules, tuple(needs), size, (_FILES[how],))


def _format_of(model: object, options: Options) -> str:
    """The format to write `model` in. Raises `Refused` for one that it cannot have."""
    own = "pt2" if _is_program(model) else "pickle" if _is_module(model) else "state_dict"
    asked = text_option(options, "serialization_format", "pt2" if options.get("export_model") else own)
    if asked not in _FORMATS:
        raise Refused(f"no serialization_format {asked}", f"one of: {', '.join(_FORMATS)}")
    if options.get("export_model") and asked != "pt2":
        raise Refused(f"export_model writes pt2, and serialization_format is {asked}", "leave out export_model")
    can: tuple[str, ...] = _FORMATS
    if own == "pt2":
        can = ("pt2",)
    elif own == "state_dict":
        can = ("state_dict", "safetensors")
    elif _is_script(model):
        can = ("pickle", "state_dict", "safetensors")
    if asked not in can:
        kind = type(model).__qualname__
        raise Refused(f"a {kind} cannot be saved as {asked}", f"serialization_format='{can[0]}'")
    return asked


def load(path: Path, options: Options, trust: Sequence[str]) -> object:
    """A module in eval mode, or the dict of a state_dict.

    Of an ExportedProgram it is its module, as MLflow has it. What lies on a device that is not here comes to the CPU.
    """
    framework("torch", "torch")
    key = "model_data" if "model_data" in options else "data"
    file = _file_in(inside(path, options.get(key), key))
    try:
        if file.suffix == ".safetensors":
            return read_safetensors(file)
        if file.suffix == ".pt2":
            return read_exported(file, trust)
        if file.name == STATE_DICT:
            return read_state_dict(file)
        return read_module(file, trust)
    except Damaged as damaged:
        saved_with, here = text_option(options, "pytorch_version", ""), loaded_version("torch")
        if saved_with and saved_with.partition(".")[0] != here.partition(".")[0]:
            message = f"{file.name} was written by torch {saved_with}, and {here} does not read it"
            raise Unsupported(message, install_again(path / file.name)) from damaged
        raise


def _file_in(where: Path) -> Path:
    if not where.is_dir():
        return where
    for name in ("model.pth", "model.pt2", STATE_DICT):
        if (where / name).is_file():
            return where / name
    raise Damaged(f"{where.name} holds neither model.pth nor model.pt2")


def predictor(native: object, options: Options) -> Predict:
    """The module called with one tensor: of a frame that of its values as float32, of an array that of its own type."""
    if _is_program(native):
        native = cast(Any, native).module()
    if not _is_module(native):
        raise Unsupported(f"a {type(native).__qualname__} of weights has no predict", "load the native model instead")
    config = options.get("config")
    device = config.get("device") if isinstance(config, dict) else None
    return predictor_of(native, device)
