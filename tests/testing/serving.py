"""Servers of other projects on loopback: a free port, a start that ends when they answer, and an end for all of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest


def program(name: str, package: str, target: str = "make test") -> str:
    """Where a server's program is; where it is not installed the test fails and says what `target` would install."""
    beside = Path(sys.executable).parent  # what pip brought
    found = shutil.which(name, path=f"{beside}:{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.fail(f"no {name}: run `{target}`, which installs {package}", pytrace=False)
    return found


def from_environment(variable: str) -> str:
    """A program whose place `make test-servers` names in a variable."""
    found = os.environ.get(variable)
    if not found:
        pytest.fail(f"{variable} is not set: run `make test-servers`, which installs what it names", pytrace=False)
    return found


def free_port() -> int:
    """A port that nobody listens at. Somebody may before the caller does: see `listening`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def start(
    argv: Sequence[str | Path], log: Path, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program that says what it says into `log`, as the head of a process group that does not outlive us."""
    command = ["setpriv", "--pdeathsig", "TERM", *map(str, argv)]
    with log.open("ab") as file:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True, cwd=cwd,
            env={**os.environ, **(env or {})},
        )  # fmt: skip


def becomes(ready: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 20) -> bool:
    """Wait until `ready()`; false where the process ended before, or the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        if ready():
            return process.poll() is None
        time.sleep(0.02)
    return False


def stop(*processes: subprocess.Popen[bytes], grace: float = 5) -> None:
    """End programs and whatever they started; what is not gone after `grace` seconds is killed."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=grace)
        with contextlib.suppress(ProcessLookupError):  # what outlives its head, too
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def listening(
    name: str,
    command: Callable[[int], Sequence[str | Path]],
    log: Path,
    *,
    port: int | None = None,
    ready: Callable[[int], bool] = accepts,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    seconds: float = 20,
) -> Iterator[int]:
    """`command(port)` as long as the block runs; gives the port, `port` or a free one, once `ready(port)`."""
    for _ in range(1 if port else 5):  # another program may take a port between our asking and the server's
        chosen = port or free_port()
        process = start(command(chosen), log, cwd=cwd, env=env)
        try:
            if becomes(lambda at=chosen: ready(at), process, seconds):  # type: ignore[misc]
                yield chosen
                return
            if process.poll() is None:
                break
        finally:
            stop(process)
    pytest.fail(f"{name} does not start: {log.read_text(errors='replace')[-2000:]}", pytrace=False)
