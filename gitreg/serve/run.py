"""The server as a process: it listens once the model is loaded, and SIGTERM ends it well."""

from __future__ import annotations

import errno
import signal
import socket
from collections.abc import Callable

import uvicorn

from gitreg.errors import Refused
from gitreg.registry.progress import Progress, silent
from gitreg.serve._base import Served
from gitreg.serve.making import configure, find, make_app
from gitreg.serve.settings import Settings
from gitreg.serve.workers import serve_together

_HOSTS = "--host 127.0.0.1, or 0.0.0.0 for all"


def bind(host: str, port: int) -> socket.socket:
    """A socket that has the address and does not listen yet. Refused where it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise Refused(f"there is no address {host}: {error.strerror}", _HOSTS) from None
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
    hint = f"--port {port + 1 if port else 5000}"
    if error.errno == errno.EADDRNOTAVAIL:
        hint = _HOSTS
    elif error.errno == errno.EACCES:
        hint = "--port 5000, or another above 1023"
    return Refused(f"{host}:{port} cannot be listened at: {error.strerror}", hint)


def address_of(bound: socket.socket) -> str:
    """The socket's address as a URL."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
