"""Exported programs of torch (pt2), read before torch reads them.

An exported program is a graph in JSON with raw tensors beside it, and needs no code. Yet torch's reader evaluates some
of its texts as Python (sizes, guards, names), looks functions up by dotted names, and unpickles what the JSON says is
pickled. Here every such text must be of the few forms that torch.export writes for a plain model.
"""

from __future__ import annotations

import io
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gitreg.errors import Damaged, GitregError, Refused, Unsupported, shown
from gitreg.flavors._base import framework
from gitreg.flavors.pytorch.archive import Archive, open_archive
from gitreg.flavors.pytorch.sizes import is_size

_OLD = "serialized_exported_program.json"
_LARGEST = 1 << 28  # bytes: the JSON of a graph

_WORD = re.compile(r"(?:[A-Za-z_]\w*)?")
_DOTTED = re.compile(r"[^\"'\\\x00-\x1f]*")  # parts of it come to stand between quotes in generated code
_OTHER = re.compile(r"[\w.:+<=>/ -]*")
_OPERATORS = (
    "add|sub|mul|truediv|floordiv|mod|pow|neg|pos|abs|eq|ne|lt|le|gt|ge|and_|or_|xor|not_|lshift|rshift|getitem"
)
_BRANCHES = "cond|while_loop|map_impl|scan|associative_scan|wrap_with_set_grad_enabled|wrap_with_autocast"
_TARGET = re.compile(
    r"torch\.ops\.(?:aten|prims?|quantized|quantized_decomposed|torchvision|torchaudio)\.(?!save\.|from_file\.)\w+\.\w+"
    rf"|torch\.ops\.higher_order\.(?:{_BRANCHES})|_operator\.(?:{_OPERATORS})|math\.[a-z]\w*"
    r"|torch\._?sym_\w+|torch\._check(?:_is_size)?"
)
_SPECS = ("builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict", None)

_TEXTS = re.compile(r"archive_format|archive_version|byteorder|\.?version|\.data/\w+|\.\w+|extra(?:_files)?/.*")
_CONFIGS = re.compile(r"data/(?:weights|constants)/\w+_config\.json")
_TENSORS = re.compile(r"data/(?:weights/weight|constants/tensor)_\d+")
_PICKLES = re.compile(r"data/(?:weights|constants|sample_inputs)/\w+\.pt|serialized_\w+\.pt")


def check_program(file: Path, *, trusted: bool) -> None:
    """Raises `Damaged` for a file that is no exported program, `Refused` for one whose reading may run code.

    Where it is `trusted` the second is not asked.
    """
    with open_archive(file, flat=True) as archive:
        names = archive.names
        new = bool(archive.root)
        told = archive.read("archive_format") if new and "archive_format" in names else b""
        if told != b"pt2" and (new or not {_OLD, "version"} <= names):
            raise Damaged(f"{file.name} is no exported program of torch")
        if not trusted:
            for name in sorted(names):
                _check_file(archive, name)


def _check_file(archive: Archive, name: str) -> None:
    if _TEXTS.fullmatch(name) or _TENSORS.fullmatch(name):
        return
    if name == _OLD or re.fullmatch(r"models/\w+\.json", name):
        check_graph(_json(archive, name), archive.file)
    elif _CONFIGS.fullmatch(name):
        _check_config(archive, name)
    elif _PICKLES.fullmatch(name):
        _check_weights(archive, name)
    else:
        raise _code(archive.file, f"the file {shown(name)}")


def _code(file: str, what: str) -> GitregError:
    return Refused(f"{file} may run code when it is loaded: {what}", "trust=['torch.export'] loads it all the same")


