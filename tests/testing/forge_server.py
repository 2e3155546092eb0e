"""The HTTP of a stub forge: its API below the dialect's prefix, git's smart protocol elsewhere."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from testing.forge_stub import StubForge

VARIABLES = {
    "Content-Type": "CONTENT_TYPE", "Content-Encoding": "HTTP_CONTENT_ENCODING", "Git-Protocol": "HTTP_GIT_PROTOCOL",
}  # fmt: skip


@contextlib.contextmanager
def listening(forge: StubForge, certificate: Path | None = None) -> Iterator[str]:
    """Answer at a free port, over TLS with a certificate (and its key, in one file); gives the address."""

    class Answers(_Answers):
        stub = forge

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub: StubForge

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def answer(self) -> None:
        url, body = urlsplit(self.path), self._body()
        if url.path.startswith("/api/"):
            self._api(url.path, dict(parse_qsl(url.query, keep_blank_values=True)), body)
        else:
            self._git(unquote(url.path), url.query, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _api(self, path: str, query: dict[str, str], body: bytes) -> None:
        from testing.forge_stub import Exchange

        headers = {key.lower(): value for key, value in self.headers.items()}
        asked = Exchange(self.command, path, query, headers, _read(headers.get("content-type", ""), body))
        status, more, reply = self.stub.api(asked)
        if isinstance(reply, bytes):
            return self._send(status, list(more.items()), reply)
        found = [("Content-Type", "application/json; charset=utf-8")]
        if isinstance(reply, list) and self.command == "GET":
            reply, link = self._page(reply, path, query)
            found += [("Link", link)] if link else []
        self._send(status, found, b"" if reply is None else json.dumps(reply).encode())

    def _page(self, whole: list[Any], path: str, query: dict[str, str]) -> tuple[list[Any], str]:
        size = min(int(query.get("per_page") or query.get("limit") or 30), self.stub.largest_page)
        page = int(query.get("page", 1))
        more = len(whole) > page * size
        others = "&".join(f"{key}={value}" for key, value in query.items() if key != "page")
        link = f'<{self.stub.address}{path}?{others}&page={page + 1}>; rel="next"' if more else ""
        return whole[(page - 1) * size : page * size], link

    def _git(self, path: str, query: str, body: bytes) -> None:
        from testing.forge_stub import run_backend

        user = self.stub.git_user(self.headers.get("Authorization", ""))
        pushing = "receive-pack" in path or "receive-pack" in query
        if not user or (pushing and self.stub.accounts[user].role == "read"):
            status = 403 if user else 401
            return self._send(status, [("WWW-Authenticate", 'Basic realm="forge"')], b"")
        env = {name: self.headers[key] for key, name in VARIABLES.items() if self.headers.get(key)}
        env |= {"PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": user}
        env |= {"CONTENT_LENGTH": str(len(body)), "REMOTE_ADDR": "127.0.0.1"}
        with self.stub.lock:
            status, headers, content = run_backend(self.stub, env, body)
            for repo in self.stub.repos.values():
                self.stub.refresh(repo)
        self._send(status, headers, content)

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _read(kind: str, body: bytes) -> Any:
    if not body:
        return None
    if "json" in kind:
        return json.loads(body)
    return dict(parse_qsl(body.decode(), keep_blank_values=True))
