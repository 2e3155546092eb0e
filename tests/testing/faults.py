"""A proxy on loopback before a real server: what is asked goes through, is counted, and goes wrong as a test says."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

_CHUNK = 64 << 10
_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"}


@dataclass(frozen=True)
class Request:
    """What a client asked: `size` is that of the body, in bytes; `range` the header of that name or Azure's, or ""."""

    method: str
    path: str
    size: int
    range: str = ""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a request: `status` is answered without asking the server; `retry_after` goes with it.

    `cut_request`: the connection dies after half of the request's body. `cut_reply`: after half of the reply's,
    or of its first line where it has no body.
    `silent`: no answer comes until the proxy is told to `release`.
    """

    status: int = 0
    cut_request: bool = False
    cut_reply: bool = False
    silent: bool = False


Rule = Callable[[Request], Fault | None]


def fine(_: Request) -> Fault | None:
    """Nothing goes wrong."""
    return None


def always(fault: Fault, *methods: str) -> Rule:
    """Every request of these methods (all, without any) goes wrong."""
    return lambda request: fault if not methods or request.method in methods else None


def times(count: int, fault: Fault, *methods: str) -> Rule:
    """The first `count` requests of these methods go wrong."""
    left, lock = [count], threading.Lock()

    def rule(request: Request) -> Fault | None:
        with lock:
            if left[0] and (not methods or request.method in methods):
                left[0] -= 1
                return fault
        return None

    return rule


@dataclass
class Proxy:
    """A running proxy. `rule` may be changed at any time; `requests` are those that came, in order."""

    port: int
    upstream: int
    rule: Rule = fine
    requests: list[Request] = field(default_factory=list)
    received: int = 0
    sent: int = 0
    _released: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, *methods: str) -> int:
        """How many requests of these methods came."""
        return sum(1 for request in self.requests if request.method in methods)

    def forget(self) -> None:
        """Count from zero, and let everything through."""
        self.rule = fine
        with self._lock:
            self.requests.clear()
            self.received = self.sent = 0

    def release(self) -> None:
        """Let go of whoever waits for an answer that never comes."""
        self._released.set()

    def _came(self, request: Request) -> Fault:
        with self._lock:
            self.requests.append(request)
        return self.rule(request) or Fault()

    def _moved(self, received: int = 0, sent: int = 0) -> None:
        with self._lock:
            self.received += received
            self.sent += sent


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
    proxy: Proxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: that clients go away is what these tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests look at `Proxy.requests`."""

    def parse_request(self) -> bool:
        parsed = super().parse_request()
        if parsed:
            # One way for all methods, WebDAV's too.
            setattr(self, f"do_{self.command}", self._serve)
        return parsed

    def handle_expect_100(self) -> bool:
        return True  # the body is asked for when the fault is known

    def _serve(self) -> None:
        proxy = self.server.proxy
        size = int(self.headers.get("Content-Length") or 0)
        wanted = self.headers.get("Range") or self.headers.get("x-ms-range") or ""
        fault = proxy._came(Request(self.command, self.path, size, wanted))
        if self.headers.get("Expect", "").lower() == "100-continue":
            if fault.status:
                size, self.close_connection = 0, True  # the body does not come any more
            else:
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fault.silent:
            self._swallow(size)
            proxy._released.wait()
            self._cut()
        elif fault.status:
            self._swallow(size)
            self._refuse(fault.status)
        elif fault.cut_request:
            self._swallow(size // 2)
            self._cut()
        else:
            self._pass_on(proxy, size, fault)

    def _swallow(self, size: int) -> None:
        while size > 0 and (piece := self.rfile.read(min(size, _CHUNK))):
            size -= len(piece)

    def _refuse(self, status: int) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()

    def _cut(self) -> None:
        """End the connection as a machine does that dies: without a goodbye."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _pass_on(self, proxy: Proxy, size: int, fault: Fault) -> None:
        upstream = http.client.HTTPConnection("127.0.0.1", proxy.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP | {"expect"}:
                    upstream.putheader(name, value)
            upstream.endheaders()
            if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
                _copy_chunks(self.rfile, upstream)
            while size > 0 and (piece := self.rfile.read(min(size, _CHUNK))):
                upstream.send(piece)
                proxy._moved(received=len(piece))
                size -= len(piece)
            self._reply(proxy, upstream.getresponse(), fault)
        except (OSError, http.client.HTTPException):
            self._cut()
        finally:
            upstream.close()

    def _reply(self, proxy: Proxy, reply: http.client.HTTPResponse, fault: Fault) -> None:
        bodiless = self.command == "HEAD" or reply.status in {204, 304}
        length = reply.getheader("Content-Length")
        body = reply.read() if not bodiless and length is None else b""
        size = int(length) if length is not None else len(body)
        if fault.cut_reply and (bodiless or size < 2):
            self.wfile.write(b"HTTP/1.1 20")
            self._cut()
            return
        self.send_response_only(reply.status, reply.reason)
        for name, value in reply.getheaders():
            if name.lower() not in _HOP | {"transfer-encoding", "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if bodiless:
            return
        left = size // 2 if fault.cut_reply else size
        if body:
            self.wfile.write(body[:left])
            proxy._moved(sent=left)
            left = 0
        while left > 0 and (piece := reply.read(min(left, _CHUNK))):
            self.wfile.write(piece)
            proxy._moved(sent=len(piece))
            left -= len(piece)
        if fault.cut_reply:
            self.wfile.flush()
            self._cut()


def _copy_chunks(source: IO[bytes], upstream: http.client.HTTPConnection) -> None:
    while True:
        line = source.readline()
        upstream.send(line)
        size = int(line.split(b";")[0], 16)
        upstream.send(source.read(size) + source.readline())
        if not size:
            return


@contextlib.contextmanager
def faulty(upstream: int) -> Iterator[Proxy]:
    """A proxy before the server at port `upstream` of this machine, as long as the block runs."""
    server = _Server(("127.0.0.1", 0), _Handler)
    proxy = server.proxy = Proxy(server.server_address[1], upstream)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.release()
        server.shutdown()
        server.server_close()
        thread.join()
