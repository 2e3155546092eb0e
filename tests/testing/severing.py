"""A wire on loopback to a real server, which a test can cut or block: what a machine that dies does to a connection."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Wire:
    """Passes bytes on, each connection up to `limit` of them (None: all): then it is cut, or with `silent` blocked."""

    port: int
    server: int
    limit: int | None = None
    silent: bool = False
    connections: int = 0

    def _carry(self, client: socket.socket, stop: threading.Event) -> None:
        left = self.limit
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server)) as server:
            while not stop.is_set():
                for ready in select.select([client, server], [], [], 0.1)[0]:
                    piece = ready.recv(1024 if left is not None else 65536)
                    if not piece:
                        return
                    if left is not None and (left := left - len(piece)) <= 0:
                        if self.silent:
                            stop.wait()
                        return
                    (server if ready is client else client).sendall(piece)


@contextlib.contextmanager
def wired(server: int) -> Iterator[Wire]:
    """A wire to the server at that port of this machine."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        wire = Wire(listening.getsockname()[1], server)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while not stop.is_set():
                    client, _ = listening.accept()
                    wire.connections += 1
                    threading.Thread(target=wire._carry, args=(client, stop), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield wire
        finally:
            stop.set()
            listening.shutdown(socket.SHUT_RDWR)
