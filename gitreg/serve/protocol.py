"""/invocations over ASGI: the body is read up to a limit, the prediction is made in a thread."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from gitreg.errors import GitregError
from gitreg.format.config import format_size
from gitreg.registry.use.answering import Answer, failure
from gitreg.serve._base import Slot
from gitreg.serve.metrics import Metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_DRAINED = 8  # times the limit: what is read and dropped of a body that is too large, so that its sender hears why
_DRAINING = 5.0  # seconds
_log = logging.getLogger("gitreg.serve")
_CLOSE = (b"connection", b"close")


@dataclass(frozen=True)
class Limits:
    """`body` in bytes, `timeout` in seconds for the whole of a request."""

    body: int
    timeout: float


class TooLarge(Exception):
    """A body over the limit."""


class Gone(Exception):
    """The client went away before it had sent everything."""


class Invocations:
    """Answers POST /invocations."""

    def __init__(self, slot: Slot, metrics: Metrics, threads: Executor, limits: Limits) -> None:
        self._slot = slot
        self._metrics = metrics
        self._threads = threads
        self._limits = limits
        self._predicting: set[object] = set()

    @property
    def busy(self) -> bool:
        """Whether anything is being predicted."""
        return bool(self._predicting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        self._metrics.begin()
        status = 499  # the client went away
        try:
            answer, headers = await self._answer(scope, receive)
            status = answer.status
            await self._send(send, receive, answer, headers)
        except Gone:
            pass
        finally:
            self._metrics.end(status, time.perf_counter() - began)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Answer, list[tuple[bytes, bytes]]]:
        if scope["method"] != "POST":
            return failure(405, f"/invocations takes POST, not {scope['method']}"), [(b"allow", b"POST"), _CLOSE]
        if not self._slot.state().answers:
            return failure(503, "the version that is to be served was not asked for too long"), [_CLOSE]
        content_type, length = _described(scope)
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._limits.timeout
        try:
            if length > self._limits.body:
                raise TooLarge
            async with asyncio.timeout_at(ends):
                body = await _read(receive, self._limits.body)
        except TooLarge:
            most = format_size(self._limits.body)
            return failure(413, f"the body is larger than {most}; gitreg serve --max-body allows more"), [_CLOSE]
        except TimeoutError:
            return failure(408, f"the body did not come within {self._limits.timeout:g} s"), [_CLOSE]
        try:
            async with asyncio.timeout_at(ends):
                return await loop.run_in_executor(self._threads, self._predict, content_type, body)
        except TimeoutError:
            return failure(504, f"no answer within {self._limits.timeout:g} s"), []

    def _predict(self, content_type: str, body: bytes) -> tuple[Answer, list[tuple[bytes, bytes]]]:
        this = object()
        self._predicting.add(this)
        try:
            with self._slot.use() as predictor:
                answer = predictor.answer(content_type, body)
                return answer, [(b"x-gitreg-version", predictor.served.name.encode("ascii", "replace"))]
        except GitregError as error:  # the slot is closed, or the model's own process ended
            _log.warning("%s", error.message)
            return failure(503, error.message), []
        except Exception:  # a predictor promises to raise nothing
            _log.exception("no answer")
            return failure(500, "the server failed"), []
        finally:
            self._predicting.discard(this)

    async def _send(self, send: Send, receive: Receive, answer: Answer, headers: list[tuple[bytes, bytes]]) -> None:
        size = str(len(answer.body)).encode()
        head = [(b"content-type", answer.content_type.encode()), (b"content-length", size), *headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": head})
        unread = answer.status == 413
        await send({"type": "http.response.body", "body": answer.body, "more_body": unread})
        if unread:
            # Closing while bytes still come in would make the client's machine drop the answer.
            await _drain(receive, _DRAINED * self._limits.body)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _described(scope: Scope) -> tuple[str, int]:
    content_type, length = "", -1
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value.decode("latin-1")
        elif name == b"content-length" and value.isdigit():
            length = int(value[:20])
    return content_type, length


async def _read(receive: Receive, most: int) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body") and message["type"] != "http.disconnect" and len(body) <= most:
        return body
    pieces, size = [body], len(body)
    while message.get("more_body") and size <= most:
        message = await receive()
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
    if message["type"] == "http.disconnect":
        raise Gone
    if size > most:
        raise TooLarge
    return b"".join(pieces)


async def _drain(receive: Receive, most: int) -> None:
    try:
        async with asyncio.timeout(_DRAINING):
            while most > 0:
                message = await receive()
                if not message.get("more_body"):
                    return
                most -= len(message.get("body", b""))
    except TimeoutError:
        return
