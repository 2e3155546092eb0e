"""gitreg as typed at a prompt: in this process, or in one of its own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitreg.cli._group import Gitreg


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


class _Stream(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", newline="\n")

    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


@contextlib.contextmanager
def _stdin(content: bytes) -> Iterator[None]:
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(content), "utf-8")
    try:
        yield
    finally:
        sys.stdin = before


def gitreg(*args: str | Path, input: bytes = b"", together: bool = False) -> Said:
    """`gitreg ARGS`; `together` has stdout and stderr in `out`, in the order of a terminal."""
    out = _Stream()
    err = out if together else _Stream()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _stdin(input):
        code = Gitreg().main([os.fspath(arg) for arg in args])
    return Said(code, out.text(), "" if together else err.text())


def program(*args: str | Path, **how: Any) -> Said:
    """`gitreg ARGS` in a process of its own; `how` goes to subprocess.run."""
    command = [*how.pop("before", ()), sys.executable, "-m", "gitreg", *map(os.fspath, args)]
    done = subprocess.run(command, **{"stdin": subprocess.DEVNULL, "capture_output": True, "check": False, **how})
    return Said(done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode())


def on_terminal(*args: str, **env: str) -> str:
    """What `gitreg ARGS` prints to a terminal."""
    return python_on_terminal("-m", "gitreg", *args, **env)


def python_on_terminal(*args: str, **env: str) -> str:
    """What `python ARGS` prints to a terminal."""
    mine, theirs = os.openpty()
    command = [sys.executable, *args]
    running = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | env)
    os.close(theirs)
    pieces = []
    while True:
        try:
            piece = os.read(mine, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(mine)
    assert running.wait() == 0, pieces
    return b"".join(pieces).decode().replace("\r\n", "\n")
