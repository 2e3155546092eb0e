"""Objects of stores that are folders of another machine, by ssh."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from gitreg.stores.payloads.objects import PIECE, Link, Look, Source


class SftpObjects:
    """Through sshfs, whose connection is made when it is needed, and made again when it was lost."""

    def __init__(self, connect: Callable[[], Any], root: str) -> None:
        self._connect = connect
        self._root = root
        self.container = f"folder {root}"
        self._fs: Any = None
        self._connecting = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def _channel(self) -> AsyncIterator[Any]:
        async with self._connecting:
            if self._fs is None:
                try:
                    self._fs = await asyncio.to_thread(self._connect)
                except FileNotFoundError as error:  # of this machine, not of the store
                    raise OSError(f"{error.filename}: no such key") from None
            fs = self._fs
        try:
            async with fs._pool.get() as channel:
                yield channel
        except Exception as error:
            if type(error).__name__ in {"ConnectionLost", "SFTPConnectionLost", "SFTPNoConnection", "ChannelOpenError",
                                        "DisconnectError"}:  # fmt: skip
                self._forget(fs)
            raise

    def _forget(self, fs: Any) -> None:
        if self._fs is fs:
            self._fs = None

    async def reach(self) -> None:
        async with self._channel() as channel:
            # A folder that is not there yet is made by the first push, as DVC does; what it lies in must be there.
            if not await channel.exists(self._root):
                await channel.stat(self._root.rstrip("/").rpartition("/")[0] or "/")

    async def look(self, path: str) -> Look:
        async with self._channel() as channel:
            found = await channel.stat(path)
        return Look(int(found.size or 0))

    async def same(self, look: Look, source: Path) -> bool:
        return False

    async def read(self, path: str, start: int, size: int) -> bytes:
        async with self._channel() as channel, channel.open(path, "rb") as stream:
            piece: bytes = await stream.read(size, start)
            return piece

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        start = 0
        while piece := await self.read(path, start, PIECE):
            start += len(piece)
            yield piece

    async def write(self, path: str, source: Source, link: Link) -> None:
        await self._folder(path, link)
        await link.write(lambda: self._write(path, source), source.item.payload.size)
        link.meter.finish()

    async def _folder(self, path: str, link: Link) -> None:
        async def make() -> None:
            async with self._channel() as channel:
                await channel.makedirs(path.rpartition("/")[0], exist_ok=True)

        await link.write(make, 0)

    async def _write(self, path: str, source: Source) -> None:
        folder, _, name = path.rpartition("/")
        partial = f"{folder}/.{name}.{uuid.uuid4().hex}"
        async with self._channel() as channel:
            try:
                async with channel.open(partial, "wb") as stream:
                    at = 0
                    with source:
                        while piece := await asyncio.to_thread(source.read, PIECE):
                            await stream.write(piece, at)
                            at += len(piece)
                        source.check()
                    await _if_it_can(stream.fsync)
                await channel.chmod(partial, 0o444)
                await channel.posix_rename(partial, path)
            except BaseException:
                with contextlib.suppress(Exception):  # what went wrong before is what counts
                    async with asyncio.timeout(10):
                        await channel.unlink(partial)
                raise


async def _if_it_can(call: Callable[[], Any]) -> None:
    try:
        await call()
    except Exception as error:
        if "Unsupported" not in type(error).__name__:
            raise
