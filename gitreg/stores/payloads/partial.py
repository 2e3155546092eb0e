"""Downloads that are not finished: each is one program's own, and taken over when that program is no more."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from gitreg.stores.disk import FULL

_SUFFIX = ".part"
_PIECE = 4 << 20


class Digest(Protocol):
    """A hash that takes bytes."""

    def update(self, data: bytes, /) -> object:
        """Take more bytes."""


class Partial:
    """A file under a name of its own, open for reading and writing; it is ours as long as it is open."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path, self._fd = path, fd
        self._lock = threading.Lock()
        self._closed = False

    def size(self) -> int:
        """How many bytes are there."""
        return os.fstat(self._fd).st_size

    def empty(self) -> None:
        """Begin again."""
        with self._lock:
            if not self._closed:
                os.ftruncate(self._fd, 0)

    def feed(self, longest: int, digests: Sequence[Digest]) -> int:
        """Let the digests have what is there, and cut off what is more than `longest` bytes; how many there are."""
        with self._lock:
            if self._closed:
                return 0
            os.ftruncate(self._fd, min(self.size(), longest))
            at = 0
            while piece := os.pread(self._fd, _PIECE, at):
                at += len(piece)
                for digest in digests:
                    digest.update(piece)
            return at

    def append(self, piece: bytes) -> None:
        """Write at the end, unless it was closed: whoever is cancelled does not wait for its last write."""
        with self._lock:
            at = 0 if self._closed else self.size()
            view = memoryview(b"" if self._closed else piece)
            while len(view):
                written = os.pwrite(self._fd, view, at)
                view, at = view[written:], at + written

    def sync(self) -> None:
        """Make it durable."""
        with self._lock:
            if not self._closed:
                os.fsync(self._fd)

    def is_at_its_name(self) -> bool:
        """Whether it was neither moved nor removed."""
        return _is_at(self._fd, self.path)

    def close(self) -> None:
        """Give it up, so that others may take it over."""
        with self._lock:
            self._closed = True
            os.close(self._fd)


@contextlib.contextmanager
def partial_file(root: Path, name: str) -> Iterator[Partial]:
    """The largest part of `name` that a program now dead has left in `root`, or a new one.

    It stays when this is left, unless it was moved away, is empty, or the disk is full; other parts of `name` without
    an owner go.
    """
    root.mkdir(parents=True, exist_ok=True)
    found = _take_over(root, name) or _begin(root, name)
    try:
        yield found
    except OSError as error:
        if error.errno in FULL:  # what stayed would keep the disk full
            found.empty()
        raise
    finally:
        try:
            if not found.is_at_its_name():
                _sweep(root, name)  # it is complete: other parts are of no use
            elif not found.size():
                found.path.unlink(missing_ok=True)
        finally:
            found.close()


def _parts(root: Path, name: str) -> list[Path]:
    with os.scandir(root) as entries:
        found = [entry.path for entry in entries if entry.name.startswith(f"{name}.") and entry.name.endswith(_SUFFIX)]
    return [Path(path) for path in found]


def _take_over(root: Path, name: str) -> Partial | None:
    sized = []
    for path in _parts(root, name):
        with contextlib.suppress(OSError):
            sized.append((path.stat().st_size, path))
    for _, path in sorted(sized, reverse=True):
        fd = _locked(path)
        if fd is not None:
            return Partial(path, fd)
    return None


def _begin(root: Path, name: str) -> Partial:
    while True:
        path = root / f"{name}.{uuid.uuid4().hex}{_SUFFIX}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        # Between these two another program may have taken it for one left behind.
        if _lock(fd) and _is_at(fd, path):
            return Partial(path, fd)
        os.close(fd)


def _locked(path: Path) -> int | None:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    # Its owner may have finished it, or thrown it away, while it was being opened.
    if _lock(fd) and _is_at(fd, path):
        return fd
    os.close(fd)
    return None


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: a new name of one's own is lock enough
        return os.fstat(fd).st_size == 0
    return True


def _is_at(fd: int, path: Path) -> bool:
    mine = os.fstat(fd)
    try:
        there = path.lstat()
    except OSError:
        return False
    return (mine.st_ino, mine.st_dev) == (there.st_ino, there.st_dev)


def _sweep(root: Path, name: str) -> None:
    for path in _parts(root, name):
        fd = _locked(path)
        if fd is not None:
            path.unlink(missing_ok=True)
            os.close(fd)
