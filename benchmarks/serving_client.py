"""Asks a server as fast as it answers: each connection sends its next request when it has the answer to the last."""

from __future__ import annotations

import math
import selectors
import socket
import sys
import time
from typing import Any

from measure import serve


class Connection:
    """A connection that is kept, with one request under way at most."""

    def __init__(self, port: int, body: bytes) -> None:
        head = "POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self.request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.read = b""

    def send(self) -> None:
        """Send the request."""
        self.read = b""
        self.sent = time.perf_counter()
        self.socket.sendall(self.request)
        # uvicorn's workers without uvloop send head and body apart with Nagle's algorithm on, and would wait 40 ms for
        # the client's delayed acknowledgement: nothing else would be measured. Linux forgets this option at once.
        if hasattr(socket, "TCP_QUICKACK"):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def answer(self) -> bytes | None:
        """The body of the answer if all of it came. Ends the program where it is not 200."""
        part = self.socket.recv(1 << 16)
        self.read += part
        head, end, body = self.read.partition(b"\r\n\r\n")
        if not part or (end and not head.startswith(b"HTTP/1.1 200 ")):
            sys.exit(f"no good answer: {self.read[:2000]!r}")
        if not end or len(body) < int(head.lower().partition(b"\r\ncontent-length:")[2].split(b"\r\n")[0]):
            return None
        return body


def ask(question: dict[str, Any]) -> dict[str, object]:
    """Ask for `seconds`. Gives requests a second, the median and the 99th percentile in seconds, and the answer."""
    kept = [Connection(question["port"], question["body"].encode()) for _ in range(question["connections"])]
    wanted, taken = None, []
    with selectors.DefaultSelector() as waiting:
        begun = time.perf_counter()
        for connection in kept:
            waiting.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send()
        while waiting.get_map():
            ready = waiting.select(60)
            if not ready:
                sys.exit("no answer within 60 seconds")
            for key, _ in ready:
                connection = key.data
                body = connection.answer()
                if body is None:
                    continue
                now = time.perf_counter()
                taken.append(now - connection.sent)
                wanted = wanted or body
                if body != wanted:
                    sys.exit(f"another answer to the same request: {body[:200]!r}, {wanted[:200]!r}")
                if now < begun + question["seconds"]:
                    connection.send()
                else:
                    waiting.unregister(connection.socket)
                    connection.socket.close()
    assert wanted
    taken.sort()
    return {
        "rate": len(taken) / (now - begun),
        "p50": taken[len(taken) // 2],
        "p99": taken[math.ceil(len(taken) * 0.99) - 1],
        "answer": wanted.decode(),
    }


serve(ask)
