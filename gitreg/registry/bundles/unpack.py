"""Reading a bundle: every byte is checked against the manifest before anything else looks at it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gitreg.errors import Damaged, NotFound, Refused
from gitreg.format.bundle import (
    BLOCK,
    END,
    BundledFile,
    Manifest,
    format_header,
    manifest_size,
    padding,
    parse_manifest,
)
from gitreg.registry.progress import Moved, Progress, silent
from gitreg.stores.cache import Cache, Payload
from gitreg.stores.disk import told_of

_PIECE = 4 << 20
_ANEW = "it was cut short or changed on its way: copy it again, or have it made anew"


@dataclass(frozen=True)
class Unpacked:
    """A bundle whose files lie in a folder, verified: git's objects, and payloads by md5 in the layout of a cache."""

    path: Path
    manifest: Manifest
    objects: Path
    cache: Cache

    @property
    def payloads(self) -> tuple[Payload, ...]:
        """The payloads that it holds."""
        return tuple(Payload(p.md5, p.sha256, p.size) for p in self.manifest.payloads)


def read_manifest(path: Path) -> Manifest:
    """The manifest of a bundle. NotFound where there is no file, Damaged where it is no bundle."""
    with _opened(path) as reading:
        return _manifest(reading, path)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb", buffering=0) as reading:
            yield reading
    except FileNotFoundError:
        raise NotFound(f"no bundle {path}", "gitreg bundle create REF... -o FILE makes one") from None
    except IsADirectoryError:
        raise Refused(f"{path} is a folder", "name a bundle: the file that gitreg bundle create made") from None


def unpack(path: Path, folder: Path, progress: Progress = silent) -> Unpacked:
    """Unpack a bundle into a new folder. Damaged where a byte of it does not follow from its manifest."""
    folder.mkdir()
    with _opened(path) as reading, told_of(folder):
        manifest = _manifest(reading, path)
        found = Unpacked(path, manifest, folder / "objects", Cache(folder / "cache"))
        with progress("verifying", sum(file.size for _, file in manifest.members())) as moved:
            for name, file in manifest.members():
                if _exactly(reading, BLOCK, path) != format_header(name, file.size):
                    raise Damaged(f"{path} does not hold {name} where its manifest says", _ANEW)
                target = found.cache.path(file.md5) if file.md5 else found.objects
                target.parent.mkdir(parents=True, exist_ok=True)
                _take(reading, target, name, file, path, moved)
                rest = padding(file.size)
                if _exactly(reading, len(rest), path) != rest:
                    raise Damaged(f"{path} holds more than {name} in its place", _ANEW)
        if _exactly(reading, len(END), path) != END or reading.read(1):
            raise Damaged(f"{path} holds more than its manifest says", _ANEW)
    return found


def _manifest(reading: BinaryIO, path: Path) -> Manifest:
    size = manifest_size(_exactly(reading, BLOCK, path), str(path))
    text = _exactly(reading, size, path)
    rest = padding(size)
    if _exactly(reading, len(rest), path) != rest:
        raise Damaged(f"{path} holds more than a manifest in its place", _ANEW)
    return parse_manifest(text, str(path))


def _exactly(reading: BinaryIO, size: int, path: Path) -> bytes:
    parts, left = [], size
    while left and (part := reading.read(left)):
        parts.append(part)
        left -= len(part)
    if left:
        raise Damaged(f"{path} ends too early", _ANEW)
    return b"".join(parts)


def _take(reading: BinaryIO, target: Path, name: str, file: BundledFile, path: Path, moved: Moved) -> None:
    """Write the next member into a new file, durably."""
    digests = [hashlib.sha256(), *([hashlib.md5(usedforsecurity=False)] if file.md5 else [])]
    left = file.size
    with target.open("xb", buffering=0) as writing:
        while left:
            piece = reading.read(min(left, _PIECE))
            if not piece:
                raise Damaged(f"{path} ends within {name}", _ANEW)
            for digest in digests:
                digest.update(piece)
            view = memoryview(piece)
            while len(view):
                view = view[writing.write(view) :]
            left -= len(piece)
            moved(len(piece))
        os.fsync(writing.fileno())
    if [digest.hexdigest() for digest in digests] != [file.sha256, *([file.md5] if file.md5 else [])]:
        raise Damaged(f"{name} in {path} is not what its manifest says: its sha256 or md5 is another one", _ANEW)
