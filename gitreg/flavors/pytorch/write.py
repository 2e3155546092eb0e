"""PyTorch models into files: each tensor goes to the file as it lies in memory, and is held no second time."""

from __future__ import annotations

import json
import pickle
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, cast

from gitreg.errors import Refused, warn
from gitreg.flavors._base import ModelDirectory, framework
from gitreg.flavors._frames import is_array, is_frame
from gitreg.flavors.pytorch.program import check_program
from gitreg.flavors.saving.classes import stable_pickler_class
from gitreg.flavors.saving.folders import write_through
from gitreg.flavors.saving.opcodes import Buffer, Tee
from gitreg.flavors.saving.pickles import PROTOCOL
from gitreg.format.schema import Signature, Tensor

MODULE = "data/model.pth"
PROGRAM = "data/model.pt2"
STATE_DICT = "state_dict.pth"
SAFETENSORS = "model.safetensors"

_PLAIN = (str, bytes, int, float, complex, bool, type(None))
_UNWRITABLE = (pickle.PicklingError, TypeError, AttributeError, RecursionError, RuntimeError, ValueError)


class _Counted:
    """A file for torch.save, which writes a stream and asks nothing."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0

    def write(self, data: Buffer, /) -> int:
        view = memoryview(data)
        self._file.write(data)
        self.size += view.nbytes
        return view.nbytes

    def flush(self) -> None:
        """Whoever opened the file closes it."""


def write_pickled(model: object, directory: ModelDirectory) -> tuple[frozenset[str], int]:
    """Write the module whole; the modules that its pickle names, and the bytes. Raises `Refused`."""
    torch: Any = framework("torch", "torch")
    tees: list[Tee] = []
    try:
        with directory.create(MODULE) as file:
            counted = _Counted(file)
            torch.save(model, counted, pickle_module=_pickling(tees), pickle_protocol=PROTOCOL)
    except _UNWRITABLE as error:
        raise _unwritable(model, "pickle", error) from error
    return frozenset().union(*(tee.modules for tee in tees)), counted.size


def _pickling(tees: list[Tee]) -> types.SimpleNamespace:
    """What torch.save takes for a pickle module; each pickler adds what it writes to `tees`."""
    stable = stable_pickler_class()

    class Hashing(stable):  # type: ignore[misc, valid-type]  # known when torch is there
        def persistent_id(self, obj: object) -> object:
            return _content_of(obj)

    class Pickler(stable):  # type: ignore[misc, valid-type]  # known when torch is there
        def __init__(self, file: Any, protocol: int) -> None:
            tees.append(Tee(file))
            super().__init__(tees[-1], protocol)

        def hashing(self, file: Any) -> Any:
            # A class of a script may refer to tensors: what is in them tells it from others, not where they lie.
            return Hashing(file, PROTOCOL, counting=True)

    return types.SimpleNamespace(__name__="gitreg", Pickler=Pickler)


def _content_of(obj: object) -> object:
    torch: Any = framework("torch", "torch")
    if not torch.is_storage(obj):
        return None
    storage: Any = obj.untyped() if hasattr(obj, "untyped") else obj
    values = torch.empty(0, dtype=torch.uint8).set_(storage.cpu())
    return ("storage", getattr(obj, "dtype", None), sha256(values.numpy()).hexdigest())


def write_script(model: object, directory: ModelDirectory) -> int:
    """Write a TorchScript module; its bytes. Raises `Refused`."""
    torch: Any = framework("torch", "torch")
    try:
        return write_through(directory, MODULE, lambda path: torch.jit.ScriptModule.save(model, str(path)))
    except _UNWRITABLE as error:
        raise _unwritable(model, "TorchScript", error) from error


def write_state_dict(weights: object, directory: ModelDirectory) -> int:
    """Write a dict that loads without any code; its bytes. Raises `Refused` for one that would not."""
    torch: Any = framework("torch", "torch")
    found = _foreign(weights)
    if found:
        hint = "keep tensors, numbers, text, and lists and dicts of them"
        raise Refused(f"a state_dict cannot hold a {found}", hint)
    with directory.create(STATE_DICT) as file:
        counted = _Counted(file)
        torch.save(weights, counted)
    return counted.size


def _foreign(value: object) -> str:
    """The class in `value` that would not load without code of its own, or an empty text."""
    torch: Any = framework("torch", "torch")
    kind = type(value)
    if kind in _PLAIN or kind in (torch.Size, torch.dtype, torch.device) or kind is torch.Tensor:
        return ""
    if kind is torch.nn.Parameter or kind is torch.nn.Buffer:
        return ""
    if isinstance(value, dict) and kind.__module__ in ("builtins", "collections"):
        return next((found for pair in value.items() for part in pair if (found := _foreign(part))), "")
    if kind in (list, tuple, set):
        return next((found for part in cast("list[object]", value) if (found := _foreign(part))), "")
    return f"{kind.__module__}.{kind.__qualname__}"


def write_safetensors(weights: object, directory: ModelDirectory) -> int:
    """Write a dict of tensors without any pickle; its bytes. Raises `Refused` for anything else in it.

    Names of one and the same tensor are written once; the file says which they are.
    """
    torch: Any = framework("torch", "torch")
    files: Any = framework("safetensors.torch", "safetensors")
    tensors: dict[str, Any] = {}
    same: dict[object, str] = {}
    aliases: dict[str, str] = {}
    for name, value in cast("Mapping[str, Any]", weights).items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            message = f"safetensors holds tensors by their names, and {name} is a {type(value).__qualname__}"
            raise Refused(message, "serialization_format='state_dict'")
        if value.layout != torch.strided or value.device.type == "meta":
            raise Refused(f"safetensors holds no tensors like {name}", "serialization_format='state_dict'")
        value = value.detach()
        place = (value.data_ptr(), value.dtype, value.shape, value.stride()) if value.numel() else name
        if name != "format" and (first := same.get(place)):
            aliases[name] = first
        else:
            same[place] = name
            tensors[name] = value.cpu().contiguous()
    metadata = {**aliases, "format": "pt"}
    try:
        return write_through(directory, SAFETENSORS, lambda path: _save_sorted(files, tensors, path, metadata))
    except (RuntimeError, ValueError, KeyError) as error:
        hint = "serialization_format='state_dict' takes tensors that share their memory, and every type"
        raise Refused(f"safetensors does not take these tensors: {said(error)}", hint) from error


def _save_sorted(files: Any, tensors: Mapping[str, Any], path: Path, metadata: Mapping[str, str]) -> None:
    """Save them with the metadata in an order of its own, where the library's is another in every process."""
    files.save_file(tensors, path, metadata)
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(size)
        if len(text) == size:
            file.seek(8)
            file.write(text)


