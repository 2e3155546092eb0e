"""The archives that torch writes, looked into before torch opens them.

torch's own reader is written for files of friends. What is checked here: the archive is whole, its files are no
larger than the archive itself, and it is of the kind that its reader is meant for.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitreg.errors import Damaged

_MOST_TEXT = 1 << 28  # bytes: all source files of a TorchScript archive, which alone are compressed
_MOST_FILES = 1_000_000

_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_WHERE_64 = struct.Struct("<4sIQI")


# A name that is no UTF-8 is a ValueError.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Archive:
    """An archive that is open. `names` are its files without the folder that all of them are in; `root` is that."""

    zip: zipfile.ZipFile
    root: str
    names: frozenset[str]
    file: str

    def read(self, name: str) -> bytes:
        """The content of a file. Raises `Damaged` where its checksum does not fit."""
        try:
            return self.zip.read(f"{self.root}{name}")
        except _UNREADABLE as error:
            raise Damaged(f"{self.file} is no complete archive: {name} cannot be read") from error

    def size(self, name: str) -> int:
        """The bytes of a file."""
        return self.zip.getinfo(f"{self.root}{name}").file_size


def is_archive(file: Path) -> bool:
    with file.open("rb") as source:
        return source.read(4) == b"PK\x03\x04"


@contextmanager
def open_archive(file: Path, *, flat: bool = False) -> Iterator[Archive]:
    """Open an archive of torch. Raises `Damaged` for one that is not whole, or holds more than its own size.

    All its files are in one folder, as torch takes that of the first for the one of all; with `flat` they need not be.
    """
    if not _is_read_alike(file):
        raise Damaged(f"{file.name} is no complete archive of torch: its list of files is not at its end")
    try:
        opened = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, struct.error, ValueError, EOFError, OverflowError, NotImplementedError) as error:
        raise Damaged(f"{file.name} is no complete archive of torch: {error}") from error
    with opened:
        infos = [info for info in opened.infolist() if not info.filename.endswith("/")]
        names = [info.filename for info in infos]
        stored = sum(info.file_size for info in infos if info.compress_type == zipfile.ZIP_STORED)
        packed = sum(info.file_size for info in infos if info.compress_type != zipfile.ZIP_STORED)
        if not names or len({name.lower() for name in names}) != len(names) or len(names) > _MOST_FILES:
            raise Damaged(f"{file.name} is no archive of torch: its files are not one of each name")
        if stored > file.stat().st_size or packed > _MOST_TEXT:
            raise Damaged(f"{file.name} is no archive of torch: its files are larger than itself")
        if any(info.filename != info.orig_filename for info in opened.infolist()):
            raise Damaged(f"{file.name} is no archive of torch: a file of it has two names")
        first = opened.infolist()[0].filename.partition("/")[0] + "/"
        root = first if all(name.startswith(first) for name in names) else ""
        if not root and not flat:
            raise Damaged(f"{file.name} is no archive of torch: its files are not in one folder")
        yield Archive(opened, root, frozenset(name[len(root) :] for name in names), file.name)


def _is_read_alike(file: Path) -> bool:
    """Whether the list of files is right before the end: elsewhere, torch finds another one than Python."""
    end = file.stat().st_size - _END.size
    with file.open("rb") as source:
        source.seek(max(0, end - _WHERE_64.size - _END_64.size))
        tail = source.read()
    if len(tail) < _END.size + _WHERE_64.size + _END_64.size:
        return False
    mark, *_, size, begin, comment = _END.unpack(tail[-_END.size :])
    if mark != b"PK\5\6" or comment:
        return False
    mark, _, where, _ = _WHERE_64.unpack(tail[_END_64.size : -_END.size])
    if mark == b"PK\6\7":
        end -= _WHERE_64.size + _END_64.size
        mark, *_, size, begin = _END_64.unpack(tail[: _END_64.size])
        if mark != b"PK\6\6" or where != end:
            return False
    return bool(begin + size == end)
