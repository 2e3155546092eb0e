"""What a file system refuses, in words; and folders that go although they are read-only."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from gitreg.errors import Refused

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
LOCKED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


@contextlib.contextmanager
def told_of(folder: Path, unlock: str = "") -> Iterator[None]:
    """Raise Refused, naming `folder`, where the disk is full.

    With `unlock`, the hint for it, also where a file below it may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            hint = "free some space, then give the same command again"
            raise Refused(f"no space left on the disk for {folder}", hint) from error
        if error.errno in LOCKED and unlock and _is_below(error.filename, folder):
            reason = "the disk is read-only" if error.errno == errno.EROFS else "permission denied"
            raise Refused(f"cannot write to {folder}: {reason}", unlock) from error
        raise


def _is_below(name: object, folder: Path) -> bool:
    return isinstance(name, str | bytes) and Path(os.fsdecode(name)).is_relative_to(folder)


def remove_folder(folder: str | os.PathLike[str]) -> None:
    """Remove a folder and all that is in it, read-only folders too; what cannot go stays."""
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.isdir(folder) and not os.path.islink(folder):
        for parent, _, _ in os.walk(folder):
            with contextlib.suppress(OSError):
                os.chmod(parent, 0o700)
        shutil.rmtree(folder, ignore_errors=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file that appears complete or not at all; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{uuid.uuid4().hex}")
    partial.write_bytes(content)
    partial.replace(path)
