"""Objects of plain web servers, which are read only, and of WebDAV servers."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from gitreg.errors import Refused
from gitreg.stores.payloads.answers import NoRanges
from gitreg.stores.payloads.objects import Link, Look, Source

_CHUNK = 1 << 20


class HttpObjects:
    """Through DVC's session for web servers."""

    def __init__(self, fs: Any, root: str) -> None:
        self._fs = fs
        self._root = root
        self.container = f"folder {root}"

    @contextlib.asynccontextmanager
    async def _reply(self, method: str, url: str, headers: dict[str, str] | None = None) -> AsyncIterator[Any]:
        session = await self._fs.set_session()
        options = {**self._fs.kwargs, "headers": {**self._fs.kwargs.get("headers", {}), **(headers or {})}}
        # Compressed on the way, a payload would have another length than the one that is asked for.
        options["headers"]["Accept-Encoding"] = "identity"
        async with session.request(method, self._fs.encode_url(url), **options) as reply:
            if reply.status in {404, 410}:
                raise FileNotFoundError(url)
            reply.raise_for_status()
            yield reply

    async def reach(self) -> None:
        # A server need not show folders: any answer tells that it is up.
        with contextlib.suppress(FileNotFoundError):
            async with self._reply("HEAD", self._root):
                pass

    async def look(self, path: str) -> Look:
        async with self._reply("HEAD", path) as reply:
            return Look(int(reply.headers.get("Content-Length", -1)))

    async def same(self, look: Look, source: Path) -> bool:
        return False

    async def read(self, path: str, start: int, size: int) -> bytes:
        async with self._reply("GET", path, {"Range": f"bytes={start}-{start + size - 1}"}) as reply:
            if reply.status != 206:
                raise NoRanges
            found = bytearray()
            async for piece in reply.content.iter_chunked(_CHUNK):
                found += piece
                if len(found) > size:  # a server that sends for ever shall not fill the memory
                    raise NoRanges
            return bytes(found)

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        async with self._reply("GET", path) as reply:
            async for piece in reply.content.iter_chunked(_CHUNK):
                yield piece

    async def write(self, path: str, source: Source, link: Link) -> None:
        hint = "git config gitreg.payloads URL-OF-A-STORE-TO-WRITE-TO"
        raise Refused(f"{self._root} is a web server, which payloads are only read from", hint)


class WebdavObjects:
    """Through webdav4's client, on threads: it knows no event loop."""

    def __init__(self, fs: Any, root: str) -> None:
        self._client = fs.client
        self._client.with_retry = lambda call: call()  # its own retries would come on top of ours
        self.container = f"folder {self._client.base_url}"
        self._made: set[str] = set()
        self._making = asyncio.Lock()

    async def reach(self) -> None:
        await asyncio.to_thread(self._reach)

    def _reach(self) -> None:
        # The store's own folder is made with its first payload; the one that it lies in must be there.
        base = str(self._client.base_url).rstrip("/")
        for url in (base, base.rpartition("/")[0]):
            reply = self._client.http.request("PROPFIND", f"{url}/", headers={"Depth": "0"})
            if reply.status_code != 404:
                reply.raise_for_status()
                return
        raise FileNotFoundError(base)

    async def look(self, path: str) -> Look:
        found = await asyncio.to_thread(self._client.info, path)
        return Look(int(found.get("content_length") or 0))

    async def same(self, look: Look, source: Path) -> bool:
        return False

    async def read(self, path: str, start: int, size: int) -> bytes:
        left = _Cancelled()
        with left:
            return await asyncio.to_thread(self._read, path, start, size, left)

    def _read(self, path: str, start: int, size: int, left: _Cancelled) -> bytes:
        headers = {"Range": f"bytes={start}-{start + size - 1}", "Accept-Encoding": "identity"}
        with self._client.http.stream("GET", self._client.join_url(path), headers=headers) as reply:
            if reply.status_code == 404:
                raise FileNotFoundError(path)
            reply.raise_for_status()
            if reply.status_code != 206:
                raise NoRanges
            found = bytearray()
            for piece in left.watched(reply.iter_raw(_CHUNK)):
                found += piece
                if len(found) > size:  # a server that sends for ever shall not fill the memory
                    raise NoRanges
            return bytes(found)

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        headers = {"Accept-Encoding": "identity"}
        url = self._client.join_url(path)
        with _Cancelled() as left, self._client.http.stream("GET", url, headers=headers) as reply:
            reply.raise_for_status()
            pieces = left.watched(reply.iter_raw(_CHUNK))
            while piece := await asyncio.to_thread(next, pieces, b""):
                yield piece

    async def write(self, path: str, source: Source, link: Link) -> None:
        payload = source.item.payload
        folder, _, name = path.rpartition("/")
        partial = f"{folder}/.{name}.{uuid.uuid4().hex}"

        async def upload() -> None:
            with source:
                await _to_its_end(lambda left: self._put(partial, source, payload.size, left))
                source.check()
                await asyncio.to_thread(self._client.move, partial, path, overwrite=True)

        try:
            async with self._making:
                if folder not in self._made:
                    await link.write(lambda: asyncio.to_thread(self._make, folder), 0)
                    self._made.add(folder)
            await link.write(upload, payload.size)
        except BaseException:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await self._clean(partial)
            raise
        link.meter.finish()

    async def _clean(self, partial: str) -> None:
        """Take away what came of an upload. A server may be late to see that it was cut, and keep the half then."""
        for pause in (0.0, 0.2, 1.0):
            await asyncio.sleep(pause)
            with contextlib.suppress(Exception):  # what went wrong before is what counts
                await asyncio.to_thread(self._client.remove, partial)
                return

    def _make(self, folder: str) -> None:
        parts = folder.split("/")
        for at in range(1, len(parts) + 1):
            path = "/".join(parts[:at])
            # The store's own folder, "", is made where the one that it lies in is there.
            if not self._made_one(path) and (at > 1 or not self._made_one("") or not self._made_one(path)):
                raise FileNotFoundError(path)

    def _made_one(self, path: str) -> bool:
        """Make a folder that is not there; False where it has no place."""
        try:
            self._client.mkdir(path)
        except Exception as error:
            if type(error).__name__ == "ResourceConflict":
                return False
            # There already; servers say so as 405, and nginx as 409 with a body.
            if type(error).__name__ != "ResourceAlreadyExists":
                raise
        return True

    def _put(self, path: str, source: Source, size: int, left: _Cancelled) -> None:
        content = left.watched(iter(lambda: source.read(_CHUNK), b""))
        self._client.request("PUT", path, content=content, headers={"Content-Length": str(size)}).raise_for_status()


async def _to_its_end(call: Callable[[_Cancelled], None]) -> None:
    """Run `call` on a thread; where nobody waits any more it is told so, and has ended before this has."""
    left = _Cancelled()
    running = asyncio.ensure_future(asyncio.to_thread(call, left))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        with left:
            pass
        await asyncio.wait([running], timeout=10)
        if running.done() and not running.cancelled():
            running.exception()  # looked at, so that asyncio does not complain of it
        raise


class _Cancelled:
    """Tells a thread that nobody waits for it any more."""

    def __init__(self) -> None:
        self._left = False

    def __enter__(self) -> _Cancelled:
        return self

    def __exit__(self, *_: object) -> None:
        self._left = True

    def watched(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces, as long as somebody waits."""
        for piece in pieces:
            if self._left:
                raise ConnectionAbortedError("cancelled")
            yield piece
