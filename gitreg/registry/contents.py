"""The files of a model directory: which stay in Git, which become payloads (docs/format.md 1.2)."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from gitreg.errors import NotFound, Refused
from gitreg.format.config import Config
from gitreg.format.names import check_path, check_paths, is_payload_name
from gitreg.format.pointer import Pointer, format_pointer
from gitreg.format.sums import Sums, format_sums, make_sums
from gitreg.registry.progress import Progress, silent
from gitreg.stores.cache import Cache, Payload

SUMS = "SHA256SUMS"
MODEL_FILE = "MLmodel"
_NOT_OURS = frozenset({SUMS, "registered_model_meta"})


@dataclass(frozen=True)
class StoredFile:
    """A file of a run: its bytes where they stay in Git, else the payload that holds them."""

    path: str
    sha256: str
    size: int
    content: bytes | None = None
    payload: Payload | None = None


class StagedDirectory:
    """A folder a flavor writes a model into; what it creates as a stream goes straight into the payload cache."""

    def __init__(self, path: Path, cache: Cache) -> None:
        self.path = path
        self.cache = cache
        self.payloads: dict[str, Payload] = {}

    @contextlib.contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """A file to write `name` (relative) into, as one stream."""
        check_path(name)
        with self.cache.writer() as stream:
            yield cast(BinaryIO, stream)
        self.payloads[name] = stream.payload


def collect(
    folder: Path, cache: Cache, config: Config, streamed: Mapping[str, Payload] | None = None, *, move: bool = False,
    progress: Progress = silent,
) -> tuple[StoredFile, ...]:  # fmt: skip
    """The files below `folder` (and those already `streamed`), payloads in the cache, sorted by path.

    With `move` the payloads are taken out of `folder`, otherwise copied. Symlinks to files are followed.
    Refused where a name may not be in a run.
    """
    streamed = dict(streamed or {})
    found = check_files(folder, streamed)
    in_git = {p: s for p, s in found.items() if p == MODEL_FILE or not (is_payload_name(p) or s > config.git_limit)}
    for path in sorted((p for p in in_git if p != MODEL_FILE), key=lambda p: (-in_git[p], p)):
        if sum(in_git.values()) <= config.model_limit:
            break
        del in_git[path]
    files = [StoredFile(path, payload.sha256, payload.size, payload=payload) for path, payload in streamed.items()]
    rest = [path for path in found if path not in streamed]
    with progress("hashing", sum(found[path] for path in rest if path not in in_git)) as moved:
        for path in rest:
            if path in in_git:
                files.append(in_git_file(path, (folder / path).read_bytes()))
            else:
                take = cache.adopt if move and not (folder / path).is_symlink() else cache.add
                payload = take(folder / path, moved)
                files.append(StoredFile(path, payload.sha256, payload.size, payload=payload))
    return tuple(sorted(files, key=lambda file: file.path.encode()))


def check_files(folder: Path, streamed: Mapping[str, Payload] | None = None) -> dict[str, int]:
    """The sizes of the files below `folder` that a run would hold; Refused where a name may not be in one."""
    found = {path: size for path, size in _walk(folder) if path not in _NOT_OURS}
    check_paths([*found, *(streamed or {})])
    return found


def in_git_file(path: str, content: bytes) -> StoredFile:
    """A file that stays in Git."""
    return StoredFile(path, hashlib.sha256(content).hexdigest(), len(content), content=content)


def _walk(folder: Path) -> Iterator[tuple[str, int]]:
    if not folder.is_dir():
        raise NotFound(f"no folder {folder}", "name a model directory: one with a file MLmodel in it")
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names + [f for f in folders if Path(parent, f).is_symlink()]):
            path = Path(parent, name)
            if not path.is_file():
                raise Refused(f"{path} is not a file", "a run holds plain files, and symlinks to them; remove it")
            yield path.relative_to(folder).as_posix(), path.stat().st_size


def sums_of(files: Sequence[StoredFile]) -> Sums:
    """The SHA256SUMS of a model directory."""
    return make_sums({file.path: file.sha256 for file in files})


def git_files(files: Sequence[StoredFile], under: str = "", *, sums: str = SUMS) -> dict[str, bytes]:
    """What is committed for `files` below the folder `under`: contents, pointers, and their sums."""
    prefix = f"{under}/" if under else ""
    committed: dict[str, bytes] = {}
    for file in files:
        if file.payload is None:
            committed[prefix + file.path] = file.content or b""
        else:
            name = file.path.rsplit("/", 1)[-1]
            text = format_pointer(Pointer(name, file.payload.md5, file.payload.size))
            committed[f"{prefix}{file.path}.dvc"] = text.encode()
    if sums:
        committed[prefix + sums] = format_sums(sums_of(files)).encode()
    return committed