def write_program(
    model: object, directory: ModelDirectory, example: object, signature: Signature | None, *, exported: bool
) -> int:
    """Write an ExportedProgram, or what a module gives when it is exported; its bytes. Raises `Refused`."""
    torch: Any = framework("torch", "torch")
    program = model if exported else _exported(model, example, signature)
    try:
        return write_through(directory, PROGRAM, lambda path: _save_program(torch, program, path))
    except (*_UNWRITABLE, AssertionError) as error:
        raise _unwritable(model, "pt2", error) from error


def _save_program(torch: Any, program: object, path: Path) -> None:
    torch.export.save(program, str(path))
    try:
        check_program(path, trusted=False)
    except Refused as refused:
        warn(f"{refused.message}; {refused.hint}")


def _exported(model: object, example: object, signature: Signature | None) -> object:
    torch: Any = framework("torch", "torch")
    hint = "pass torch.export.export(model, (tensor,)) instead of the module"
    if is_frame(example):
        example = cast(Any, example).to_numpy(dtype="float32")
    if not is_array(example):
        raise Refused("pt2 needs an input_example that is an array or a frame: the model is run with it", hint)
    array: Any = example
    tensor = torch.from_numpy(array.copy())
    spec = signature.inputs[0] if signature is not None and signature.inputs else None
    shape = spec.shape if isinstance(spec, Tensor) else (-1, *array.shape[1:])
    open_dims = {place: torch.export.Dim.AUTO for place, size in enumerate(shape) if size == -1}
    try:
        with evaluating(model):
            return torch.export.export(model, (tensor,), dynamic_shapes=[open_dims or None])
    except Exception as error:  # the user's own code runs, and torch has many classes for what it cannot trace
        raise Refused(f"{type(model).__qualname__} cannot be exported: {said(error)}", hint) from error


@contextmanager
def evaluating(model: object) -> Iterator[None]:
    """All of a module in eval mode, and afterwards each part of it as it was. What was exported has one mode only."""
    module: Any = model
    training = [part for part in module.modules() if part.training]
    try:
        if training:
            with suppress(NotImplementedError):
                module.eval()
        yield
    finally:
        for part in training:
            part.training = True


def _unwritable(model: object, how: str, error: Exception) -> Refused:
    return Refused(f"{type(model).__qualname__} cannot be saved as {how}: {said(error)}")


def said(error: BaseException) -> str:
    """What torch says, without its advice and its stack."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).strip()[:200]
