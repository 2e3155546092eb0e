"""Objects of stores that speak S3."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from gitreg.stores.payloads.answers import NoRanges
from gitreg.stores.payloads.objects import Link, Look, Source

_SINGLE = 64 << 20
_PART = 16 << 20
_MOST_PARTS = 9_000
_AHEAD = 4
_USUAL_PARTS = tuple(n << 20 for n in (16, 8, 5, 50, 64, 100, 10, 15, 20, 25, 32, 128, 256, 512))

# Noted beside each object. S3 itself knows nothing better than an md5.
_SHA256 = "gitreg-sha256"
_ETAG = "gitreg-etag"


class S3Objects:
    """Through s3fs, whose calls of the S3 API are used as they are: its files and listings would cost more requests."""

    def __init__(self, fs: Any, root: str) -> None:
        self._fs = fs
        self._bucket = fs.split_path(root)[0]
        self.container = f"bucket {self._bucket}"

    async def _call(self, method: str, path: str = "", **options: object) -> dict[str, Any]:
        if path:
            options["Key"] = self._fs.split_path(path)[1]
        answer: dict[str, Any] = await self._fs._call_s3(method, Bucket=self._bucket, **options)
        return answer

    async def reach(self) -> None:
        await self._call("head_bucket")

    async def look(self, path: str) -> Look:
        found = await self._call("head_object", path)
        etag = str(found.get("ETag", "")).strip('"').lower()
        noted = {key.lower(): value for key, value in found.get("Metadata", {}).items()}
        return Look(
            size=int(found["ContentLength"]),
            md5=etag if re.fullmatch("[0-9a-f]{32}", etag) else "",
            sha256=noted.get(_SHA256, ""),
            vouched=bool(etag) and noted.get(_ETAG) == etag,
            etag=etag if re.fullmatch("[0-9a-f]{32}-[0-9]+", etag) else "",
        )

    async def same(self, look: Look, source: Path) -> bool:
        count = int(look.etag.partition("-")[2])
        for size in _USUAL_PARTS:
            if -(-look.size // size) == count and await asyncio.to_thread(multipart_etag, source, size) == look.etag:
                return True
        return False

    async def read(self, path: str, start: int, size: int) -> bytes:
        answer = await self._call("get_object", path, Range=f"bytes={start}-{start + size - 1}")
        async with contextlib.AsyncExitStack() as stack:
            body = answer["Body"]
            stack.callback(body.close)
            if not answer.get("ContentRange") and (start or answer.get("ContentLength", 0) > size):
                raise NoRanges
            found = bytearray()
            while piece := await body.read(1 << 20):
                found += piece
                if len(found) > size:  # a server that sends for ever shall not fill the memory
                    raise NoRanges
            if len(found) < answer.get("ContentLength", 0):
                raise ConnectionError(f"the reply ended after {len(found)} bytes")
            return bytes(found)

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        body = (await self._call("get_object", path))["Body"]
        try:
            while piece := await body.read(1 << 20):
                yield piece
        finally:
            body.close()

    async def write(self, path: str, source: Source, link: Link) -> None:
        payload = source.item.payload
        if payload.size > _SINGLE:
            await self._write_parts(path, source, link)
            return
        noted = {_SHA256: payload.sha256}
        async with link.room.taken(payload.size):
            with source:
                body = await asyncio.to_thread(source.read, payload.size + 1)
                source.check()
            # The store compares on arrival, and never shows an object that is not what its name says.
            md5 = base64.b64encode(bytes.fromhex(payload.md5)).decode()
            await link.write(
                lambda: self._call("put_object", path, Body=body, ContentMD5=md5, Metadata=noted), payload.size
            )
        link.meter.moved(payload.size)

    async def _write_parts(self, path: str, source: Source, link: Link) -> None:
        payload = source.item.payload
        size = max(_PART, -(-payload.size // _MOST_PARTS >> 20) << 20)
        etag = await asyncio.to_thread(multipart_etag, source.path, size)
        noted = {_SHA256: payload.sha256, _ETAG: etag}
        begun = await link.write(lambda: self._call("create_multipart_upload", path, Metadata=noted), 0)
        upload = begun["UploadId"]

        async def send(number: int, piece: bytes, taken: contextlib.AsyncExitStack) -> dict[str, object]:
            async with taken:
                md5 = base64.b64encode(hashlib.md5(piece, usedforsecurity=False).digest()).decode()
                done = await link.write(
                    lambda: self._call("upload_part", path, UploadId=upload, PartNumber=number, Body=piece,
                                       ContentMD5=md5), len(piece))  # fmt: skip
                link.meter.moved(len(piece))
                return {"PartNumber": number, "ETag": done["ETag"]}

        sent: deque[asyncio.Task[dict[str, object]]] = deque()
        parts: list[dict[str, object]] = []
        try:
            with source:
                for number in range(1, -(-payload.size // size) + 1):
                    if len(sent) == _AHEAD:
                        parts.append(await sent.popleft())
                    async with contextlib.AsyncExitStack() as stack:
                        await stack.enter_async_context(link.room.taken(size))
                        piece = await asyncio.to_thread(source.read, size)
                        sent.append(asyncio.create_task(send(number, piece, stack.pop_all())))
                while sent:
                    parts.append(await sent.popleft())
                source.check()
            await link.write(
                lambda: self._call(
                    "complete_multipart_upload", path, UploadId=upload, MultipartUpload={"Parts": parts}
                ),
                0,
            )
        except BaseException:
            for task in sent:
                task.cancel()
            await asyncio.gather(*sent, return_exceptions=True)
            with contextlib.suppress(Exception):  # what went wrong before is what counts
                async with asyncio.timeout(10):
                    await self._call("abort_multipart_upload", path, UploadId=upload)
            raise


def multipart_etag(path: Path, part: int) -> str:
    """The ETag that S3 gives the file's bytes when they are sent in parts of `part` bytes."""
    outer, count = hashlib.md5(usedforsecurity=False), 0
    with path.open("rb", buffering=0) as stream:
        while True:
            inner, left = hashlib.md5(usedforsecurity=False), part
            while left and (piece := stream.read(min(left, 4 << 20))):
                inner.update(piece)
                left -= len(piece)
            if left == part:
                return f"{outer.hexdigest()}-{count}"
            outer.update(inner.digest())
            count += 1
