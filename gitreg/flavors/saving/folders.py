"""Frameworks that write to a path of their own choosing: what they wrote, put into the model's directory as streams."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gitreg.flavors._base import ModelDirectory

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Written:
    """The files that went into a model directory, by their paths in it, sorted, and their bytes in all."""

    files: tuple[str, ...]
    size: int


def save_folder(directory: ModelDirectory, name: str, write: Callable[[Path], object]) -> Written:
    """Let `write` fill the folder it is given, and put each file of it into `directory` under `name`/.

    The folder is there and empty when `write` gets it. What it raises passes through, and nothing is left behind.
    """
    scratch = directory.path / f".{name.replace('/', '-')}"
    scratch.mkdir()
    try:
        write(scratch)
        found = sorted(path for path in scratch.rglob("*") if path.is_file())
        sizes = [_move(path, directory, f"{name}/{path.relative_to(scratch).as_posix()}") for path in found]
        return Written(tuple(f"{name}/{path.relative_to(scratch).as_posix()}" for path in found), sum(sizes))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_through(directory: ModelDirectory, name: str, write: Callable[[Path], object]) -> int:
    """Let `write` write the path it is given, and put that file into `directory` as `name`; its bytes."""
    scratch = directory.path / ".scratch"
    scratch.mkdir()
    try:
        path = scratch / name.rpartition("/")[2]  # with its own ending: some frameworks look at that
        write(path)
        return _move(path, directory, name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _move(path: Path, directory: ModelDirectory, name: str) -> int:
    size = path.stat().st_size
    with path.open("rb") as source, directory.create(name) as target:
        shutil.copyfileobj(source, target, _CHUNK)
    path.unlink()  # a large model is not there twice for longer than it must
    return size
