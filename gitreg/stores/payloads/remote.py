"""Payloads to and from a store on another machine: many at once, verified there and here, resumed where they were cut.

Everything runs on the one event loop that the plug-ins share; the calling thread waits, so that Ctrl-C cancels all.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from gitreg.errors import Damaged, NotFound
from gitreg.stores.cache import Cache, Payload, place
from gitreg.stores.payloads.answers import Asking, Ended, Missing, NoRanges
from gitreg.stores.payloads.objects import PIECE, Link, Look, Meter, Objects, Room, Source, collision
from gitreg.stores.payloads.partial import Partial, partial_file
from gitreg.stores.payloads.store import Item, Progress

_T = TypeVar("_T")

# Memory: no more than this many payloads at once, each with this many pieces; uploads share what _MEMORY says.
_JOBS = 16
_AHEAD = 4
_MEMORY = 256 << 20
_BELIEVED = 64 << 20
"""Above this an md5 that the store itself computed is believed without a noted sha256: reading back costs too much."""


@dataclass(frozen=True)
class Remote:
    """A store's objects, where among them payloads lie (`root`), and how it is asked."""

    objects: Objects
    root: str
    asking: Asking

    def path(self, md5: str) -> str:
        """Where DVC keeps the object."""
        below = "/".join(part for part in ("files", "md5", md5[:2], md5[2:]) if part)
        return f"{self.root.rstrip('/')}/{below}" if self.root else below

    async def reach(self) -> None:
        """NotFound where the bucket or the like is not there, Unreachable where nothing answers."""
        try:
            await self.asking.ask("reach", self.objects.reach)
        except Missing:
            raise self.asking.no_container(self.objects.container) from None

    async def push(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        """Put payloads there that are not there yet, whole and right."""
        room = Room(_MEMORY)
        await _each(
            items, lambda item: self._push(item, cache.path(item.payload.md5), room, Meter(item.payload, progress))
        )

    async def pull(self, items: Sequence[Item], cache: Cache, progress: Progress) -> None:
        """Bring payloads into the cache."""
        await _each(items, lambda item: self._pull(item, cache, Meter(item.payload, progress)))

    async def verify(self, items: Sequence[Item], progress: Progress) -> list[tuple[Item, str]]:
        """What is wrong with payloads there, in words; it is read back where the store's own hash does not tell."""
        found: dict[Item, str] = {}

        async def look_at(item: Item) -> None:
            if told := await self._verify(item):
                found[item] = told
            Meter(item.payload, progress).finish()

        await _each(items, look_at)
        return [(item, found[item]) for item in items if item in found]

    async def _verify(self, item: Item) -> str:
        payload, path = item.payload, self.path(item.payload.md5)
        try:
            look = await self.asking.ask("look at", lambda: self.objects.look(path))
            if look.size != payload.size:
                return f"of {look.size} bytes, not {payload.size}"
            good = await self._is_vouched(look, payload, None) or await self._hash(path, payload.size) == payload
            return "" if good else "of other bytes"
        except Missing:
            await self.reach()
            return "missing"

    async def _push(self, item: Item, source: Path, room: Room, meter: Meter) -> None:
        path, here = self.path(item.payload.md5), source.exists()
        if not await self._is_there(item, path, source if here else None):
            if not here:
                await self.reach()
                raise NotFound(f"the payload {item.name} is neither in {self.asking.url} nor in {source.parents[3]}",
                               "log the run again on the machine that trained it")  # fmt: skip
            try:
                await self.objects.write(path, Source(item, source), Link(self.asking, room, meter))
            except Missing:
                await self.reach()
                raise self.asking.no_container(self.objects.container) from None
            if not await self._is_there(item, path, source):
                raise Damaged(
                    f"{item.name} arrived at {self.asking.url} with other bytes", "give the same command again"
                )
        meter.finish()

    async def _is_there(self, item: Item, path: str, source: Path | None) -> bool:
        """Whether the object is there with the right bytes. Refused where they are another payload's of that md5."""
        payload = item.payload
        try:
            look = await self.asking.ask("look at", lambda: self.objects.look(path))
        except Missing:
            return False
        if look.size != payload.size:
            return False
        if await self._is_vouched(look, payload, source):
            return True
        try:
            found = await self._hash(path, payload.size)
        except Missing:
            return False
        if found != payload and found.md5 == payload.md5:
            raise collision(item)
        return found == payload

    async def _is_vouched(self, look: Look, payload: Payload, source: Path | None) -> bool:
        """Whether the store's own hash says that these are the bytes."""
        own = look.vouched or look.md5 == payload.md5
        if look.sha256 or payload.size <= _BELIEVED:
            if look.sha256 == payload.sha256 and own:
                return True
        elif own:
            return True
        return source is not None and bool(look.etag) and await self.objects.same(look, source)

    async def _hash(self, path: str, size: int) -> Payload:
        digests, seen = (hashlib.md5(usedforsecurity=False), hashlib.sha256()), 0

        async def take(piece: bytes) -> None:
            nonlocal seen
            seen += len(piece)
            await asyncio.gather(*(asyncio.to_thread(digest.update, piece) for digest in digests))

        try:
            async with contextlib.aclosing(self._pieces(path, 0, size)) as pieces:
                async for piece in pieces:
                    await take(piece)
        except NoRanges:
            digests, seen = (hashlib.md5(usedforsecurity=False), hashlib.sha256()), 0
            await self._whole(path, take, size)
        return Payload(digests[0].hexdigest(), digests[1].hexdigest(), seen)

    async def _pull(self, item: Item, cache: Cache, meter: Meter) -> None:
        payload, path = item.payload, self.path(item.payload.md5)
        with partial_file(cache.root / "tmp", payload.md5) as partial:
            try:
                if not payload.size:
                    await self.asking.ask("look at", lambda: self.objects.look(path))
                resumed = partial.size() > 0
                found = await self._bring(path, payload, partial, meter)
                if (
                    found != payload and resumed
                ):  # what was left here was not of this object, or not all of it was written
                    partial.empty()
                    found = await self._bring(path, payload, partial, meter)
            except Missing:
                await self.reach()
                hint = "gitreg push it from the machine that logged it"
                raise NotFound(f"the payload {item.name} is not in {self.asking.url}", hint) from None
            if found != payload:
                partial.empty()
                raise await self._damaged(item, path)
            await asyncio.to_thread(partial.sync)
            await asyncio.to_thread(place, partial.path, cache.path(payload.md5))
        meter.finish()

    async def _bring(self, path: str, payload: Payload, partial: Partial, meter: Meter) -> Payload:
        """Have all of an object in a file that has its beginning; what is there in the end."""
        digests = (hashlib.md5(usedforsecurity=False), hashlib.sha256())
        start = await asyncio.to_thread(partial.feed, payload.size, digests)
        meter.moved(start)

        async def take(piece: bytes) -> None:
            await asyncio.gather(
                asyncio.to_thread(partial.append, piece), *(asyncio.to_thread(d.update, piece) for d in digests)
            )
            meter.moved(len(piece))

        try:
            async with contextlib.aclosing(self._pieces(path, start, payload.size)) as pieces:
                async for piece in pieces:
                    await take(piece)
        except NoRanges:
            partial.empty()
            digests = (hashlib.md5(usedforsecurity=False), hashlib.sha256())
            await self._whole(path, take, payload.size)
        return Payload(digests[0].hexdigest(), digests[1].hexdigest(), partial.size())

    async def _whole(self, path: str, take: Callable[[bytes], Awaitable[None]], size: int) -> None:
        async def bring() -> None:
            async for piece in self.objects.stream(path):
                await take(piece)

        # Once: what was brought of it when it was cut cannot be gone on with.
        await replace(self.asking, tries=1).ask("read from", bring, size)

    async def _pieces(self, path: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start`, in order, some pieces asked for ahead; it ends early where the object does."""

        waiting: deque[tuple[int, asyncio.Task[bytes]]] = deque()
        try:
            while start < end or waiting:
                while start < end and len(waiting) < _AHEAD:
                    size = min(PIECE, end - start)
                    waiting.append((size, asyncio.create_task(self._read(path, start, size))))
                    start += size
                size, task = waiting.popleft()
                piece = await task
                yield piece
                if len(piece) < size:
                    return
        finally:
            for _, task in waiting:
                task.cancel()
            await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)

    async def _read(self, path: str, start: int, size: int) -> bytes:
        try:
            return await self.asking.ask("read from", lambda: self.objects.read(path, start, size), size)
        except Ended:
            return b""

    async def _damaged(self, item: Item, path: str) -> Damaged:
        hint = "gitreg push it again from a machine that has it"
        with contextlib.suppress(Missing):
            size = (await self.asking.ask("look at", lambda: self.objects.look(path))).size
            if size != item.payload.size:
                return Damaged(
                    f"{item.name} is damaged in {self.asking.url}: {size} bytes, not {item.payload.size}", hint
                )
        return Damaged(
            f"{item.name} is damaged in {self.asking.url}: its bytes are not those that were registered", hint
        )


async def _each(items: Sequence[Item], work: Callable[[Item], Coroutine[object, object, None]]) -> None:
    """Do the work for every item, some at a time; the first error ends all."""
    left: Iterator[Item] = iter(items)

    async def worker() -> None:
        for item in left:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(_JOBS, len(items))):
                group.create_task(worker())
    except BaseExceptionGroup as errors:
        found: BaseException = errors
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        raise found from found.__cause__


def run_on(loop: asyncio.AbstractEventLoop, work: Coroutine[object, object, _T]) -> _T:
    """The result of `work`, done on `loop`; when this thread is interrupted the work is cancelled, and tidies up."""
    ended = threading.Event()

    async def whole() -> _T:
        try:
            return await work
        finally:
            ended.set()

    future = asyncio.run_coroutine_threadsafe(whole(), loop)
    try:
        return future.result()
    except BaseException:
        if not future.done():
            future.cancel()
            ended.wait(10)
        raise
