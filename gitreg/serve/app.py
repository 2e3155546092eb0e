"""The server's pages: /invocations beside FastAPI, which answers everything else."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from gitreg import __version__
from gitreg.registry.use.answering import failure
from gitreg.serve._base import Served, Slot, State
from gitreg.serve.description import describe
from gitreg.serve.metrics import CONTENT_TYPE, Metrics
from gitreg.serve.page import format_page
from gitreg.serve.protocol import Invocations, Limits, Receive, Scope, Send

_TICK = 1.0  # seconds between two looks at the slot for /metrics, which any of the workers may be asked for


class Server:
    """The ASGI application."""

    def __init__(self, slot: Slot, threads: Executor, limits: Limits) -> None:
        self._metrics = Metrics()
        self._invocations = Invocations(slot, self._metrics, threads, limits)
        self._pages = _pages(slot, self._metrics)
        self._slot = slot
        self._threads = threads

    def end(self) -> None:
        """Give everything back. A prediction that nobody waits for any more is left where it is, with the process.

        So is a version that is being loaded.
        """
        self._slot.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._invocations.busy or self._slot.state().updating:
            sys.stderr.flush()
            os._exit(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/invocations":
            await self._invocations(scope, receive, send)
        else:
            await self._pages(scope, receive, send)


def _pages(slot: Slot, metrics: Metrics) -> FastAPI:
    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        metrics.see(slot)
        looking = asyncio.create_task(_look(slot, metrics))
        yield
        looking.cancel()

    app = FastAPI(lifespan=living, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    @app.api_route("/ping", methods=["GET", "HEAD"])
    async def ping() -> Response:
        if not slot.state().answers:
            return _refused(503, "too stale")
        return Response("\n", media_type="application/json")

    @app.api_route("/health", methods=["GET", "HEAD"])
    async def health() -> Response:
        state = slot.state()
        with slot.use() as predictor:
            content = _health(predictor.served, state)
        return JSONResponse(content, 200 if state.answers else 503)

    @app.get("/version")
    async def version() -> Response:
        return Response(__version__, media_type="text/plain")

    @app.get("/metrics")
    async def tell() -> Response:
        metrics.see(slot)
        return Response(await asyncio.to_thread(metrics.text), media_type=CONTENT_TYPE)

    @app.get("/openapi.json")
    async def openapi() -> Response:
        with slot.use() as predictor:
            return JSONResponse(describe(predictor.served))

    @app.get("/docs")
    async def docs() -> Response:
        with slot.use() as predictor:
            return HTMLResponse(format_page(describe(predictor.served)))

    @app.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        path = request.url.path
        said = {
            404: f"there is no page {path} (/docs tells which there are)",
            405: f"{path} does not take {request.method}",
        }
        return _refused(error.status_code, said.get(error.status_code, str(error.detail)), error.headers)

    return app


async def _look(slot: Slot, metrics: Metrics) -> None:
    while True:
        await asyncio.sleep(_TICK)
        metrics.see(slot)


def _refused(status: int, message: str, headers: Any = None) -> Response:
    found = failure(status, message)
    return Response(found.body, status, headers, found.content_type)


def _health(served: Served, state: State) -> dict[str, object]:
    version = served.version
    stages = version.stages if version else ()
    return {
        "status": state.status,
        "model": served.name,
        "version": version.version if version else served.name.partition("@")[2] or None,
        "number": version.number if version else None,
        "digest": served.digest,
        "stages": list(stages),
        "since": state.since,
        "stale": state.status in ("stale", "too-stale"),
        "checked": state.checked,
        "failed": dict(state.failed) if state.failed else None,
        **state.extra,
    }
