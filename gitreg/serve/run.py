"""The server as a process: what is served is fetched and loaded before anything listens, and SIGTERM ends it well."""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import uvicorn

from gitreg.errors import Refused
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.progress import Progress, silent
from gitreg.serve._base import Predictor, Served, Slot
from gitreg.serve.app import Server
from gitreg.serve.current import Current
from gitreg.serve.follow import first_version, follow
from gitreg.serve.loading import How, fetch_model, load_served, read_folder, warm_up
from gitreg.serve.local import Fixed
from gitreg.serve.protocol import Limits

THREADS = min(32, (os.cpu_count() or 1) + 4)


@dataclass(frozen=True)
class What:
    """What is served: what `ref` names in `registry`, or the model directory `folder`.

    With `every` (seconds) it is looked up again and again; what was not looked up for `max_stale` seconds does not
    answer.
    """

    ref: str | None = None
    folder: Path | None = None
    digest: str | None = None
    registry: str | None = None
    offline: bool | None = None
    every: float | None = None
    max_stale: float | None = None
    how: How = field(default_factory=How)

    def place(self) -> Registry:
        """The registry, opened."""
        return open_registry(self.registry, offline=self.offline, max_stale=self.max_stale)


@dataclass(frozen=True)
class Settings:
    """How it is served. `timeout` is in seconds, `max_body` in bytes; `verbose` logs each request."""

    what: What
    host: str = "127.0.0.1"
    port: int = 5000
    workers: int = 1
    max_body: int = 64 << 20
    timeout: float = 60.0
    verbose: bool = False


def find(what: What, progress: Progress = silent) -> Served:
    """What is to be served now, fetched and verified."""
    if what.folder is not None:
        return read_folder(what.folder, what.digest, progress)
    assert what.ref
    place = what.place()
    if what.every is None:
        return fetch_model(place, what.ref, progress)
    return _fetch_version(place, first_version(what.ref, place, what.max_stale), progress)


def _fetch_version(place: Registry, version: ModelVersion, progress: Progress = silent) -> Served:
    """A version, fetched and verified, with what was known of it when it was looked up: its stage, and how stale."""
    return replace(fetch_model(place, version, progress), version=version)


def make_slot(what: What, served: Served) -> Slot:
    """`served`, loaded and warmed up, in a slot that follows the reference if that is wished."""
    predictor = load_served(served, what.how)
    warm_up(predictor)
    if what.every is None:
        return Fixed(predictor)
    assert what.ref
    place = what.place()

    def make(version: ModelVersion) -> Predictor:
        return load_served(_fetch_version(what.place(), version), what.how)

    current = Current(predictor)
    follow(current, what.ref, place, what.every, what.max_stale, make)
    return current


def make_app(settings: Settings, served: Served) -> Server:
    """The application, its model loaded."""
    slot = make_slot(settings.what, served)
    return Server(slot, ThreadPoolExecutor(THREADS, "gitreg-predict"), Limits(settings.max_body, settings.timeout))


def bind(host: str, port: int) -> socket.socket:
    """A socket that has the address and does not listen yet. Refused where it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise Refused(f"there is no address {host}: {error.strerror}", "--host 127.0.0.1, or 0.0.0.0 for all") from None
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise taken(host, port, error) from None
    return bound


def taken(host: str, port: int, error: OSError) -> Refused:
    """The error for an address that cannot be had."""
    return Refused(f"{host}:{port} cannot be listened at: {error.strerror}", f"--port {port + 1 if port else 5000}")


def address_of(bound: socket.socket) -> str:
    """The socket's address as a URL."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def configure(settings: Settings, app: Any) -> uvicorn.Config:
    """uvicorn's settings. Without `verbose` only what is wrong is logged, with it a line for each request, too."""
    level = {"level": "INFO" if settings.verbose else "WARNING", "handlers": ["stderr"], "propagate": False}
    log = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(message)s"}, "named": {"format": "%(levelname)s: %(message)s"}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "named"},
            "access": {"class": "logging.StreamHandler", "formatter": "plain"},
        },
        "loggers": {
            "gitreg": {**level, "level": "INFO"},
            "uvicorn": {**level, "level": "WARNING"},
            "uvicorn.access": {**level, "handlers": ["access"]},
        },
    }
    return uvicorn.Config(
        app, log_config=log, access_log=settings.verbose, ws="none", lifespan="on", proxy_headers=False,
        server_header=False, workers=settings.workers, factory=settings.workers > 1,
    )  # fmt: skip


class _Announced(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(settings: Settings, ready: Callable[[Served, str], None], progress: Progress = silent) -> None:
    """Serve until SIGTERM or Ctrl-C. `ready` is called with what is served and its URL once it is answered there.

    Raises where the model cannot be fetched, verified or loaded, and where the address cannot be had.
    """
    with bind(settings.host, settings.port) as bound:
        served = find(settings.what, progress)
        address = address_of(bound)
        if settings.workers > 1:
            from gitreg.serve.workers import serve_together

            serve_together(settings, served, bound, lambda: ready(served, address))
        else:
            _serve_here(settings, served, bound, lambda: ready(served, address))


def _serve_here(settings: Settings, served: Served, bound: socket.socket, ready: Callable[[], None]) -> None:
    app = make_app(settings, served)
    # uvicorn raises the signal that ended it once more when everything is answered. SIG_IGN instead would be
    # inherited by processes that are started from here.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        _Announced(configure(settings, app), ready).run([bound])
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise taken(settings.host, settings.port, error) from None
    app.end()
