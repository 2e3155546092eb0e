"""Payloads on this machine, in the layout of a DVC cache: `<root>/files/md5/<2 hex>/<30 hex>`.

A payload is written once, while md5 (DVC's name for it) and sha256 (what gitreg trusts) run over the same bytes.
It appears complete or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING

from gitreg.errors import Damaged
from gitreg.stores.scratch import scratch

if TYPE_CHECKING:
    from typing_extensions import Buffer

_PIECE = 4 << 20
_PENDING = 8
_SYNC_EVERY = 64 << 20

Moved = Callable[[int], None]
"""Called with the number of bytes just read or written."""


def unheard(count: int) -> None:
    """What is called where nobody listens."""


@dataclass(frozen=True)
class Payload:
    """A file by what it holds: hex digests, and `size` in bytes."""

    md5: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Cache:
    """The payload cache below `root`."""

    root: Path

    def path(self, md5: str) -> Path:
        """Where the payload lies, if it is here."""
        return object_path(self.root, md5)

    def has(self, md5: str, size: int) -> bool:
        """Whether a file of that name and size is here; its bytes are verified by whoever reads them."""
        try:
            return self.path(md5).stat().st_size == size
        except OSError:
            return False

    @contextlib.contextmanager
    def writer(self) -> Iterator[PayloadWriter]:
        """A file to write into; `.payload` is set, and the payload is in the cache and durable, when it is left."""
        with scratch(self.root / "tmp") as folder:
            partial = folder / "payload"
            with PayloadWriter(partial) as stream:
                yield stream
            place(partial, self.path(stream.payload.md5))

    def add(self, source: Path, moved: Moved = unheard) -> Payload:
        """Copy a file into the cache."""
        with source.open("rb", buffering=0) as reading, self.writer() as stream:
            while piece := reading.read(_PIECE):
                stream.write(piece)
                moved(len(piece))
        return stream.payload

    def adopt(self, source: Path, moved: Moved = unheard) -> Payload:
        """Move a file of this file system into the cache: it is hashed, not copied."""
        payload = hash_file(source, moved)
        with source.open("rb") as written:
            os.fsync(written.fileno())
        place(source, self.path(payload.md5))
        return payload


def object_path(root: Path, md5: str) -> Path:
    """Where DVC keeps the object `md5` below the root of a cache or of a folder remote."""
    return root / "files" / "md5" / md5[:2] / md5[2:]


def place(partial: Path, final: Path) -> None:
    """Make a written and synced file appear under its final name, read-only, and durably."""
    final.parent.mkdir(parents=True, exist_ok=True)
    partial.chmod(0o444)
    partial.replace(final)
    sync_folder(final.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def hash_file(path: Path, moved: Moved = unheard) -> Payload:
    """Both digests of a file, read once; each hash runs on a thread of its own."""
    with path.open("rb", buffering=0) as reading, _Hashes() as hashes:
        size = 0
        while piece := reading.read(_PIECE):
            size += len(piece)
            hashes.feed(memoryview(piece))
            moved(len(piece))
        return hashes.payload(size)


def sha256_file(path: Path, moved: Moved = unheard) -> str:
    """The file's sha256 in hex."""
    seen, buffer = hashlib.sha256(), bytearray(1 << 20)
    with path.open("rb", buffering=0) as reading:
        while count := reading.readinto(buffer):
            seen.update(memoryview(buffer)[:count])
            moved(count)
    return seen.hexdigest()


def copy_verified(
    source: Path, target: Path, sha256: str, what: str, mode: int = 0o644, moved: Moved = unheard
) -> None:
    """Copy a file and make it durable; Damaged, naming `what`, and nothing left, where its bytes are not `sha256`."""
    seen = hashlib.sha256()
    try:
        with source.open("rb", buffering=0) as reading, target.open("xb", buffering=0) as writing:
            while piece := reading.read(_PIECE):
                seen.update(piece)
                _write_all(writing.fileno(), memoryview(piece))
                moved(len(piece))
            os.fsync(writing.fileno())
        if seen.hexdigest() != sha256:
            raise Damaged(f"{what} is damaged: its sha256 is {seen.hexdigest()}, not {sha256}", f"look at {source}")
        target.chmod(mode)
    except BaseException:  # Ctrl-C too leaves no half of a file
        target.unlink(missing_ok=True)
        raise


def write_durably(path: Path, content: bytes) -> None:
    """A new file, on the disk when this returns."""
    with path.open("xb") as writing:
        writing.write(content)
        writing.flush()
        os.fsync(writing.fileno())


