"""The file of a Keras model, a zip: looked into before Keras opens it, and written without clock and addresses."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from gitreg.errors import Damaged
from gitreg.flavors._base import ModelDirectory
from gitreg.flavors.keras.config import renumber

_METADATA = "metadata.json"
_CONFIG = "config.json"
_WEIGHTS = ("model.weights.h5", "model.weights.npz")
_ASSETS = "assets/"

_LONGEST = 64 << 20  # bytes of a text in the archive
_EXPANSION = 100  # Keras compresses nothing; somebody may have packed it again
_SLACK = 1 << 20
_CHUNK = 1 << 20
_NO_DATE = "1980-01-01@00:00:00"  # as a zip without dates has it
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class Archive:
    """What a .keras file holds: its configuration, and the bytes of its weights."""

    config: dict[str, object]
    weights: int


def read_archive(file: Path) -> Archive:
    """Look into a .keras file. Raises `Damaged` for what Keras would not have written.

    That is a file cut short, members of other names, paths that lead outside, links, passwords, two members of one
    name, and texts or members that grow out of all proportion.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = _checked(archive, file.name)
            config = _json(archive, _CONFIG, file.name)
            weights = sum(info.file_size for name, info in members.items() if name in _WEIGHTS)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise Damaged(f"{file.name} is no complete Keras model: {error}") from error
    return Archive(config, weights)


def _checked(archive: zipfile.ZipFile, file: str) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename
        if name in found:
            raise Damaged(f"{file} holds {name} twice")
        found[name] = info
        if name not in (_METADATA, _CONFIG, *_WEIGHTS) and not _is_asset(info):
            raise Damaged(f"{file} holds {name!r}, which no Keras model does")
        if info.flag_bits & _ENCRYPTED:
            raise Damaged(f"{file}: {name} is encrypted")
        if info.file_size > _EXPANSION * info.compress_size + _SLACK:
            raise Damaged(f"{file}: {name} has {info.compress_size} bytes and says it becomes {info.file_size}")
    for wanted in ((_CONFIG,), _WEIGHTS):
        if not any(name in found for name in wanted):
            raise Damaged(f"{file} is no Keras model: it lacks {wanted[0]}")
    return found


def _is_asset(info: zipfile.ZipInfo) -> bool:
    """Whether a member lies below assets/, as a plain file or folder."""
    name = info.filename
    parts = name.rstrip("/").split("/")
    plain = not stat.S_ISLNK(info.external_attr >> 16)
    inside = not any(part in ("", ".", "..") for part in parts) and not set(name) & set("\\:\0")
    return name.startswith(_ASSETS) and plain and inside


def _json(archive: zipfile.ZipFile, name: str, file: str) -> dict[str, object]:
    if archive.getinfo(name).file_size > _LONGEST:
        raise Damaged(f"{file}: {name} is longer than {_LONGEST} bytes")
    return parse_config(archive.read(name), f"{file}: {name}")


def parse_config(text: bytes | str, what: str) -> dict[str, object]:
    """The JSON object `text`. Raises `Damaged`."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{what} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Damaged(f"{what} is no JSON object")
    return cast(dict[str, object], found)


class _Stream:
    """A file to which a zip is written front to back, so that it has the same bytes wherever it goes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()


def write_archive(source: Path, directory: ModelDirectory, name: str) -> tuple[Archive, int]:
    """Put the .keras file `source` into `directory` as `name`, without dates and addresses of memory.

    Returns what it holds, and its bytes.
    """
    held = read_archive(source)
    with zipfile.ZipFile(source) as old, directory.create(name) as file:
        stream = _Stream(file)
        rewrite: dict[str, Callable[[dict[str, object]], object]] = {_CONFIG: renumber, _METADATA: _undated}
        # zipfile asks for no more than write and flush of a file that it cannot tell the position of.
        with zipfile.ZipFile(cast(BinaryIO, stream), "w") as new:
            for info in sorted(old.infolist(), key=_order):
                if info.is_dir():
                    continue
                fresh = zipfile.ZipInfo(info.filename)
                fresh.file_size = info.file_size
                if change := rewrite.get(info.filename):
                    new.writestr(fresh, json.dumps(change(_json(old, info.filename, source.name))))
                else:
                    with old.open(info) as member, new.open(fresh, "w") as target:
                        shutil.copyfileobj(member, target, _CHUNK)
    return held, stream.size


def _undated(metadata: dict[str, object]) -> object:
    return {**metadata, "date_saved": _NO_DATE}


def _order(info: zipfile.ZipInfo) -> tuple[int, str]:
    first = (_METADATA, _CONFIG, *_WEIGHTS)
    return (first.index(info.filename) if info.filename in first else len(first), info.filename)
