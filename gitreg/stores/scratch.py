"""Folders for half-written things: complete ones are moved out, the rest does not outlive its program for long."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

from gitreg.stores.disk import remove_folder


@contextlib.contextmanager
def scratch(parent: Path, prefix: str = "") -> Iterator[Path]:
    """A new folder `<prefix><32 hex>` below `parent`; it is removed when it is left, unless it was moved away.

    Folders of that name whose programs were killed are removed first.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / f"{prefix}{uuid.uuid4().hex}"
    with contextlib.ExitStack() as held:
        try:  # Ctrl-C may come right after the folder was made
            # Whoever sweeps holds the parent: no folder is seen between its making and its locking.
            with locked(parent, wait=True) as alone:
                if alone:
                    _sweep(parent, prefix)
                folder.mkdir()
                held.enter_context(locked(folder, wait=True))
            yield folder
        finally:
            remove_folder(folder)


def _sweep(parent: Path, prefix: str) -> None:
    ours = re.compile(re.escape(prefix) + "[0-9a-f]{32}")
    with os.scandir(parent) as entries:
        found = [entry.path for entry in entries if ours.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)]
    for path in found:
        with contextlib.suppress(OSError), locked(Path(path), wait=False) as left:
            if left:
                remove_folder(path)


@contextlib.contextmanager
def locked(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock of a folder; False where another program does, or where this file system has no locks."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)