class _Hashes:
    """md5 and sha256 over one stream, each on its own thread as soon as there is more than one piece."""

    def __init__(self) -> None:
        self._hashes = (hashlib.md5(usedforsecurity=False), hashlib.sha256())
        self._queues: list[queue.Queue[memoryview | None]] = []
        self._threads: list[threading.Thread] = []
        self._first: memoryview | None = None

    def __enter__(self) -> _Hashes:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def feed(self, piece: memoryview) -> None:
        """Take `piece`, whose bytes must not change until they are hashed."""
        if not self._threads:
            if self._first is None and len(piece) < _PIECE:
                self._first = piece
                return
            self._start()
        for waiting in self._queues:
            waiting.put(piece)

    def wait(self) -> None:
        """Return when all that was fed is hashed."""
        for waiting in self._queues:
            waiting.join()

    def _start(self) -> None:
        for digest in self._hashes:
            waiting: queue.Queue[memoryview | None] = queue.Queue(_PENDING)
            if self._first is not None:
                waiting.put(self._first)
            thread = threading.Thread(target=_run_hash, args=(digest.update, waiting), daemon=True)
            thread.start()
            self._queues.append(waiting)
            self._threads.append(thread)
        self._first = None

    def _stop(self) -> None:
        for waiting in self._queues:
            waiting.put(None)
        for thread in self._threads:
            thread.join()
        self._queues, self._threads = [], []

    def payload(self, size: int) -> Payload:
        """The digests of all that was fed."""
        self._stop()
        if self._first is not None:
            for digest in self._hashes:
                digest.update(self._first)
            self._first = None
        return Payload(self._hashes[0].hexdigest(), self._hashes[1].hexdigest(), size)


def _run_hash(update: object, waiting: queue.Queue[memoryview | None]) -> None:
    assert callable(update)
    while (piece := waiting.get()) is not None:
        update(piece)
        waiting.task_done()


class PayloadWriter(RawIOBase):
    """A binary file that hashes what is written to it. Small writes are gathered, large ones never copied."""

    payload: Payload

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._hashes = _Hashes()
        self._small = bytearray()
        self._size = 0
        self._unsynced = 0
        self._syncing: threading.Thread | None = None
        self._lost: OSError | None = None
        self._given_up = False

    def __exit__(self, kind: type[BaseException] | None, *more: object) -> None:
        self._given_up = kind is not None
        self.close()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        # numpy writes past Python's file object where it finds a descriptor: those bytes would not be hashed.
        raise OSError("a payload is written through write()")

    def write(self, data: Buffer, /) -> int:
        view = memoryview(data).cast("B")
        if len(view) < _PIECE:
            self._small += view
            if len(self._small) >= _PIECE:
                self._flush_small()
        else:
            self._flush_small()
            self._put(view)
            self._hashes.wait()  # from here on the bytes are the caller's again, who may change them
        return len(view)

    def flush(self) -> None:
        """Nothing to do before the end: what counts is that the payload is durable when it is closed."""

    def _flush_small(self) -> None:
        if self._small:
            small, self._small = self._small, bytearray()
            self._put(memoryview(small))

    def _put(self, view: memoryview) -> None:
        self._hashes.feed(view)
        for at in range(0, len(view), _SYNC_EVERY):
            part = view[at : at + _SYNC_EVERY]
            _write_all(self._fd, part)
            self._unsynced += len(part)
            if self._unsynced >= _SYNC_EVERY:
                self._sync_behind()
        self._size += len(view)

    def _sync_behind(self) -> None:
        """Let the disk begin while the hashes run, so that the last sync has little left to wait for."""
        self._settle()
        self._syncing = threading.Thread(target=self._sync, daemon=True)
        self._syncing.start()
        self._unsynced = 0

    def _sync(self) -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as error:  # told once only: the last fsync would not repeat it
            self._lost = error

    def _settle(self) -> None:
        if self._syncing is not None:
            self._syncing.join()
        if self._lost is not None:
            raise self._lost

    def close(self) -> None:
        if self.closed:
            return
        try:
            if not self._given_up:  # nobody will have it: there is nothing to wait for
                self._flush_small()
                self._settle()
                os.fsync(self._fd)
                self.payload = self._hashes.payload(self._size)
        finally:
            self._hashes.__exit__()
            if self._syncing is not None:
                self._syncing.join()
            os.close(self._fd)
            super().close()


def _write_all(fd: int, piece: memoryview) -> None:
    while len(piece):
        piece = piece[os.write(fd, piece) :]
