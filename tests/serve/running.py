"""`gitreg serve` in processes of its own, and requests to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from testing.serving import becomes, start, stop

JSON = "application/json"


@dataclass(frozen=True)
class Told:
    """An answer over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def predictions(self) -> Any:
        assert self.status == 200, self.body
        return self.json["predictions"]


@dataclass(frozen=True)
class Running:
    """A server that was started, and says what it says into `log`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, path: str, body: Any = None, content_type: str = JSON, method: str = "", headers: Mapping[str, str] = {}
    ) -> Told:
        """One request on a connection of its own; what is not bytes is sent as JSON."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            named = {"Content-Type": content_type} if sent is not None and content_type else {}
            connection.request(method or ("POST" if sent is not None else "GET"), path, sent, {**named, **headers})
            return told(connection.getresponse())

    def predict(self, body: Any, content_type: str = JSON) -> Told:
        return self.ask("/invocations", body, content_type)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def end(self, seconds: float = 20) -> int:
        """SIGTERM to the server alone, as an orchestrator sends it; how it ended."""
        self.process.terminate()
        return self.process.wait(timeout=seconds)


def told(answer: http.client.HTTPResponse) -> Told:
    return Told(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


Serve = Callable[..., Running]
"""`serve("churn@production", "--workers", 2)`: `gitreg serve` and a free port, once it is ready."""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Serve]:
    """Starts servers, whose logs are in `folder`, and ends them."""
    running: list[subprocess.Popen[bytes]] = []

    def serve(*arguments: object, **env: str) -> Running:
        log = folder / f"serve-{len(running)}.log"
        command = [sys.executable, "-m", "gitreg", "serve", "--port", "0", *map(str, arguments)]
        process = start(command, log, cwd=folder, env=env)
        running.append(process)
        listens = re.compile(r"^serving .* on http://.*:([0-9]+)$", re.MULTILINE)
        if not becomes(lambda: bool(listens.search(log.read_text())), process, 60):
            pytest.fail(f"the server does not start: {log.read_text()}", pytrace=False)
        found = listens.search(log.read_text())
        assert found
        return Running(process, int(found[1]), log)

    try:
        yield serve
    finally:
        stop(*running)
