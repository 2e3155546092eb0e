"""skops files, written so that the same model always gives the same bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast
from zipfile import BadZipFile, ZipFile, ZipInfo

from gitreg.errors import Damaged, Refused
from gitreg.flavors._base import Missing, ModelDirectory, framework
from gitreg.flavors.saving.opcodes import Writable

_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip file can hold


def names_of_types(value: object) -> tuple[str, ...]:
    """The option skops_trusted_types: names, or the types themselves, as names. Raises `Refused`."""
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise Refused("skops_trusted_types is no list of names", "skops_trusted_types=['module.Class']")
    return tuple(v if isinstance(v, str) else f"{v.__module__}.{v.__qualname__}" for v in value)


class _Stream:
    """A file that can only be written to, and counts."""

    def __init__(self, file: Writable) -> None:
        self._file = file
        self.size = 0

    def write(self, data: bytes | memoryview, /) -> int:
        self._file.write(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


def write_skops(
    model: object, directory: ModelDirectory, name: str, trusted: Sequence[str]
) -> tuple[frozenset[str], int]:
    """Write `model` to the payload `name`; returns the modules it names and its size in bytes.

    Raises `Refused` where it holds types that skops neither knows nor finds in `trusted`.
    """
    skops = framework("skops.io", "skops")
    buffer = io.BytesIO()
    try:
        skops.dump(model, buffer)
    except Exception as error:  # skops asks the model's own code for its state
        raise Refused(
            f"{type(model).__qualname__} cannot be saved with skops: {error}", "serialization_format='cloudpickle'"
        ) from error
    unknown = sorted(set(skops.get_untrusted_types(data=buffer.getvalue())) - set(trusted))
    if unknown:
        raise Refused(f"skops does not trust {', '.join(unknown)}", f"skops_trusted_types={unknown}")
    with directory.create(name) as file:
        return _write_again(buffer, _Stream(cast(Writable, file)))


def _write_again(source: io.BytesIO, stream: _Stream) -> tuple[frozenset[str], int]:
    """Copy a skops file without what differs from process to process: addresses, random names and times."""
    with ZipFile(source) as old, ZipFile(cast(io.BytesIO, stream), "w") as new:
        schema = json.loads(old.read("schema.json"))
        renumbering = _Renumbering()
        schema = renumbering.apply(schema)
        for info in old.infolist():
            if info.filename in renumbering.files:
                new.writestr(ZipInfo(renumbering.files[info.filename], _NO_TIME), old.read(info))
        new.writestr(ZipInfo("schema.json", _NO_TIME), json.dumps(schema, indent=2))
    return frozenset(renumbering.modules), stream.size


class _Renumbering:
    """Counts ids and files of a skops schema from 0, in the order they come; collects its modules."""

    def __init__(self) -> None:
        self.ids: dict[int, int] = {}
        self.files: dict[str, str] = {}
        self.modules: set[str] = set()

    def apply(self, node: object) -> object:
        if isinstance(node, list):
            return [self.apply(item) for item in node]
        if not isinstance(node, dict) or "__loader__" not in node:
            return {k: self.apply(v) for k, v in node.items()} if isinstance(node, dict) else node
        result: dict[str, object] = {}
        for key, value in node.items():
            if key == "__id__" and isinstance(value, int):
                result[key] = self.ids.setdefault(value, len(self.ids))
            elif key == "file" and isinstance(value, str):
                result[key] = self.files.setdefault(value, f"{len(self.files)}{Path(value).suffix}")
            else:
                if key == "__module__" and isinstance(value, str):
                    self.modules.add(value)
                result[key] = self.apply(value)
        return result


def read_skops(path: Path, trust: Sequence[str]) -> object:
    """The object in a skops file.

    Only types that skops knows or `trust` names are loaded, whatever the model's own MLmodel says: else `Refused`.
    """
    skops = framework("skops.io", "skops")
    exceptions = framework("skops.io.exceptions", "skops")
    try:
        return skops.load(path, trusted=list(trust))
    except exceptions.UntrustedTypesFoundException as error:
        unknown = sorted(set(skops.get_untrusted_types(file=path)) - set(trust))
        message = f"{path.name} holds types that are not trusted: {', '.join(unknown)}"
        raise Refused(message, f"trust={unknown}") from error
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        raise Missing(module, module) from error
    except (BadZipFile, KeyError, EOFError) as error:
        raise Damaged(f"{path.name} is no complete skops file: {error}") from error
