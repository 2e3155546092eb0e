"""Objects of Azure's blob storage and of Google's cloud storage."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from gitreg.stores.payloads.objects import PIECE, Link, Look, Source

_BLOCK = 16 << 20


class AzureObjects:
    """Through adlfs's connection; the SDK's own calls, which alone can have every block checked on arrival."""

    def __init__(self, fs: Any, root: str) -> None:
        self._fs = fs
        self._container = fs.split_path(root)[0]
        self.container = f"container {self._container}"

    def _blob(self, path: str) -> Any:
        container, name, _ = self._fs.split_path(path)
        return self._fs.service_client.get_blob_client(container, name)

    async def reach(self) -> None:
        async with self._fs.service_client.get_container_client(self._container) as container:
            await container.get_container_properties(retry_total=0)

    async def look(self, path: str) -> Look:
        async with self._blob(path) as blob:
            found = await blob.get_blob_properties(retry_total=0)
        # Stated by the uploader where the blob was sent in blocks; gitreg has each block checked by the service.
        md5 = bytes(found.content_settings.content_md5 or b"").hex()
        return Look(int(found.size), md5, (found.metadata or {}).get("gitreg_sha256", ""))

    async def same(self, look: Look, source: Path) -> bool:
        return False

    async def read(self, path: str, start: int, size: int) -> bytes:
        async with self._blob(path) as blob:
            stream = await blob.download_blob(offset=start, length=size, max_concurrency=1, retry_total=0)
            piece: bytes = await stream.readall()
        return piece

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        raise NotImplementedError  # ranges are always answered
        yield b""

    async def write(self, path: str, source: Source, link: Link) -> None:
        payload = source.item.payload
        await asyncio.to_thread(source.check_whole)
        settings = importlib.import_module("azure.storage.blob").ContentSettings
        md5 = bytearray.fromhex(payload.md5)

        async def upload() -> None:
            async with self._blob(path) as blob:
                with source.path.open("rb") as stream:
                    await blob.upload_blob(
                        stream, length=payload.size, overwrite=True, validate_content=True, max_concurrency=2,
                        metadata={"gitreg_sha256": payload.sha256}, content_settings=settings(content_md5=md5),
                        retry_total=0,
                    )  # fmt: skip

        async with link.room.taken(min(payload.size, 4 * _BLOCK)):
            await link.write(upload, payload.size)
        link.meter.finish()


class GsObjects:
    """Through gcsfs, whose own retries are taken out: they wait for minutes."""

    def __init__(self, fs: Any, root: str) -> None:
        self._fs = fs
        self._bucket = fs.split_path(root)[0]
        self.container = f"bucket {self._bucket}"
        with contextlib.suppress(AttributeError):  # another way to retry, another day
            fs._request = type(fs)._request.__wrapped__.__get__(fs)

    async def reach(self) -> None:
        # Listing is what those may do who may write objects; reading the bucket's own settings is not.
        await self._fs._call("GET", "b/{}/o", self._bucket, json_out=True, maxResults=1)

    async def look(self, path: str) -> Look:
        bucket, key, _ = self._fs.split_path(path)
        found = await self._fs._call("GET", "b/{}/o/{}", bucket, key, json_out=True)
        md5 = base64.b64decode(found.get("md5Hash", "")).hex()
        return Look(int(found["size"]), md5, (found.get("metadata") or {}).get("gitreg-sha256", ""))

    async def same(self, look: Look, source: Path) -> bool:
        return False

    async def read(self, path: str, start: int, size: int) -> bytes:
        piece: bytes = await self._fs._cat_file(path, start=start, end=start + size)
        return piece

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        start = 0
        while piece := await self.read(path, start, PIECE):
            start += len(piece)
            yield piece

    async def write(self, path: str, source: Source, link: Link) -> None:
        payload = source.item.payload
        await asyncio.to_thread(source.check_whole)
        async with link.room.taken(min(payload.size, _BLOCK)):
            await link.write(
                lambda: self._fs._put_file(
                    str(source.path), path, metadata={"gitreg-sha256": payload.sha256}, chunksize=_BLOCK
                ),
                payload.size,
            )
        link.meter.finish()
