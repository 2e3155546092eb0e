"""What a payload store on another machine can do, whichever it is, and the link that its plug-in is used through."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from gitreg.errors import Damaged, Refused
from gitreg.stores.cache import Payload, hash_file
from gitreg.stores.payloads.answers import Asking
from gitreg.stores.payloads.store import Item, Progress

_T = TypeVar("_T")

PIECE = 4 << 20
"""Bytes that are asked for, or sent, at once where a store leaves the choice."""


@dataclass(frozen=True)
class Look:
    """What a store says of an object, without its bytes.

    `md5` is the store's own, of all the bytes; `sha256` is what the uploader noted of them. `vouched`: the store's own
    hash is the one that the uploader computed beforehand for the bytes of that sha256. `etag` is for `Objects.same`.
    """

    size: int
    md5: str = ""
    sha256: str = ""
    vouched: bool = False
    etag: str = ""


class Objects(Protocol):
    """The objects of one store. A call raises whatever its plug-in raises; FileNotFoundError where nothing is there."""

    container: str
    """What must be there before anything can be stored, in words: `bucket models`."""

    async def reach(self) -> None:
        """Return if the container is there and answers."""

    async def look(self, path: str) -> Look:
        """What the store says of the object."""

    async def same(self, look: Look, source: Path) -> bool:
        """Whether the store's own hash is that of the bytes of a file here, where that needs these bytes."""

    async def read(self, path: str, start: int, size: int) -> bytes:
        """`size` bytes from `start`; fewer where the object ends. NoRanges where the server cannot."""

    def stream(self, path: str) -> AsyncIterator[bytes]:
        """The whole object, piece by piece, where the server sends whole objects only."""

    async def write(self, path: str, source: Source, link: Link) -> None:
        """Store the whole of `source`: it appears under its name complete, or not at all."""


class Source:
    """A payload's file on this machine, as it is sent: its sha256 is known to be right before anybody can see it."""

    def __init__(self, item: Item, path: Path) -> None:
        self.item, self.path = item, path
        self._stream: BinaryIO | None = None
        self._seen = hashlib.sha256()

    def __enter__(self) -> Source:
        self._stream = self.path.open("rb", buffering=0)
        self._seen = hashlib.sha256()
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream:
            self._stream.close()

    def read(self, size: int) -> bytes:
        """The next bytes."""
        assert self._stream
        parts, left = [], size
        while left and (part := self._stream.read(left)):
            parts.append(part)
            left -= len(part)
        piece = parts[0] if len(parts) == 1 else b"".join(parts)
        self._seen.update(piece)
        return piece

    def check(self) -> None:
        """Damaged, or Refused where two payloads collide, if what was read is not the payload."""
        if self._seen.hexdigest() == self.item.payload.sha256:
            return
        if hash_file(self.path).md5 == self.item.payload.md5:
            raise collision(self.item)
        raise Damaged(f"the payload {self.item.name} is damaged in the cache", f"look at {self.path}")

    def check_whole(self) -> None:
        """Read all of it, and check; for plug-ins that read the file themselves."""
        with self:
            while self.read(PIECE):
                pass
            self.check()


def collision(item: Item) -> Refused:
    """The error for bytes of the right md5 that are another payload's."""
    return Refused(
        f"{item.name} has the md5 of another payload, {item.payload.md5}, and other bytes",
        "one of the two was made to collide; save the model again",
    )


class Room:
    """Memory that all transfers of a call share, in bytes."""

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def taken(self, size: int) -> AsyncIterator[None]:
        """Hold `size` bytes, or all there is where that is less."""
        held = min(size, self._size)
        async with self._changed:
            await self._changed.wait_for(lambda: self._free >= held)
            self._free -= held
        try:
            yield
        finally:
            async with self._changed:
                self._free += held
                self._changed.notify_all()


class Meter:
    """Tells `progress` of one payload's bytes, each once, however often they had to be moved."""

    def __init__(self, payload: Payload, progress: Progress) -> None:
        self._left = payload.size
        self._progress = progress

    def moved(self, size: int) -> None:
        """`size` more bytes are where they belong."""
        told = min(size, self._left)
        self._left -= told
        if told:
            self._progress(told)

    def finish(self) -> None:
        """All are."""
        self.moved(self._left)


@dataclass(frozen=True)
class Link:
    """How one payload's bytes travel: who asks, with how much memory, and who is told."""

    asking: Asking
    room: Room
    meter: Meter

    async def write(self, made: Callable[[], Awaitable[_T]], size: int) -> _T:
        """Ask the store to write `size` bytes."""
        return await self.asking.ask("write to", made, size)