def _json(archive: Archive, name: str) -> Any:
    if archive.size(name) > _LARGEST:
        raise Damaged(f"{archive.file} is no exported program of torch: {name} is too large")
    try:
        return json.loads(archive.read(name).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{archive.file} is no exported program of torch: {name} is no JSON") from error


def _check_config(archive: Archive, name: str) -> None:
    """Tensors are raw bytes, of as many as their sizes tell, and on a device that is here."""
    config = _json(archive, name)
    entries = config.get("config") if isinstance(config, dict) else None
    if not isinstance(entries, dict):
        raise Damaged(f"{archive.file} is no exported program of torch: {name} lists no tensors")
    folder = name.rpartition("/")[0]
    for entry in entries.values():
        path = f"{folder}/{entry.get('path_name')}" if isinstance(entry, dict) else ""
        if not path or entry.get("use_pickle") is not False or not _TENSORS.fullmatch(path):
            raise _code(archive.file, f"{name} has a pickled entry")
        if path not in archive.names:
            raise Damaged(f"{archive.file} is no complete exported program: {path} is missing")
        check_graph(entry, archive.file)
        meta = entry.get("tensor_meta") or {}
        sizes = [size.get("as_int") if isinstance(size, dict) else None for size in meta.get("sizes") or ()]
        if not archive.size(path) and 0 not in sizes:
            raise Damaged(f"{archive.file} is no complete exported program: {path} is empty")
        _check_device(archive.file, (meta.get("device") or {}).get("type"))


def _check_device(file: str, device: object) -> None:
    torch: Any = framework("torch", "torch")
    if device == "cuda" and not torch.cuda.is_available():
        message = f"{file} was exported for cuda, which is not here"
        raise Unsupported(message, "save it again with a model on the CPU: model.cpu()")


def _check_weights(archive: Archive, name: str) -> None:
    """torch falls back to a pickle with code where this fails, so it must not fail."""
    torch: Any = framework("torch", "torch")
    content = archive.read(name)
    if not content:
        return
    try:
        torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _code(archive.file, f"{name} holds more than tensors") from error
    except Exception as error:  # whatever torch finds: it is read no further
        raise Damaged(f"{archive.file} is no complete exported program: {name} cannot be read") from error


def check_graph(graph: object, file: str) -> None:
    """Raises `Refused` for a text in the JSON of a graph that torch may take for code."""
    try:
        _check(graph, "", file)
    except RecursionError as error:
        raise Damaged(f"{file} is no exported program of torch: its graph is too deep") from error


def _check(value: object, key: str, file: str) -> None:
    if isinstance(value, dict):
        for name, part in value.items():
            # torch keeps what the metadata of a node and of a graph say; a tensor may be called metadata, too.
            if name != "metadata" or key not in ("nodes", "graph_module"):
                _check(part, name, file)
    elif isinstance(value, list):
        for part in value:
            _check(part, key, file)
    elif isinstance(value, str) and not _RULES.get(key, _OTHER.fullmatch)(value):
        raise _code(file, f"{key} is {shown(value)}")


def _is_spec(text: str) -> bool:
    """Whether a description of nested arguments names tuples, lists and dicts only."""
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, list) and len(found) == 2 and _is_nested(found[1])


def _is_nested(spec: object) -> bool:
    if not isinstance(spec, dict) or spec.get("type") not in _SPECS:
        return False
    context = spec.get("context")
    names = json.loads(context) if isinstance(context, str) else context
    plain = names is None or (isinstance(names, list) and all(_is_key(name) for name in names))
    children = spec.get("children_spec")
    return plain and isinstance(children, list) and all(map(_is_nested, children))


def _is_key(name: object) -> bool:
    return isinstance(name, int) or (isinstance(name, str) and bool(_DOTTED.fullmatch(name)))


_RULES: dict[str, Callable[[str], object]] = {
    "as_string": lambda text: True,  # written into code by repr
    "as_strings": lambda text: True,
    "name": _WORD.fullmatch,
    "as_name": _WORD.fullmatch,
    "field_names": _WORD.fullmatch,
    "forward_arg_names": _WORD.fullmatch,
    "target": _TARGET.fullmatch,
    "as_operator": _TARGET.fullmatch,
    "expr_str": is_size,
    "guards_code": is_size,
    "in_spec": _is_spec,
    "out_spec": _is_spec,
    "parameter_name": _DOTTED.fullmatch,
    "buffer_name": _DOTTED.fullmatch,
    "tensor_constant_name": _DOTTED.fullmatch,
    "custom_obj_name": _DOTTED.fullmatch,
    "user_input_name": _DOTTED.fullmatch,
    "fqn": _DOTTED.fullmatch,
}
