"""Where data is read from: a file or stdin, from its start as often as needed, in memory that does not grow."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from gitreg.errors import NotFound, Refused
from gitreg.registry.progress import Moved
from gitreg.registry.use.data.predictions import Kind

STDIN = "-"
NAME_A_FILE = "name a CSV, parquet or JSON file, or - for stdin"

_BUFFER = 1 << 18
_GZIPPED = ".gz"
_ENDINGS: dict[str, Kind] = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".pq": "parquet"}
_PARQUET = b"PAR1"


def kind_of(name: str, content: bytes = b"") -> Kind:
    """CSV, JSON or parquet: by the ending of the file's name, else by how its content begins."""
    return kind_by_name(name) or (
        "parquet" if content.startswith(_PARQUET) else "json" if content.lstrip()[:1] in (b"{", b"[") else "csv"
    )


def kind_by_name(name: str) -> Kind | None:
    """The kind that a file's name tells, None where it tells none. A CSV may be gzipped."""
    lower = name.lower()
    if lower.endswith(f".csv{_GZIPPED}"):
        return "csv"
    return next((kind for ending, kind in _ENDINGS.items() if lower.endswith(ending)), None)


def is_gzipped(name: str) -> bool:
    """Whether a file of that name is gzipped."""
    return name.lower().endswith(_GZIPPED)


class Source(contextlib.AbstractContextManager["Source"]):
    """The data called `name`, a path or "-" for stdin; `what` is what errors call it, `size` its bytes, 0 if unknown.

    What comes through a pipe is kept in a temporary file until nobody will read it again. NotFound and Refused where
    `name` is no file.
    """

    def __init__(self, name: str | os.PathLike[str]) -> None:
        self.name = os.fspath(name)
        self.what = "the data" if self.name == STDIN else self.name
        self._path = Path(self.name)
        self._piped: io.BufferedReader | None = None
        self._kept: IO[bytes] | None = None
        self._begun = False
        if self.name != STDIN and self._path.is_dir():
            raise Refused(f"{self._path} is a folder", NAME_A_FILE)
        if self.name != STDIN and not self._path.exists():
            raise NotFound(f"no file {self._path}", NAME_A_FILE)
        self._is_file = self.name != STDIN and self._path.is_file()
        self.size = self._path.stat().st_size if self._is_file else 0

    def __exit__(self, *_: object) -> None:
        if self._kept is not None:
            self._kept.close()

    @property
    def kind(self) -> Kind:
        """The kind of the data; what has no telling name is looked into."""
        known = kind_by_name(self.name)
        if known is not None:
            return known
        if not self._is_file:
            return kind_of(self.name, self._pipe().peek(64))
        with self._path.open("rb") as stream:
            return kind_of(self.name, stream.read(64))

    def open(self, moved: Moved) -> BinaryIO:
        """The bytes from the start; `moved` hears how many of a file's were read.

        A pipe may be opened again when it was read to its end.
        """
        if self._is_file:
            found = io.BufferedReader(_Read(self._path.open("rb"), moved), _BUFFER)
            return cast(BinaryIO, gzip.GzipFile(fileobj=found) if is_gzipped(self.name) else found)
        if not self._begun:
            self._begun = True
            return self._pipe()
        assert self._kept
        self._kept.seek(0)
        return cast(BinaryIO, self._kept)

    def forget(self) -> None:
        """Nobody will open it again."""
        if isinstance(self._piped, io.BufferedReader):
            cast(_Read, self._piped.raw).kept = None

    def seekable(self) -> BinaryIO:
        """The data as a file in which one may look anywhere."""
        if self._is_file:
            return self._path.open("rb")
        with self.open(lambda _: None) as stream:
            while stream.read(_BUFFER):
                pass
        return self.open(lambda _: None)

    def _pipe(self) -> io.BufferedReader:
        if self._piped is None:
            stream = sys.stdin.buffer if self.name == STDIN else self._path.open("rb")
            self._kept = tempfile.TemporaryFile()  # noqa: SIM115  # __exit__ closes it
            self._piped = io.BufferedReader(_Read(stream, lambda _: None, self._kept), _BUFFER)
        return self._piped


class _Read(io.RawIOBase):
    """A stream that tells how much of it was read, and writes that into the file `kept`."""

    def __init__(self, stream: Any, moved: Moved, kept: IO[bytes] | None = None) -> None:
        self._stream = stream
        self._moved = moved
        self.kept = kept

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = int(self._stream.readinto1(buffer))
        self._moved(count)
        if self.kept is not None:
            self.kept.write(buffer[:count])
        return count

    def close(self) -> None:
        if self._stream is not sys.stdin.buffer:
            self._stream.close()
        super().close()
